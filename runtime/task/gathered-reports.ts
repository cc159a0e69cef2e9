import type { Report, TaskReport } from "./task.ts";

type Progress = Extract<TaskReport, { kind: "progress" }>;

/** A message to another thread costs both about as much as a small transaction. */
const GATHER_MS = 50;

/**
 * Passes reports on, progress some times a second at most: at once where none was told lately, else with all documents since, and
 * always before what else is told.
 */
export class GatheredReports {
  readonly #report: Report;
  /** By task. */
  readonly #progress = new Map<string, Progress>();
  #timer: NodeJS.Timeout | undefined;
  #told = Number.NEGATIVE_INFINITY;

  constructor(report: Report) {
    this.#report = report;
  }

  readonly report: Report = (report) => {
    if (report.kind !== "progress") {
      this.flush();
      this.#report(report);
      return;
    }
    const before = this.#progress.get(report.task);
    const documents = (before?.documents ?? 0) + report.documents;
    const at = Math.max(before?.at ?? 0, report.at);
    this.#progress.set(report.task, { ...report, documents, at });
    const left = this.#told + GATHER_MS - performance.now();
    if (left <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), left);
  };

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#progress.size > 0) this.#told = performance.now();
    for (const progress of this.#progress.values()) this.#report(progress);
    this.#progress.clear();
  }
}
