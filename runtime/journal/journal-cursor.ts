import type { Head, JournalState } from "../head/head.ts";
import type { ObjectStore } from "../store/store.ts";
import { JournalReader, type ReadAhead, type TimeRange } from "./reader.ts";
import type { Run } from "./run.ts";

/** One journal of one source of a `MergedReader`: what of it was handed out, and what comes next. */
export class JournalCursor {
  readonly state: Pick<JournalState, "id" | "logical" | "partition">;
  /** Index among the sources. */
  readonly source: number;
  /** Offset after what was handed out or passed over. */
  offset: number;
  /** Offset up to which documents are known to be there. */
  end = 0;
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly #range: TimeRange;
  #reader: JournalReader | undefined;
  /** Read and not handed out. */
  #runs: readonly Run[] = [];
  #nextRun = 0;
  /** Whether everything from here on is at or after `untilTime`. */
  #isPast = false;

  constructor(
    head: Head,
    store: ObjectStore,
    source: number,
    state: JournalState,
    offset: number,
    range: TimeRange,
  ) {
    this.#head = head;
    this.#store = store;
    this.source = source;
    this.state = state;
    this.offset = offset;
    this.#range = range;
  }

  /** Takes note of what was committed. Passes over what is known to be out of range; true if there was such. */
  extend({ next, lastAt }: JournalState): boolean {
    this.end = next;
    const isOut = (this.#isPast && this.run === undefined) || lastAt < this.#range.fromTime;
    if (this.offset === next || !isOut) return false;
    this.#passOver(next);
    return true;
  }

  /** Documents that the head has told of without being asked. */
  offer(runs: readonly Run[]): void {
    this.#reader?.offer(runs);
  }

  get hasMore(): boolean {
    return this.offset < this.end;
  }

  /** The next run, if it has been read. */
  get run(): Run | undefined {
    return this.#runs[this.#nextRun];
  }

  /** Moves past the next run. */
  advance(): void {
    const run = this.run;
    if (!run) throw new Error("There is no run to move past: `fill` first.");
    this.offset = run.first + run.count;
    this.#nextRun++;
  }

  /** Reads until there is a run, or no more. Returns whether documents out of range were passed over. */
  async fill(readAhead: ReadAhead): Promise<boolean> {
    const start = this.offset;
    while (this.run === undefined && this.hasMore) {
      if (this.#isPast) {
        this.#passOver(this.end);
        break;
      }
      this.#reader ??= new JournalReader(this.#head, this.#store, this.state.id, this.offset, this.#range);
      this.#reader.readAhead = readAhead;
      const chunk = await this.#reader.poll();
      if (!chunk) {
        throw new Error(
          `Journal ${this.state.id} ends at ${this.offset}, and was said to end at ${this.end}.`,
        );
      }
      const { fromTime, untilTime } = this.#range;
      const runs = chunk.runs.filter(({ at }) => at >= fromTime && at < untilTime);
      this.#runs = runs;
      this.#nextRun = 0;
      this.offset = runs[0]?.first ?? chunk.next;
      this.#isPast = chunk.runs.some(({ at }) => at >= untilTime);
    }
    return this.run === undefined ? this.offset > start : false;
  }

  #passOver(to: number): void {
    this.offset = Math.max(this.offset, to);
    this.#runs = [];
    this.#nextRun = 0;
    this.#reader = undefined;
  }
}
