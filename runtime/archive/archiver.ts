/**
 * Moves history from the head to the store. Per journal it cuts fragments one after the other, between appends:
 * a full one when enough bytes have gathered or the UTC day has ended; before that, after a while, a small one
 * under `_tail/`, which makes the documents durable in the store while the head keeps them.
 *
 * The no-gap rule: the head lets go of a range only once the store itself lists the object. The range is recorded
 * before the upload; after a crash the same range is cut again, and gives the same object under the same name.
 */
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { FragmentRecord, Head, JournalId, JournalState } from "../head/head.ts";
import type { Run } from "../journal/run.ts";
import { encodeFragment } from "../store/fragment.ts";
import type { ObjectStore } from "../store/store.ts";

export interface ArchiveSettings {
  /** Uncompressed bytes of documents at which a fragment is cut. */
  readonly targetBytes: number;
  /** How long a document may wait for a tail fragment, ms. */
  readonly tailAfterMs: number;
}

const READ_BYTES = 8 * 1024 * 1024;
const DAY_US = 86_400_000_000;

/** What is remembered of a journal, so that one in which nothing happens costs nothing. */
interface Known {
  /** Whether a range may be intended, or what is archived may still be in the head or under `_tail/`. */
  unfinished: boolean;
  /** Commit times of documents that wait, by offset. */
  readonly times: Map<number, number>;
  /** The first document that the store does not have, and when it was first seen here, ms of a clock that is never set. */
  waiting?: { readonly offset: number; readonly since: number };
}

export class Archiver {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly #epoch: number;
  readonly #settings: ArchiveSettings;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #known = new Map<JournalId, Known>();

  /** `now` gives the wall clock in µs since 1970 UTC, `monotonic` one that is never set, in ms. */
  constructor(
    head: Head,
    store: ObjectStore,
    epoch: number,
    settings: ArchiveSettings,
    now: () => number = () => Date.now() * 1000,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#head = head;
    this.#store = store;
    this.#epoch = epoch;
    this.#settings = settings;
    this.#now = now;
    this.#monotonic = monotonic;
  }

  /**
   * One round over all journals, those too that are new. `everything` also cuts the tails that are not due yet. What
   * fails for one journal does not hold up the others; it is thrown at the end.
   */
  async round(everything = false): Promise<void> {
    const failures: unknown[] = [];
    for (const journal of await this.#head.journals()) {
      const known = this.#known.get(journal.id) ?? { unfinished: true, times: new Map() };
      this.#known.set(journal.id, known);
      if (!known.unfinished && journal.archived === journal.next) continue;
      await this.#archive(journal, known, everything).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #archive(journal: JournalState, known: Known, everything: boolean): Promise<void> {
    let hasMoved = known.unfinished;
    known.unfinished = true;
    let state = journal;
    if (hasMoved) {
      await this.#resume(journal);
      state = await this.#current(journal);
    }
    while (await this.#cutFull(state, known)) {
      // until too little is left for a full fragment. What comes in meanwhile may keep that from ever happening, so the
      // head lets go of each range at once, and uses its room again.
      hasMoved = true;
      await this.#trim(journal.id);
      state = await this.#current(journal);
    }
    await this.#cutTail(state, known, everything);
    if (hasMoved) {
      known.times.clear();
      await this.#dropCoveredTails(state);
      await this.#trim(journal.id);
    }
    known.unfinished = false;
  }

  async #trim(journal: JournalId): Promise<void> {
    protocolPoint("archive.trim.before");
    while (await this.#head.trim(journal)) {
      // a bounded number of batches at a time, so that commits get in between
    }
    protocolPoint("archive.trim.after");
  }

