/**
 * Keeps the tasks' threads running: a failing one is opened again after a growing pause while the others go on,
 * a halted one stays down, and a stop lets each finish the transaction it is in.
 */
import type { MessagePort, Worker } from "node:worker_threads";
import type { RuntimeSettings } from "../connectors/driver.ts";
import type { StoreConfig } from "./store/store.ts";
import type { Task, TaskCommand, TaskReport, TaskThreadData } from "./task/task.ts";
import { TaskMonitor } from "./task-status.ts";
import { startWorker } from "./threads/entry.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** A thread that worked this long before it failed begins again with the shortest pause, ms. */
const HEALTHY_AFTER_MS = 60_000;
/** A stopped thread that has not ended by then is ended, ms: its transaction does not commit. */
const STOP_WITHIN_MS = 10_000;

export interface SupervisorParts {
  readonly connectHead: () => MessagePort;
  readonly store: StoreConfig;
  readonly settings: RuntimeSettings;
  readonly onReport: (report: TaskReport) => void;
}

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #threads: TaskThread[];
  readonly monitors: readonly TaskMonitor[];

  /** Each group of tasks gets a thread of its own. */
  constructor(groups: readonly (readonly Task[])[], parts: SupervisorParts) {
    this.#parts = parts;
    this.monitors = groups.flat().map((task) => new TaskMonitor(task));
    const byName = new Map(this.monitors.map((monitor) => [monitor.task.name, monitor]));
    const onReport = (report: TaskReport) => {
      byName.get(report.task)?.accept(report);
      this.#parts.onReport(report);
    };
    this.#threads = groups.map((tasks) => new TaskThread(tasks, parts, onReport));
  }

  start(): void {
    for (const thread of this.#threads) thread.start();
  }

  /** Lets a task finish its transaction and opens it again, one that has halted too. */
  async reopen(task: string): Promise<void> {
    const thread = this.#threads.find(({ names }) => names.includes(task));
    if (!thread) {
      const names = this.#threads.flatMap((each) => each.names).join(", ");
      throw new Error(`Nothing that runs is called "${task}". There are: ${names}.`);
    }
    await thread.reopen(() => {
      for (const monitor of this.monitors) if (thread.names.includes(monitor.task.name)) monitor.reopening();
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
    for (const monitor of this.monitors) monitor.stopped();
  }
}

class TaskThread {
  readonly #tasks: readonly Task[];
  readonly #parts: SupervisorParts;
  readonly #onReport: (report: TaskReport) => void;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopping = false;

  constructor(tasks: readonly Task[], parts: SupervisorParts, onReport: (report: TaskReport) => void) {
    this.#tasks = tasks;
    this.#parts = parts;
    this.#onReport = onReport;
  }

  get names(): readonly string[] {
    return this.#tasks.map(({ name }) => name);
  }

  start(): void {
    const { connectHead, store, settings } = this.#parts;
    const head = connectHead();
    const worker = startWorker(import.meta.url, "./task/task-thread", {
      workerData: { tasks: this.#tasks, head, store, settings } satisfies TaskThreadData,
      transferList: [head],
      name: this.#tasks.map(({ name }) => name).join(", "),
    });
    this.#worker = worker;
    const started = Date.now();
    let ended: "failed" | "done" = "done";
    worker.on("message", (report: TaskReport) => {
      if (report.kind === "failed") ended = "failed";
      this.#onReport(report);
    });
    // An error outside the task's own promise: a throw in a timer, memory used up.
    worker.on("error", (error) => {
      ended = "failed";
      for (const { name } of this.#tasks)
        this.#onReport({ kind: "failed", task: name, message: error.message });
    });
    this.#exited = new Promise((resolve) => {
      worker.once("exit", () => {
        resolve();
        if (ended === "failed" && !this.#stopping) this.#restart(Date.now() - started);
      });
    });
  }

  #restart(workedMs: number): void {
    this.#failures = workedMs > HEALTHY_AFTER_MS ? 1 : this.#failures + 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
    // Up to a quarter longer, so that tasks that failed together do not come back together.
    this.#timer = setTimeout(() => this.start(), pause * (1 + Math.random() / 4));
  }

  /** `between`: after the last report of what ran, and before the first of what comes. */
  async reopen(between: () => void): Promise<void> {
    if (this.#stopping) return;
    await this.stop();
    between();
    this.#stopping = false;
    this.#failures = 0;
    this.start();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#worker?.postMessage({ kind: "stop" } satisfies TaskCommand);
    const deadline = setTimeout(() => void this.#worker?.terminate(), STOP_WITHIN_MS);
    await this.#exited;
    clearTimeout(deadline);
  }
}
