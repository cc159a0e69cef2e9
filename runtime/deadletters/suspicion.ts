import type { Report } from "../task/task.ts";

/** So many that fail one after the other, from the first on, are taken for a fault of the flow. */
const SUSPICIOUS_FAILURES = 100;

/** Tells once, loudly, where a task sets everything aside: then it is probably the flow that is wrong. */
export class Suspicion {
  readonly #task: string;
  readonly #report: Report;
  /** Since the task was opened, as long as none went well; undefined from then on. */
  #failures: number | undefined = 0;

  constructor(task: string, report: Report) {
    this.#task = task;
    this.#report = report;
  }

  passed(): void {
    this.#failures = undefined;
  }

  failed(message: string): void {
    if (this.#failures === undefined) return;
    this.#failures++;
    if (this.#failures !== SUSPICIOUS_FAILURES) return;
    const task = this.#task;
    this.#report({
      ...{ kind: "log", task, level: "warn" },
      message: `all of the first ${SUSPICIOUS_FAILURES} documents were set aside, so it is probably the flow that is wrong, not the data. The last one: ${message} (weir deadletters list ${task})`,
    });
  }
}
