/**
 * Keeps a log of values short. When it has grown well beyond the values that there are, they are logged once more in
 * the order of their keys, some with each commit: so no transaction is long. Once that has gone through all keys,
 * nothing that was logged before it began is needed: a value that is the same as then stands after it, a changed one too.
 */
import type { StateChange } from "./head.ts";
import type { StateKey, StateTable } from "./state-table.ts";

/** Lines of a log that are left alone, however few values there are. */
export const LEAST_LINES = 10_000;
/** How many times the values a log has before a sweep begins. */
const GROWTH = 4;
/** Values that are logged once more for each change. */
const PACE = 2;

/** What is stored with the log's journal. */
export interface LogExtent {
  /** Offset before which nothing is needed. */
  start: number;
  /** Values that there were when the last sweep ended. */
  values: number;
  readonly next: number;
}

interface Sweep {
  readonly began: number;
  reached: StateKey | undefined;
  values: number;
}

export class LogSweeps {
  readonly #state: StateTable;
  readonly #least: number;
  /** By task number. Of this process: after a restart a sweep begins anew. */
  readonly #sweeps = new Map<number, Sweep>();

  constructor(state: StateTable, least: number) {
    this.#state = state;
    this.#least = least;
  }

  /** Whether `before` would read values. */
  isDue(task: number, log: LogExtent): boolean {
    return this.#sweeps.has(task) || log.next - log.start >= Math.max(this.#least, GROWTH * log.values);
  }

  /**
   * What to log once more before so many changes. To be called in their transaction, before they are stored: a value
   * that changes must not be logged as it was after the change. Moves the log's start when a sweep ends.
   */
  before(task: number, log: LogExtent, changes: number): readonly StateChange[] {
    if (!this.isDue(task, log)) return [];
    const sweep = this.#sweeps.get(task) ?? { began: log.next, reached: undefined, values: 0 };
    this.#sweeps.set(task, sweep);
    const { values, last, isLast } = this.#state.page(task, sweep.reached, PACE * changes);
    sweep.reached = last;
    sweep.values += values.length;
    if (isLast) {
      this.#sweeps.delete(task);
      log.start = sweep.began;
      log.values = sweep.values;
    }
    return values;
  }
}
