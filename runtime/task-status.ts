/** What is known of a task while it runs. Values only: fed by reports, read by `status`. */
import type { CollectionView } from "../plan/plan.ts";
import type { JournalState, Position } from "./head/head.ts";
import { partitionFilter } from "./journal/logical-partition.ts";
import type { Task, TaskReport } from "./task/task.ts";

export type TaskState =
  | "starting"
  | "running"
  | "caught-up"
  | "retrying"
  | "halted"
  | "exhausted"
  | "stopped";

export interface TaskStatus {
  readonly name: string;
  readonly kind: Task["kind"];
  readonly state: TaskState;
  /** Documents of its sources' journals that it has passed; null for a capture. */
  readonly position: number | null;
  /** Documents read, or captured, since this process started. */
  readonly documents: number;
  readonly documentsBehind: number;
  /** Age of what it has not read yet: 0 when caught up. */
  readonly secondsBehind: number;
  /** Documents per second over the last seconds. */
  readonly rate: number;
  /** While it is behind: share of its source that it has read, and the time left at the current rate. */
  readonly backfill: { readonly percent: number; readonly etaSeconds: number | null } | null;
  readonly lastError: string | null;
  readonly restarts: number;
}

export interface TaskSnapshot {
  readonly task: Task;
  readonly state: Exclude<TaskState, "caught-up">;
  /** Committed, of each source; undefined before the first report, and for a capture. */
  readonly positions: readonly Position[] | undefined;
  readonly documents: number;
  /** Commit time of the newest document read, µs since 1970 UTC; 0 if none. */
  readonly at: number;
  readonly rate: number;
  readonly lastError: string | null;
  readonly restarts: number;
}

/**
 * `journals` must be read after the snapshot was taken. Then a task that counts as caught up was so: it stood at an
 * end that is not older than itself. The other way round a chain of tasks could look finished while documents are
 * between two of them.
 */
export function statusOf(snapshot: TaskSnapshot, journals: readonly JournalState[], now: number): TaskStatus {
  const { task, state, documents, at, rate, lastError, restarts } = snapshot;
  const { position, end } = progressOf(snapshot, journals);
  const documentsBehind = end - position;
  const caughtUp = task.kind !== "capture" && state === "running" && documentsBehind === 0;
  return {
    name: task.name,
    kind: task.kind,
    state: caughtUp ? "caught-up" : state,
    position: task.kind === "capture" ? null : position,
    documents,
    documentsBehind,
    secondsBehind: documentsBehind === 0 || at === 0 ? 0 : Math.max(0, Math.round(now / 1000 - at / 1e6)),
    rate: Math.round(rate),
    backfill:
      documentsBehind === 0
        ? null
        : {
            percent: Math.floor((100 * position) / end),
            etaSeconds: rate > 0 ? Math.ceil(documentsBehind / rate) : null,
          },
    lastError,
    restarts,
  };
}

/** Of the journals that the task reads, how many documents it has passed, and how many there are. */
function progressOf(
  { task, positions }: Pick<TaskSnapshot, "task" | "positions">,
  journals: readonly JournalState[],
): { position: number; end: number } {
  let position = 0;
  let end = 0;
  viewsOf(task).forEach(({ collection, where }, i) => {
    const isRead = partitionFilter(where);
    for (const journal of journals) {
      if (journal.collection !== collection || !isRead(journal.logical)) continue;
      end += journal.next;
      position += positions?.[i]?.[journal.id]?.[1] ?? 0;
    }
  });
  return { position, end };
}

/** What the task reads, in the order of its positions. */
function viewsOf(task: Task): readonly CollectionView[] {
  switch (task.kind) {
    case "capture":
      return [];
    case "derivation":
      return task.plan.sources;
    case "materialization":
      return [task.plan];
    default:
      return task satisfies never;
  }
}

/**
 * Whether a plan's tasks have nothing left to do: bounded captures are exhausted, and every other task stands at
 * the ends of the journals that it reads; one that halted counts as done. `journals` must be read after the snapshots were taken: a task
 * that stood at a final end then had committed all its outputs, so the ends read now are final for its readers too.
 */
export function isSettled(
  snapshots: readonly Pick<TaskSnapshot, "task" | "state" | "positions">[],
  journals: readonly JournalState[],
  isBounded: (task: Task) => boolean,
): boolean {
  return snapshots.every((snapshot) => {
    const { task, state } = snapshot;
    if (state === "halted" || state === "exhausted") return true;
    if (task.kind === "capture") return !isBounded(task);
    const { position, end } = progressOf(snapshot, journals);
    return state === "running" && position === end;
  });
}

/** Rates are over a window of at least this long, ms. */
const RATE_WINDOW_MS = 2_000;

export class TaskMonitor {
  readonly task: Task;
  #state: Exclude<TaskState, "caught-up"> = "starting";
  #positions: readonly Position[] | undefined;
  #documents = 0;
  #at = 0;
  #lastError: string | null = null;
  #restarts = 0;
  #windowStart = { time: Date.now(), documents: 0 };
  #rate = 0;

  constructor(task: Task) {
    this.task = task;
  }

  get state(): Exclude<TaskState, "caught-up"> {
    return this.#state;
  }

  accept(report: TaskReport): void {
    switch (report.kind) {
      case "opened":
        this.#state = "running";
        return;
      case "progress":
        this.#positions = report.positions ?? this.#positions;
        this.#documents += report.documents;
        this.#at = Math.max(this.#at, report.at);
        if (report.documents > 0) this.#lastError = null;
        return;
      case "exhausted":
        this.#state = "exhausted";
        return;
      case "halted":
        this.#state = "halted";
        this.#lastError = report.message;
        return;
      case "failed":
        this.#state = "retrying";
        this.#lastError = report.message;
        this.#restarts++;
        return;
      case "log":
        return;
      default:
        report satisfies never;
    }
  }

  /** It is opened again, and may go on from another position. */
  reopening(): void {
    this.#state = "starting";
    this.#positions = undefined;
    this.#lastError = null;
  }

  stopped(): void {
    if (this.#state !== "halted" && this.#state !== "exhausted") this.#state = "stopped";
  }

  /** What is known now; its status needs the journals' ends too. */
  snapshot(now = Date.now()): TaskSnapshot {
    this.#measureRate(now);
    return {
      task: this.task,
      state: this.#state,
      positions: this.#positions,
      documents: this.#documents,
      at: this.#at,
      rate: this.#rate,
      lastError: this.#lastError,
      restarts: this.#restarts,
    };
  }

  #measureRate(now: number): void {
    const elapsed = now - this.#windowStart.time;
    if (elapsed < RATE_WINDOW_MS && this.#rate > 0) return;
    if (elapsed < 250) return;
    this.#rate = ((this.#documents - this.#windowStart.documents) * 1000) / elapsed;
    this.#windowStart = { time: now, documents: this.#documents };
  }
}
