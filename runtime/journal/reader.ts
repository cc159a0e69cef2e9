/**
 * Reads one journal from an offset on, for ever. It asks the index for the fragment that covers its offset;
 * else it reads the head; at the end there is nothing yet. There is no hand-over between history and live: the same
 * question is asked for every offset, so a document can be neither skipped nor read twice.
 */
import { letGo } from "../../connectors/buffers.ts";
import { HaltError } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import {
  type FragmentRef,
  type Head,
  type JournalId,
  MAX_READ_BATCHES,
  type ReadAnswer,
} from "../head/head.ts";
import { CorruptFragmentError } from "../store/corrupt-fragment.ts";
import { parseFragmentKey } from "../store/fragment-name.ts";
import { FragmentReader } from "../store/fragment-reader.ts";
import { ObjectNotFoundError, type ObjectStore } from "../store/store.ts";
import type { Run } from "./run.ts";
import { runFrom } from "./runs.ts";

/** Bytes asked of the head at once, and at which a piece of a fragment is handed out. */
export const CHUNK_BYTES = 512 * 1024;
const DAY_US = 86_400_000_000;
/** How often an object is asked for that is not there, or not whole. */
const TRIES = 3;

export interface Chunk {
  readonly runs: readonly Run[];
  /** Offset after the last document. */
  readonly next: number;
  readonly bytes: number;
  /** True where the documents came from a fragment. */
  readonly history: boolean;
}

/** Commit times, µs since 1970 UTC: from the first on, and before the second. */
export interface TimeRange {
  readonly fromTime: number;
  readonly untilTime: number;
}

/** How much of a journal is in memory. */
export interface ReadAhead {
  readonly chunkBytes: number;
  /**
   * Of a fragment. One that takes more while it is being read is left after so many bytes of documents, and read from the
   * store again when the next turn comes.
   */
  readonly keepBytes: number;
  /** Whether the next chunk is asked for before it is needed, so that fetching and working overlap. */
  readonly prefetch: boolean;
}

const ALL_TIME: TimeRange = { fromTime: 0, untilTime: Number.POSITIVE_INFINITY };
const ALONE: ReadAhead = { chunkBytes: CHUNK_BYTES, keepBytes: Number.POSITIVE_INFINITY, prefetch: true };

export class JournalReader {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly journal: JournalId;
  readonly #range: TimeRange;
  /** May be changed at any time. */
  readAhead: ReadAhead = ALONE;
  #offset: number;
  /** That is being handed out. */
  #fragment: FragmentReader | undefined;
  /** Documents of a fragment that was left. */
  #kept: Run[] = [];
  #offered: readonly Run[] = [];
  /** Whether the documents handed out last came from a fragment. */
  #wasInHistory = false;
  /** One chunk at most. */
  #ahead: Promise<Chunk | undefined> | undefined;

  /** Fragments whose whole UTC date is out of `range` are passed over; documents at its edges are not. */
  constructor(head: Head, store: ObjectStore, journal: JournalId, from: number, range: TimeRange = ALL_TIME) {
    this.#head = head;
    this.#store = store;
    this.journal = journal;
    this.#offset = from;
    this.#range = range;
  }

  /** Documents of the head, which it has told of without being asked. They are used if they are what is read next. */
  offer(runs: readonly Run[]): void {
    this.#offered = runs;
  }

  /** The next documents if there are any now; undefined at the journal's end. */
  async poll(): Promise<Chunk | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const chunk = (await ahead) ?? (await this.#fetch());
    if (chunk && this.readAhead.prefetch && (chunk.history || this.#isFull(chunk))) {
      this.#ahead = this.#fetch();
      // A failure is reported by the poll that awaits it.
      this.#ahead.catch(() => {});
    }
    return chunk;
  }

  /** The head gave less than was asked for where there was no more. */
  #isFull({ bytes, runs }: Chunk): boolean {
    return bytes >= this.readAhead.chunkBytes || runs.length === MAX_READ_BATCHES;
  }

