/** One thread of a task, or of captures that share one: started, started again after a failure, ended. */
import type { MessagePort, Worker } from "node:worker_threads";
import type { Head } from "./head/head.ts";
import { type Shard, showShard } from "./head/task-layout.ts";
import { DocumentError, haltOf } from "./task/derivation/place.ts";
import type { Task, TaskCommand, TaskReport } from "./task/task.ts";
import { type Work, WorkCell } from "./task/work-cell.ts";
import type { TaskThreads } from "./task-threads.ts";
import { Watchdog } from "./watchdog.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** A thread that worked this long before it failed begins again with the shortest pause, ms. */
const HEALTHY_AFTER_MS = 60_000;
/** A stopped thread that has not ended by then is ended, ms: its transaction does not commit. */
const STOP_WITHIN_MS = 10_000;

/** What a thread may take, so that it harms nobody but itself. */
export interface ThreadLimits {
  /** How long a function of a flow may work on one document. */
  readonly transformSeconds: number;
  /** Of a thread's heap: its objects, not the buffers that documents are read in. */
  readonly threadMemoryMb: number;
}

export interface ThreadParts {
  readonly head: Head;
  readonly connectHead: () => MessagePort;
  readonly threads: TaskThreads;
  readonly limits: ThreadLimits;
}

export class SupervisedThread {
  readonly #tasks: readonly Task[];
  /** Undefined where the thread runs whole tasks. */
  readonly #shard: Shard | undefined;
  readonly #parts: ThreadParts;
  readonly #onReport: (report: TaskReport) => void;
  #worker: Worker | undefined;
  #watchdog: Watchdog | undefined;
  #exited: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopping = false;

  constructor(
    tasks: readonly Task[],
    shard: Shard | undefined,
    parts: ThreadParts,
    onReport: (report: TaskReport) => void,
  ) {
    this.#tasks = tasks.map((task) => (task.kind === "derivation" && shard ? { ...task, shard } : task));
    this.#shard = shard;
    this.#parts = parts;
    this.#onReport = onReport;
  }

  start(): void {
    const { connectHead, threads, limits } = this.#parts;
    const head = connectHead();
    const cell = new WorkCell();
    const worker = threads.take(this.#tasks);
    const data = { tasks: this.#tasks, head, work: cell.buffer };
    worker.postMessage({ kind: "run", data } satisfies TaskCommand, [head]);
    this.#worker = worker;
    this.#watchdog = new Watchdog(cell, limits.transformSeconds);
    const started = performance.now();
    let ended: "failed" | "halted" | undefined;
    worker.on("message", (report: TaskReport) => {
      if (this.#worker !== worker) return;
      if (report.kind === "failed" || report.kind === "halted") ended = report.kind;
      this.#report(report);
    });
    const fail = (message: string) => {
      if (this.#worker !== worker) return;
      ended = "failed";
      for (const { name } of this.#tasks) this.#report({ kind: "failed", task: name, message });
    };
    // An error outside the task's own promise: a throw in a timer, memory used up.
    worker.on("error", (error) => fail(this.#describe(error, cell.look())));
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        resolve();
        if (this.#worker !== worker || this.#stopping) return;
        this.#watchdog = undefined;
        // A derivation or a materialization has no end of its own.
        if (ended === undefined && this.#tasks.every(({ kind }) => kind !== "capture")) {
          fail(
            `Its thread was ended from inside, with exit code ${code}: look for process.exit in its code.`,
          );
        }
        if (ended === "failed") this.#restart(performance.now() - started);
      });
    });
  }

  /** An error may come after a report, and belongs to the shard as that does. */
  #report(report: TaskReport): void {
    if (!this.#shard || !("message" in report)) this.#onReport(report);
    else this.#onReport({ ...report, message: `${showShard(this.#shard)}: ${report.message}` });
  }

  #describe(error: Error & { readonly code?: string }, work: Work | undefined): string {
    if (error.code !== "ERR_WORKER_OUT_OF_MEMORY") return error.message;
    const at =
      work &&
      `, while ${lowered(work.title)} worked on offset ${work.place.offset} of "${work.place.collection}"`;
    return `Its thread has used up the ${this.#parts.limits.threadMemoryMb} MB of memory that it may take${at ?? ""}. Give it more by limits.threadMemoryMb in weir.config.ts, or have its functions hold less.`;
  }

  /** To be called every `LOOK_MS`: ends a thread whose function does not return. */
  look(): void {
    const work = this.#stopping ? undefined : this.#watchdog?.look();
    if (work) void this.#endOvertime(work);
  }

  async #endOvertime({ title, place }: Work): Promise<void> {
    const worker = this.#worker;
    this.#watchdog = undefined;
    this.#worker = undefined; // nothing that it says from here on counts
    await worker?.terminate();
    const { transformSeconds } = this.#parts.limits;
    const late = new DocumentError(
      place,
      (document) =>
        `${title} had not returned after ${transformSeconds} s with ${document}, and was ended; nothing of this document is stored. Look for a loop without end, correct it and run again; or allow more time by limits.transformSeconds in weir.config.ts.`,
      { what: `${title} does not return`, stack: undefined },
    );
    const { message } = await haltOf(late, this.#parts.head);
    if (this.#stopping) return;
    for (const { name } of this.#tasks) this.#report({ kind: "halted", task: name, message });
  }

  #restart(workedMs: number): void {
    this.#failures = workedMs > HEALTHY_AFTER_MS ? 1 : this.#failures + 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
    // Up to a quarter longer, so that tasks that failed together do not come back together.
    this.#timer = setTimeout(() => this.start(), pause * (1 + Math.random() / 4));
  }

  /** Starts again, after `stop`. */
  startAnew(): void {
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

function lowered(title: string): string {
  return title.charAt(0).toLowerCase() + title.slice(1);
}
