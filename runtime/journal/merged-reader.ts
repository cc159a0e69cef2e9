/**
 * Reads the journals of a task's sources as one sequence, for ever: history first, then live. It reads in rounds. A
 * round asks the head for its clock, and hands out every document whose time + delay is not past that clock, ordered
 * by (priority, time + delay, journal, offset); the next round does so for what has come since. So live documents
 * never overtake history, and where the priorities are equal a replay gives the order that there was live.
 */
import { letGo } from "../../connectors/buffers.ts";
import { HaltError } from "../../connectors/driver.ts";
import type { Arrival, Head, Horizon, JournalId, JournalState, Position } from "../head/head.ts";
import { isOfShard, type Shard } from "../head/task-layout.ts";
import type { ObjectStore } from "../store/store.ts";
import { CommitWait } from "./commit-wait.ts";
import { JournalCursor } from "./journal-cursor.ts";
import { isWithin, partitionFilter } from "./logical-partition.ts";
import { MergeQueue } from "./merge-queue.ts";
import { CHUNK_BYTES, type ReadAhead } from "./reader.ts";
import type { Run } from "./run.ts";

/** How one source is read. */
export interface MergedSource {
  readonly collection: string;
  /** By partition field, the values that are read, as in the plan. */
  readonly where?: Readonly<Record<string, readonly (string | number | boolean)[]>> | undefined;
  /** The path of the only journal that is read, or a beginning of it: `country=NL/p=00`. */
  readonly partition?: string | undefined;
  /** Whose journals alone are read. */
  readonly shard?: Shard | undefined;
  /** Documents committed before it are passed over, µs since 1970 UTC. */
  readonly fromTime: number;
  /** Documents committed at or after it are passed over, µs since 1970 UTC; Infinity for none. */
  readonly untilTime: number;
  /** Higher goes first. */
  readonly priority: number;
  readonly readDelayMs: number;
}

/** Documents of one commit, of one journal of one source. */
export interface SourceRun {
  /** Index among the sources. */
  readonly source: number;
  readonly journal: JournalId;
  readonly run: Run;
}

export interface MergedChunk {
  /** In the order in which they are to be worked on. May be empty where documents were passed over. */
  readonly runs: readonly SourceRun[];
  /** Of each source, after this chunk. */
  readonly positions: readonly Position[];
  /** The clock of the round that it is of, µs since 1970 UTC. */
  readonly clock: number;
  readonly bytes: number;
}

export interface MergeLimits {
  /** At which a chunk is handed out. */
  readonly chunkBytes: number;
  /** Decoded history of all journals that is in memory, as far as each journal's next chunk allows. */
  readonly memoryBytes: number;
}

export const MERGE_LIMITS: MergeLimits = { chunkBytes: CHUNK_BYTES, memoryBytes: 256 * 1024 * 1024 };
const SMALLEST_READ_BYTES = 16 * 1024;
/** Of a chunk after which more is likely to be there: after less, a reader that waits is told. */
const BACKLOG_BYTES = 16 * 1024;
/** Journals whose next chunk is asked for before it is needed, at most. */
const PREFETCHED_JOURNALS = 8;
/** Fragments that are fetched and decoded at a time. */
const FETCHED_AT_ONCE = 4;

export class MergedReader {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly #sources: readonly Source[];
  readonly #collections: readonly string[];
  readonly #epoch: number;
  readonly #limits: MergeLimits;
  readonly #wait: CommitWait;
  /** Of the running round, or of the last. */
  #clock = 0;
  /** What the round has still to begin with: highest priority last. */
  #classes: JournalCursor[][] = [];
  /** Journals of the priority that is being drained, by what comes next. */
  readonly #queue: MergeQueue<JournalCursor>;
  /** One of them of which the next chunk must be read before the merge can go on. */
  #unfilled: JournalCursor | undefined;
  #readAhead: ReadAhead;
  /** The round that an earlier reader was in, which is to be ended first; 0 for none. */
  #resumed: number;
  /** Buffers of which the last run was handed out. */
  readonly #handedOut: ArrayBufferLike[] = [];
  /** Asked for when a round ends that had much, so that asking and working overlap. */
  #ahead: Promise<Horizon> | undefined;
  #isAheadTold = false;
  /** Whether documents were passed over that no chunk has told of. */
  #passedOver = false;