  /** Finishes what a crash or a failed upload left intended. */
  async #resume(journal: JournalState): Promise<void> {
    for (const { first, last, kind } of await this.#head.intendedFragments(journal.id)) {
      const runs = await this.#runsBetween(journal, first, last);
      await this.#upload(journal, runs, kind);
    }
  }

  async #cutFull(journal: JournalState, known: Known): Promise<boolean> {
    const { archived, next, headBytes } = journal;
    if (archived === next) return false;
    const dayIsOver = dayOf(await this.#timeOf(journal, known, archived)) < dayOf(this.#now());
    if (headBytes < this.#settings.targetBytes && !dayIsOver) return false;
    const runs = await this.#runsOfOneDay(journal, archived);
    const bytes = runs.reduce((sum, run) => sum + run.lines.byteLength, 0);
    const newest = runs.at(-1);
    const dayIsComplete =
      newest !== undefined && (newest.first + newest.count < next || dayOf(newest.at) < dayOf(this.#now()));
    if (bytes < this.#settings.targetBytes && !dayIsComplete) return false;
    await this.#upload(journal, runs, "full");
    return true;
  }

  async #cutTail(journal: JournalState, known: Known, everything: boolean): Promise<void> {
    const { stored, next } = journal;
    if (stored === next) return;
    // By both clocks: where the wall clock was set back, commit times are ahead of it.
    if (known.waiting?.offset !== stored) known.waiting = { offset: stored, since: this.#monotonic() };
    const waitedUs = this.#now() - (await this.#timeOf(journal, known, stored));
    const seenMs = this.#monotonic() - known.waiting.since;
    const { tailAfterMs } = this.#settings;
    if (!everything && waitedUs < tailAfterMs * 1000 && seenMs < tailAfterMs) return;
    await this.#upload(journal, await this.#runsOfOneDay(journal, stored), "tail");
  }

  /** Commit time of the document at this offset, which is in the head. */
  async #timeOf({ id }: JournalState, known: Known, offset: number): Promise<number> {
    const time = known.times.get(offset) ?? (await this.#head.readHead(id, offset, 1))[0]?.at;
    if (time === undefined) throw new Error(`The journal ${id} ends before offset ${offset}.`);
    known.times.set(offset, time);
    return time;
  }

  async #current(journal: JournalState): Promise<JournalState> {
    const states = await this.#head.journals();
    return states.find((state) => state.id === journal.id) ?? journal;
  }

  /** Runs from an offset on, up to the target size, the end of their UTC day, or the journal's end. */
  async #runsOfOneDay(journal: JournalState, from: number): Promise<Run[]> {
    const taken: Run[] = [];
    let bytes = 0;
    let offset = from;
    while (bytes < this.#settings.targetBytes) {
      const runs = await this.#head.readHead(journal.id, offset, READ_BYTES);
      if (runs.length === 0) return taken;
      for (const run of runs) {
        if (bytes >= this.#settings.targetBytes) return taken;
        if (taken[0] && dayOf(run.at) !== dayOf(taken[0].at)) return taken;
        taken.push(run);
        bytes += run.lines.byteLength;
        offset = run.first + run.count;
      }
    }
    return taken;
  }

  async #runsBetween(journal: JournalState, first: number, last: number): Promise<Run[]> {
    const taken: Run[] = [];
    for (let offset = first; offset <= last; ) {
      for (const run of await this.#head.readHead(journal.id, offset, READ_BYTES)) {
        if (run.first > last) break;
        taken.push(run);
        offset = run.first + run.count;
      }
    }
    return taken;
  }

  async #upload(journal: JournalState, runs: readonly Run[], kind: FragmentRecord["kind"]): Promise<void> {
    const { collection, logical, partition } = journal;
    const encoded = await encodeFragment({
      collection,
      logical,
      partition,
      epoch: this.#epoch,
      tail: kind === "tail",
      runs,
    });
    const { key, first, last, bytes } = encoded;
    const record: FragmentRecord = { key, first, last, kind, storedBytes: bytes.byteLength };
    protocolPoint("archive.intend.before");
    await this.#head.intendFragment(journal.id, record);
    protocolPoint("archive.intend.after");
    await this.#store.put(key, bytes);
    protocolPoint("archive.upload.after");
    if (!(await this.#lists(key, bytes.byteLength))) {
      throw new Error(
        `The store took ${key} and does not list it; the head keeps its documents until it does.`,
      );
    }
    protocolPoint("archive.publish.before");
    await this.#head.publishFragment(journal.id, record);
    protocolPoint("archive.publish.after");
  }

  async #lists(key: string, size: number): Promise<boolean> {
    for await (const object of this.#store.list(key)) {
      if (object.key === key) return object.size === size;
    }
    return false;
  }

  async #dropCoveredTails(journal: JournalState): Promise<void> {
    const { archived } = await this.#current(journal);
    const covered = (await this.#head.fragments(journal.id)).filter(
      ({ kind, last }) => kind === "tail" && last < archived,
    );
    if (covered.length === 0) return;
    const keys = covered.map(({ key }) => key);
    protocolPoint("archive.tails.before");
    await this.#store.delete(keys);
    protocolPoint("archive.tails.deleted");
    await this.#head.forgetTails(journal.id, keys);
    protocolPoint("archive.tails.after");
  }
}

/** Days since 1970, UTC, of a time in µs. */
function dayOf(at: number): number {
  return Math.floor(at / DAY_US);
}
