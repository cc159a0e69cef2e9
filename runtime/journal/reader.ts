/**
 * Reads one journal from an offset on, for ever. It asks the index for the fragment that covers its offset;
 * else it reads the head; at the end it waits. There is no hand-over between history and live: the same
 * question is asked for every offset, so a document can be neither skipped nor read twice.
 */
import type { FragmentRef, Head, JournalId } from "../head/head.ts";
import { decodeFragment } from "../store/fragment.ts";
import { ObjectNotFoundError, type ObjectStore } from "../store/store.ts";
import type { Run } from "./run.ts";
import { runFrom } from "./runs.ts";

/** Bytes asked of the head at once, and at which a piece of a fragment is handed out. */
const CHUNK_BYTES = 2 * 1024 * 1024;

export interface Chunk {
  readonly runs: readonly Run[];
  /** Offset after the last document. */
  readonly next: number;
  readonly bytes: number;
  /** True where the documents came from a fragment. */
  readonly history: boolean;
}

export class JournalReader {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly journal: JournalId;
  #offset: number;
  /** Rest of the fragment that is being handed out. */
  #decoded: Run[] = [];
  /** Asked for before it is needed, so that fetching and working overlap. One chunk at most. */
  #ahead: Promise<Chunk | undefined> | undefined;

  constructor(head: Head, store: ObjectStore, journal: JournalId, from: number) {
    this.#head = head;
    this.#store = store;
    this.journal = journal;
    this.#offset = from;
  }

  /** The next documents if there are any now; undefined at the journal's end. */
  async poll(): Promise<Chunk | undefined> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const chunk = (await ahead) ?? (await this.#fetch());
    if (chunk) {
      this.#ahead = this.#fetch();
      // A failure is reported by the poll that awaits it.
      this.#ahead.catch(() => {});
    }
    return chunk;
  }

  /** The next documents; waits for them at the journal's end. Undefined once the signal aborts. */
  async next(signal: AbortSignal): Promise<Chunk | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const chunk = await this.poll();
      if (chunk) return chunk;
      await untilAborted(this.#head.wait(this.journal, this.#offset), signal);
    }
  }

  async #fetch(): Promise<Chunk | undefined> {
    if (this.#decoded.length > 0) return this.#take(this.#decoded, true);
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#head.read(this.journal, this.#offset, CHUNK_BYTES);
      if (answer.kind === "end") return undefined;
      if (answer.kind === "runs") return this.#take([...answer.runs], false);
      try {
        this.#decoded = await this.#load(answer.fragment);
      } catch (error) {
        // Compaction may have replaced the object since the index was asked: ask it again.
        if (error instanceof ObjectNotFoundError && attempt < 3) continue;
        throw error;
      }
      return this.#take(this.#decoded, true);
    }
  }

  async #load(fragment: FragmentRef): Promise<Run[]> {
    const { runs } = await decodeFragment(await this.#store.get(fragment.key), fragment.key);
    return runs.filter((run) => run.first + run.count > this.#offset);
  }

  /** Takes a chunk's worth off the front of `runs`. */
  #take(runs: Run[], history: boolean): Chunk {
    const taken: Run[] = [];
    let bytes = 0;
    while (runs.length > 0 && bytes < CHUNK_BYTES) {
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
    return { runs: taken, next: this.#offset, bytes, history };
  }
}

/** Waits for the promise, or for the signal if that is sooner. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) resolve(); // the event has passed
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {}); // after an abort no one waits for it any more
  }
}