  private constructor(
    head: Head,
    store: ObjectStore,
    sources: readonly MergedSource[],
    start: readonly (Position | undefined)[],
    epoch: number,
    limits: MergeLimits,
    resumed: number,
  ) {
    this.#head = head;
    this.#resumed = resumed;
    this.#store = store;
    this.#sources = sources.map((source, i) => new Source(source, start[i] ?? {}));
    this.#collections = [...new Set(sources.map(({ collection }) => collection))];
    this.#epoch = epoch;
    this.#limits = limits;
    this.#readAhead = readAheadOf(1, limits);
    this.#wait = new CommitWait(head);
    this.#queue = new MergeQueue((a, b) => this.#isBefore(a, b));
  }

  /**
   * `start` has the position of each source, undefined for one that has not been read. `resumed` is the clock of the
   * chunk that they are of: its round is ended first, so that a restart changes nothing of the order across priorities.
   * Throws `HaltError` where a position names a journal that this data directory does not have.
   */
  static async open(
    head: Head,
    store: ObjectStore,
    sources: readonly MergedSource[],
    start: readonly (Position | undefined)[],
    epoch: number,
    limits: MergeLimits = MERGE_LIMITS,
    resumed = 0,
  ): Promise<MergedReader> {
    refuseForeign(start, await head.journals());
    return new MergedReader(head, store, sources, start, epoch, limits, resumed);
  }

  /** Of each source, after what was handed out. */
  get positions(): readonly Position[] {
    return this.#sources.map((source) => source.position(this.#epoch));
  }

  /**
   * The next documents if there are any that may be read now. With it goes the memory of those that were handed out
   * before: their lines must not be looked at any more.
   */
  async poll(): Promise<MergedChunk | undefined> {
    this.#letGo();
    return this.#handOut((await this.#fromKnownRounds()) ?? (await this.#fromNewRound()));
  }

  /** As `poll`, of what the head has told by now: it is not asked, nor waited for. */
  async more(): Promise<MergedChunk | undefined> {
    this.#letGo();
    return this.#handOut(
      (await this.#fromRound()) ?? (this.#isAheadTold ? await this.#fromRoundAhead() : undefined),
    );
  }

  #letGo(): void {
    for (const buffer of this.#handedOut.splice(0)) letGo(buffer);
  }

  #handOut(chunk: MergedChunk | undefined): MergedChunk | undefined {
    if (!chunk || chunk.bytes < BACKLOG_BYTES || !this.#isDrained) return chunk;
    const ahead = this.#head.horizon(this.#collections);
    this.#ahead = ahead;
    this.#isAheadTold = false;
    const told = () => {
      if (this.#ahead === ahead) this.#isAheadTold = true;
    };
    ahead.then(told, told); // a failure is reported by the call that awaits it
    return chunk;
  }

  async #fromKnownRounds(): Promise<MergedChunk | undefined> {
    return (await this.#fromResumedRound()) ?? (await this.#fromRound()) ?? (await this.#fromRoundAhead());
  }

  async #fromResumedRound(): Promise<MergedChunk | undefined> {
    if (this.#resumed === 0) return undefined;
    const { journals } = await this.#head.horizon(this.#collections);
    this.#begin({ clock: this.#resumed, journals });
    this.#resumed = 0;
    return this.#fromRound();
  }

  async #fromRoundAhead(): Promise<MergedChunk | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!ahead) return undefined;
    this.#begin(await ahead);
    return this.#fromRound();
  }

