/** What is known of a task while it runs. Values only: fed by reports, read by `status`. */
import type { CollectionView } from "../plan/plan.ts";
import { replaysOf } from "./deadletters/names.ts";
import type { JournalState, Position } from "./head/head.ts";
import { isOfShard, type Shard } from "./head/task-layout.ts";
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
  /** How many of its shards run, of how many. */
  readonly shards: { readonly running: number; readonly of: number };
}

/** Of a shard, before it is known how far behind it is. */
export type ShardState = Exclude<TaskState, "caught-up">;

export interface TaskSnapshot {
  readonly task: Task;
  /** The worst of its shards'. */
  readonly state: ShardState;
  /** Of each shard. */
  readonly shards: readonly ShardState[];
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
  const { task, state, shards, documents, at, rate, lastError, restarts } = snapshot;
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
    shards: { running: shards.filter((each) => each === "running").length, of: shards.length },
  };
}

/** Of the journals that the task, or a shard of it, reads, how many documents it has passed, and how many there are. */
function progressOf(
  { task, positions }: Pick<TaskSnapshot, "task" | "positions">,
  journals: readonly JournalState[],
  shard?: Shard,
): { position: number; end: number } {
  let position = 0;
  let end = 0;
  viewsOf(task).forEach(({ collection, where }, i) => {
    const isRead = partitionFilter(where);
    for (const journal of journals) {
      if (journal.collection !== collection || !isRead(journal.logical)) continue;
      if (!isOfShard(journal.partition, shard)) continue;
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
      return [...task.plan.sources, { collection: replaysOf(task.name) }];
    case "materialization":
      return [task.plan];
    default:
      return task satisfies never;
  }
}

/**
 * Whether a plan's tasks have nothing left to do: bounded captures are exhausted, and every other task stands at
 * the ends of the journals that it reads; one that halted counts as done, and so does a shard. `journals` must be read after the snapshots were taken: a task
 * that stood at a final end then had committed all its outputs, so the ends read now are final for its readers too.
 */
export function isSettled(
  snapshots: readonly Pick<TaskSnapshot, "task" | "shards" | "positions">[],
  journals: readonly JournalState[],
  isBounded: (task: Task) => boolean,
): boolean {
  return snapshots.every((snapshot) => {
    const { task, shards } = snapshot;
    return shards.every((state, index) => {
      if (state === "halted" || state === "exhausted") return true;
      if (task.kind === "capture") return !isBounded(task);
      const { position, end } = progressOf(snapshot, journals, { index, of: shards.length });
      return state === "running" && position === end;
    });
  });
}

/** Rates are over a window of at least this long, ms. */
const RATE_WINDOW_MS = 2_000;

/** The state of a task is that of the shard that is worst off: the first of these. */
const WORST_FIRST: readonly ShardState[] = [
  "halted",
  "retrying",
  "starting",
  "running",
  "exhausted",
  "stopped",
];

interface ShardMonitor {
  state: ShardState;
  /** Of its own journals; undefined before its first report. */
  positions: readonly Position[] | undefined;
  lastError: string | null;
}

const starting = (shards: number): ShardMonitor[] =>
  Array.from({ length: shards }, () => ({ state: "starting", positions: undefined, lastError: null }));

export class TaskMonitor {
  readonly task: Task;
  #shards: readonly ShardMonitor[];
  /** What shards of the layout before had committed: it stands for those that have not reported yet. */
  #before: readonly Position[] | undefined;
  #documents = 0;
  #at = 0;
  #restarts = 0;
  #windowStart = { time: Date.now(), documents: 0 };
  #rate = 0;

  constructor(task: Task, shards = 1) {
    this.task = task;
    this.#shards = starting(shards);
  }

  get state(): ShardState {
    return this.#worst?.state ?? "starting";
  }

  get #worst(): ShardMonitor | undefined {
    const rank = ({ state }: ShardMonitor) => WORST_FIRST.indexOf(state);
    return [...this.#shards].sort((a, b) => rank(a) - rank(b))[0];
  }

  /** The task starts again, in so many shards. */
  layOut(shards: number): void {
    this.#before = this.#positions;
    this.#shards = starting(shards);
  }

  /** Of the shard of this number. */
  accept(report: TaskReport, index = 0): void {
    const shard = this.#shards[index];
    if (!shard) return;
    switch (report.kind) {
      case "opened":
        shard.state = "running";
        return;
      case "progress":
        shard.positions = report.positions;
        this.#documents += report.documents;
        this.#at = Math.max(this.#at, report.at);
        if (report.documents > 0) shard.lastError = null;
        return;
      case "exhausted":
        shard.state = "exhausted";
        return;
      case "halted":
        shard.state = "halted";
        shard.lastError = report.message;
        return;
      case "failed":
        shard.state = "retrying";
        shard.lastError = report.message;
        this.#restarts++;
        return;
      case "log":
        return;
      default:
        report satisfies never;
    }
  }

  /** Shards read different journals, so what each of them tells fits together. */
  get #positions(): readonly Position[] | undefined {
    const told = this.#shards.flatMap(({ positions }) => (positions ? [positions] : []));
    const all = told.length < this.#shards.length && this.#before ? [this.#before, ...told] : told;
    return all.reduce<readonly Position[] | undefined>(
      (merged, positions) => positions.map((position, i) => ({ ...merged?.[i], ...position })),
      undefined,
    );
  }

  /** It is opened again, and may go on from another position. */
  reopening(): void {
    this.#shards = starting(this.#shards.length);
    this.#before = undefined;
  }

  stopped(): void {
    for (const shard of this.#shards) {
      if (shard.state !== "halted" && shard.state !== "exhausted") shard.state = "stopped";
    }
  }

  /** What is known now; its status needs the journals' ends too. */
  snapshot(now = Date.now()): TaskSnapshot {
    this.#measureRate(now);
    const errors = this.#shards.flatMap(({ lastError }) => (lastError === null ? [] : [lastError]));
    return {
      task: this.task,
      state: this.state,
      shards: this.#shards.map(({ state }) => state),
      positions: this.#positions,
      documents: this.#documents,
      at: this.#at,
      rate: this.#rate,
      lastError: this.#worst?.lastError ?? errors[0] ?? null,
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