  async #fetch(): Promise<Chunk | undefined> {
    const start = this.#offset;
    if (this.#kept.length > 0) return this.#take(this.#kept, true);
    if (this.#fragment) return this.#readOn(this.#fragment);
    for (let attempt = 1; ; attempt++) {
      const answer =
        this.#takeOffered() ?? (await this.#head.read(this.journal, this.#offset, this.readAhead.chunkBytes));
      if (answer.kind === "end") {
        return this.#offset > start ? { runs: [], next: this.#offset, bytes: 0, history: true } : undefined;
      }
      if (answer.kind === "runs") {
        if (this.#wasInHistory) protocolPoint("reader.cutover.before");
        return this.#take([...answer.runs], false);
      }
      if (this.#isOutOfRange(answer.fragment)) {
        this.#offset = answer.fragment.last + 1;
        attempt = 0;
        continue;
      }
      try {
        return await this.#begin(answer.fragment);
      } catch (error) {
        // Compaction may have replaced the object since the index was asked: ask it again.
        if (error instanceof ObjectNotFoundError && attempt < TRIES) continue;
        // It may have been damaged on the way: another copy of it may be whole.
        if (error instanceof CorruptFragmentError && attempt < TRIES) continue;
        if (error instanceof ObjectNotFoundError) throw missing(error, this.journal, answer.fragment);
        throw error;
      }
    }
  }

  #takeOffered(): ReadAnswer | undefined {
    const runs = this.#offered.filter(({ first, count }) => first + count > this.#offset);
    this.#offered = [];
    const [next] = runs;
    return next && next.first <= this.#offset ? { kind: "runs", runs } : undefined;
  }

  async #begin({ key, known }: FragmentRef): Promise<Chunk> {
    const fragment = await FragmentReader.open(await this.#store.get(key), key, this.#offset, known);
    const { keepBytes } = this.readAhead;
    if (fragment.heldBytes <= keepBytes) return this.#readOn(fragment);
    try {
      const runs = await fragment.next(keepBytes);
      // As bytes of their own: they are handed out at different times.
      this.#kept = runs.map((run) => ({ ...run, lines: new Uint8Array(run.lines) }));
    } finally {
      await fragment.close();
    }
    return this.#take(this.#kept, true);
  }

  async #readOn(fragment: FragmentReader): Promise<Chunk> {
    this.#fragment = undefined; // after a failure it is read anew
    let hasMore = false;
    try {
      const runs = await fragment.next(this.readAhead.chunkBytes);
      hasMore = !fragment.isAtEnd;
      if (hasMore) this.#fragment = fragment;
      return this.#take(runs, true);
    } finally {
      if (!hasMore) await close(fragment);
    }
  }

  #isOutOfRange({ key }: FragmentRef): boolean {
    const { fromTime, untilTime } = this.#range;
    const day = Date.parse(parseFragmentKey(key)?.date ?? "") * 1000;
    return day + DAY_US <= fromTime || day >= untilTime;
  }

  /** Takes a chunk's worth off the front of `runs`. */
  #take(runs: Run[], history: boolean): Chunk {
    const taken: Run[] = [];
    let bytes = 0;
    while (runs.length > 0 && bytes < this.readAhead.chunkBytes) {
      const run = runFrom(runs.shift() as Run, this.#offset); // length > 0
      if (run.first !== this.#offset) {
        throw new Error(
          `Journal ${this.journal}: expected offset ${this.#offset}, the read began at ${run.first}.`,
        );
      }
      this.#offset = run.first + run.count;
      bytes += run.lines.byteLength;
      taken.push(run);
    }
    this.#wasInHistory = history;
    return { runs: taken, next: this.#offset, bytes, history };
  }
}

async function close(fragment: FragmentReader): Promise<void> {
  await fragment.close();
  if (fragment.isAtEnd) letGo(fragment.bytes.buffer);
}

/** The index has it, so the store has listed it: nobody but a person brings it back. */
function missing(cause: ObjectNotFoundError, journal: JournalId, { first, last }: FragmentRef): HaltError {
  return new HaltError(
    `${cause.message} It holds the offsets ${first} to ${last} of the journal ${journal}: put it back from a backup or an earlier version, then start the task again.`,
    { cause },
  );
}
