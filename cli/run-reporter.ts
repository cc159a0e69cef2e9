/** What `weir run` says while it runs: a live table on a terminal, quiet lines elsewhere, NDJSON if asked. */
import type { Runtime, RuntimeEvent } from "../runtime/runtime.ts";
import type { TaskState, TaskStatus } from "../runtime/task-status.ts";
import { onStderr } from "./paint.ts";
import {
  cut,
  deadLetterLine,
  duration,
  number,
  progressOf,
  renderDeadLetters,
  renderTasks,
} from "./render-status.ts";

const REDRAW_MS = 500;
/** Without a terminal: how often a task that is still behind says where it is, ms. */
const QUIET_PROGRESS_MS = 10_000;

export type ReporterMode = "tty" | "lines" | "json";

export class RunReporter {
  readonly #mode: ReporterMode;
  readonly #startedAt = Date.now();
  readonly #shown = new Map<string, { state: TaskState; at: number; documents: number }>();
  #runtime: Runtime | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Lines of the table that stand on the terminal now. */
  #drawn = 0;

  constructor(mode: ReporterMode) {
    this.#mode = mode;
  }

  started(runtime: Runtime, planHash: string): void {
    this.#runtime = runtime;
    if (this.#mode === "json") this.#json({ event: "started", planHash, pid: process.pid });
    else this.#say(onStderr.dim(`plan ${planHash.slice(0, 12)}, process ${process.pid}`));
    this.#timer = setInterval(() => void this.#tick(), REDRAW_MS);
  }

  accept(event: RuntimeEvent): void {
    switch (event.kind) {
      case "halted":
        this.#tell("halted", event.task, event.message, onStderr.red("halted"));
        return;
      case "failed":
        this.#tell("retrying", event.task, event.message, onStderr.yellow("failed, will be tried again"));
        return;
      case "log":
        this.#tell(
          event.level,
          event.task,
          event.message,
          event.level === "warn" ? onStderr.yellow("warning") : "info",
        );
        return;
      case "store":
        this.#tell(
          "store",
          "store",
          event.message,
          onStderr.yellow("the store does not answer as it should; documents stay in the head"),
        );
        return;
      case "fatal":
        this.#tell("fatal", "weir", event.message, onStderr.red("ended"));
        return;
      case "opened":
      case "progress":
      case "exhausted":
        return;
      default:
        event satisfies never;
    }
  }

  /** Shows what each task came to, where that is not what was shown last. */
  async finish(how: "done" | "stopped"): Promise<void> {
    clearInterval(this.#timer);
    await this.#tick(true);
    await this.#deadLetters();
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    if (this.#mode === "json") this.#json({ event: how, seconds });
    else this.#say(`${how} after ${duration(seconds)}`);
  }

  /** Nobody should overlook what was set aside. */
  async #deadLetters(): Promise<void> {
    const { deadLetters } = (await this.#runtime?.status()) ?? { deadLetters: [] };
    for (const { task, letters } of deadLetters) {
      if (this.#mode === "json") this.#json({ event: "deadletters", task, letters });
      else this.#say(onStderr.yellow(deadLetterLine(task, letters)));
    }
  }

  async #tick(isLast = false): Promise<void> {
    if (!this.#runtime) return;
    const { tasks, deadLetters } = await this.#runtime.status();
    if (this.#mode === "tty")
      this.#draw([...renderTasks(tasks, onStderr), ...renderDeadLetters(deadLetters, onStderr)]);
    else for (const task of tasks) this.#report(task, isLast);
  }

  /** A line when a task's state changes, and now and then while it is behind. */
  #report(task: TaskStatus, isLast: boolean): void {
    const before = this.#shown.get(task.name);
    // A live task is a little behind at any moment: that is no news until it lasts.
    const wasCaughtUp = before?.state === "caught-up" && task.state === "running";
    const isNews = before?.state !== task.state && !wasCaughtUp;
    const isDue = task.backfill !== null && Date.now() - (before?.at ?? 0) > QUIET_PROGRESS_MS;
    if (task.state === "caught-up" && before) before.at = Date.now();
    const isResult = isLast && before?.documents !== task.documents;
    if (!isNews && !isDue && !isResult) return;
    this.#shown.set(task.name, { state: task.state, at: Date.now(), documents: task.documents });
    if (this.#mode === "json") {
      this.#json({ event: "task", ...task });
      return;
    }
    // Told with their reason when they happen.
    if (task.state === "halted" || task.state === "retrying" || task.state === "starting") return;
    const behind = task.documentsBehind > 0 ? `, ${number(task.documentsBehind)} behind` : "";
    const progress = progressOf(task);
    this.#say(
      `${task.name}: ${task.state}, ${number(task.documents)} documents${behind}, ${number(task.rate)}/s${progress ? ` (${progress})` : ""}`,
    );
  }

  #tell(event: string, task: string, message: string, label: string): void {
    if (this.#mode === "json") this.#json({ event, task, message });
    else this.#say(`${task}: ${label}: ${message}`);
  }

  #json(value: object): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  #say(line: string): void {
    this.#erase();
    process.stderr.write(`${line}\n`);
  }

  #draw(lines: readonly string[]): void {
    this.#erase();
    // A wrapped line would put the cursor's way back off by one.
    const columns = process.stderr.columns || 80;
    process.stderr.write(lines.map((line) => `${cut(line, columns)}\n`).join(""));
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) process.stderr.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }
}