  async #fromNewRound(): Promise<MergedChunk | undefined> {
    return this.#fromRoundOf(await this.#head.horizon(this.#collections, this.#ends()));
  }

  async #fromRoundOf(arrival: Arrival): Promise<MergedChunk | undefined> {
    for (const source of this.#sources) source.offer(arrival.runs);
    this.#begin(arrival);
    return this.#fromRound();
  }

  /** What has come since the last round ends the wait at once. */
  async #fromRoundAfterWait(signal: AbortSignal): Promise<MergedChunk | undefined> {
    // Before the first round nothing is known to wait for.
    if (this.#clock === 0) return this.#fromNewRound();
    const commit = await this.#wait.until(this.#clock, this.#sources, this.#ends(), signal);
    if (signal.aborted) return undefined;
    if (commit === undefined) return this.#fromNewRound();
    return this.#fromRoundOf(commit);
  }

  /** Up to where the journals have been read, unless there are many, or two sources read one of them. */
  #ends(): Readonly<Record<JournalId, number>> {
    if (this.#collections.length < this.#sources.length) return {};
    const ends = this.#sources.flatMap((source) => source.ends);
    return ends.length > PREFETCHED_JOURNALS ? {} : Object.fromEntries(ends);
  }

  get #isDrained(): boolean {
    return this.#queue.first === undefined && this.#unfilled === undefined && this.#classes.length === 0;
  }

  /** As `poll`, but waits for documents. Undefined once the signal aborts. */
  async next(signal: AbortSignal): Promise<MergedChunk | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      this.#letGo();
      const chunk = (await this.#fromKnownRounds()) ?? (await this.#fromRoundAfterWait(signal));
      if (chunk) return this.#handOut(chunk);
    }
  }

  #begin({ clock, journals }: Horizon): void {
    this.#clock = clock;
    const classes = new Map<number, JournalCursor[]>();
    this.#sources.forEach((source, index) => {
      source.release = Number.POSITIVE_INFINITY;
      for (const state of journals) {
        if (!source.reads(state)) continue;
        const cursor = source.cursor(state, index, this.#head, this.#store);
        if (cursor.extend(state)) this.#passedOver = true;
        if (!cursor.hasMore) continue;
        const equals = classes.get(source.view.priority) ?? [];
        classes.set(source.view.priority, equals);
        equals.push(cursor);
      }
    });
    this.#classes = [...classes].sort(([a], [b]) => a - b).map(([, cursors]) => cursors);
  }

  /** The round's next chunk; undefined at its end. */
  async #fromRound(): Promise<MergedChunk | undefined> {
    const runs: SourceRun[] = [];
    let bytes = 0;
    while (bytes < this.#limits.chunkBytes) {
      try {
        if (!(await this.#hasFirst())) break;
      } catch (error) {
        // What has been taken is handed out; the next call meets the error again.
        if (runs.length > 0) break;
        throw error;
      }
      const taken = this.#take();
      runs.push(taken);
      bytes += taken.run.lines.byteLength;
    }
    if (runs.length === 0 && !this.#passedOver) return undefined;
    this.#passedOver = false;
    return { runs, positions: this.positions, clock: this.#clock, bytes };
  }

  /** Whether the queue has what comes next, after reading what that takes. False at the round's end. */
  async #hasFirst(): Promise<boolean> {
    if (this.#unfilled) {
      await this.#fill(this.#unfilled);
      this.#enqueue(this.#unfilled);
      this.#unfilled = undefined;
    }
    while (this.#queue.first === undefined) {
      const cursors = this.#classes.at(-1);
      if (!cursors) return false;
      this.#readAhead = readAheadOf(cursors.length, this.#limits);
      await this.#fillAll(cursors);
      for (const cursor of cursors) this.#enqueue(cursor);
      this.#classes.pop();
    }
    return true;
  }

  async #fillAll(cursors: readonly JournalCursor[]): Promise<void> {
    const left = [...cursors];
    const fillOneByOne = async () => {
      for (let cursor = left.pop(); cursor; cursor = left.pop()) await this.#fill(cursor);
    };
    // Not Promise.all: after a failure none may go on behind the next call's back.
    const ends = await Promise.allSettled(Array.from({ length: FETCHED_AT_ONCE }, fillOneByOne));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async #fill(cursor: JournalCursor): Promise<void> {
    if (await cursor.fill(this.#readAhead)) this.#passedOver = true;
  }

  #enqueue(cursor: JournalCursor): void {
    if (this.#isDue(cursor)) this.#queue.add(cursor);
  }

  /** Whether the cursor's next run belongs to this round. */
  #isDue(cursor: JournalCursor): boolean {
    if (cursor.run === undefined) return false;
    const source = this.#sourceOf(cursor);
    const time = cursor.run.at + source.delay;
    if (time <= this.#clock) return true;
    source.release = Math.min(source.release, time);
    return false;
  }

  #take(): SourceRun {
    const cursor = this.#queue.first;
    const run = cursor?.run;
    if (!cursor || !run) throw new Error("There is nothing to take: ask `#hasFirst` first.");
    cursor.advance();
    if (cursor.run?.lines.buffer !== run.lines.buffer) this.#handedOut.push(run.lines.buffer);
    if (cursor.run !== undefined && this.#isDue(cursor)) this.#queue.sink();
    else {
      this.#queue.removeFirst();
      if (cursor.run === undefined && cursor.hasMore) this.#unfilled = cursor;
    }
    return { source: cursor.source, journal: cursor.state.id, run };
  }

  /** By time, then by journal. */
  #isBefore(a: JournalCursor, b: JournalCursor): boolean {
    const [timeA, timeB] = [this.#timeOf(a), this.#timeOf(b)];
    if (timeA !== timeB) return timeA < timeB;
    if (a.source !== b.source) return a.source < b.source;
    if (a.state.logical !== b.state.logical) return a.state.logical < b.state.logical;
    return a.state.partition < b.state.partition;
  }

  #timeOf(cursor: JournalCursor): number {
    return (cursor.run?.at ?? 0) + this.#sourceOf(cursor).delay;
  }

  #sourceOf(cursor: JournalCursor): Source {
    return this.#sources[cursor.source] as Source; // the index of one of them
  }
}

class Source {
  readonly view: MergedSource;
  /** µs. */
  readonly delay: number;
  /** The clock at which the first document that waits for its delay is due; Infinity if none waits. */
  release = Number.POSITIVE_INFINITY;
  readonly #start: Position;
  readonly #isWanted: (logical: string) => boolean;
  readonly #cursors = new Map<JournalId, JournalCursor>();

  constructor(view: MergedSource, start: Position) {
    this.view = view;
    this.delay = view.readDelayMs * 1000;
    this.#start = start;
    this.#isWanted = partitionFilter(view.where);
  }

  reads(state: JournalState): boolean {
    if (state.collection !== this.view.collection) return false;
    if (this.#cursors.has(state.id)) return true;
    const { partition, shard } = this.view;
    return this.#isWanted(state.logical) && isWithin(state, partition) && isOfShard(state.partition, shard);
  }

  cursor(state: JournalState, index: number, head: Head, store: ObjectStore): JournalCursor {
    const known = this.#cursors.get(state.id);
    if (known) return known;
    const offset = this.#start[state.id]?.[1] ?? 0;
    const created = new JournalCursor(head, store, index, state, offset, this.view);
    this.#cursors.set(state.id, created);
    return created;
  }

  /** Of its journals, up to where they have been read. */
  get ends(): [JournalId, number][] {
    return [...this.#cursors].map(([journal, { offset }]) => [journal, offset]);
  }

  /** What the head has told of its journals without being asked. */
  offer(runs: Readonly<Record<JournalId, readonly Run[]>>): void {
    for (const [journal, cursor] of this.#cursors) {
      const offered = runs[journal];
      if (offered) cursor.offer(offered);
    }
  }

  /** With what `start` has of journals that are not read now. */
  position(epoch: number): Position {
    const position: Record<JournalId, readonly [number, number]> = { ...this.#start };
    for (const [journal, { offset }] of this.#cursors) {
      if (offset > 0) position[journal] = [epoch, offset];
    }
    return position;
  }
}

function readAheadOf(journals: number, { chunkBytes, memoryBytes }: MergeLimits): ReadAhead {
  if (journals === 1) return { chunkBytes, keepBytes: Number.POSITIVE_INFINITY, prefetch: true };
  const keepBytes = Math.floor(memoryBytes / journals);
  const readBytes = Math.min(chunkBytes, Math.max(SMALLEST_READ_BYTES, keepBytes));
  return { chunkBytes: readBytes, keepBytes, prefetch: journals <= PREFETCHED_JOURNALS };
}

/** Going on from a position that was made against another history would lose or repeat documents. */
function refuseForeign(
  positions: readonly (Position | undefined)[],
  journals: readonly JournalState[],
): void {
  const ends = new Map(journals.map(({ id, next }) => [id, next]));
  for (const [journal, [, offset]] of positions.flatMap((position) => Object.entries(position ?? {}))) {
    const end = ends.get(journal);
    if (end === undefined) {
      throw new HaltError(
        `The checkpoint found belongs to another history (journal ${journal}), which this data directory does not have. Materialize into a new name, or empty the target together with its checkpoint.`,
      );
    }
    if (offset > end) {
      throw new HaltError(
        `The checkpoint found is at offset ${offset} of the journal ${journal}, which ends at ${end} in this data directory: it belongs to another history. Materialize into a new name, or empty the target together with its checkpoint.`,
      );
    }
  }
}
