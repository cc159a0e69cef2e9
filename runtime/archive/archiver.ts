/**
 * Moves history from the head to the store. Per journal it cuts fragments one after the other, between appends:
 * a full one when enough bytes have gathered or the UTC day has ended; before that, after a while, a small one
 * under `_tail/`, which makes the documents durable in the store while the head keeps them. With the small ones comes a
 * cut: the rest of the head, at one moment, once the store lists all documents of that moment.
 *
 * The no-gap rule: the head lets go of a range only once the store itself lists the object. The range is recorded
 * before the upload; after a crash the same range is cut again, and gives the same object under the same name.
 */
import { letGo } from "../../connectors/buffers.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type {
  ArchivedJournal,
  FragmentRecord,
  Head,
  HeadSnapshot,
  JournalId,
  JournalState,
} from "../head/head.ts";
import { openRun } from "../head/sealed.ts";
import { journalFolder } from "../journal/logical-partition.ts";
import type { Run } from "../journal/run.ts";
import { encodeFragment } from "../store/fragment.ts";
import { folderOf, parseFragmentKey } from "../store/fragment-name.ts";
import type { EncodedFragment } from "../store/fragment-writer.ts";
import { digestOf } from "../store/known-object.ts";
import type { ObjectStore } from "../store/store.ts";
import { Boundaries } from "../store-epoch/claims.ts";
import { isTakenOver } from "../store-epoch/held-claim.ts";
import type { Strays } from "../store-epoch/strays.ts";
import { dropOtherCuts, putCut } from "./cut.ts";
import { nextTailFrom } from "./tail-range.ts";

export interface ArchiveSettings {
  /** Uncompressed bytes of documents at which a fragment is cut. */
  readonly targetBytes: number;
  /** How long a document, and whatever else a cut holds, may wait for the store, ms. */
  readonly tailAfterMs: number;
}

/** In whose name objects are put. */
export interface ArchiveClaim {
  readonly epoch: number;
  /** Undefined where nobody else can have written there. */
  readonly strays?: Strays | undefined;
  readonly boundaries: Boundaries;
  /** Throws if another process has taken over. */
  verify(): Promise<void>;
  /** To be called when a round begins: what was verified in the one before is not believed any more. */
  forget(): void;
}

/** Of a store that nobody else can write to. */
export function unrivalled(epoch: number): ArchiveClaim {
  return { epoch, boundaries: new Boundaries([]), verify: async () => {}, forget: () => {} };
}

/** Asked of the head at once. */
const READ_BYTES = 2 * 1024 * 1024;
const DAY_US = 86_400_000_000;

/** What is remembered of a journal, so that one in which nothing happens costs nothing. */
interface Known {
  /** Whether a range may be intended, or what is archived may still be in the head or under `_tail/`. */
  unfinished: boolean;
  /** Commit times of documents that wait, by offset. */
  readonly times: Map<number, number>;
}

export class Archiver {
  readonly #head: Head;
  readonly #store: ObjectStore;
  readonly #claim: ArchiveClaim;
  readonly #settings: ArchiveSettings;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #known = new Map<JournalId, Known>();
  /** What the newest cut of this process holds, and since when there is more, ms of a clock that is never set. */
  #cutRevision = 0;
  #changedSince: number | undefined;
  /** Of logs, what the newest cut of this process does not need. */
  readonly #logStarts = new Map<JournalId, number>();

  /** `now` gives the wall clock in µs since 1970 UTC, `monotonic` one that is never set, in ms. */
  constructor(
    head: Head,
    store: ObjectStore,
    claim: ArchiveClaim,
    settings: ArchiveSettings,
    now: () => number = () => Date.now() * 1000,
    monotonic: () => number = () => performance.now(),
  ) {
    this.#head = head;
    this.#store = store;
    this.#claim = claim;
    this.#settings = settings;
    this.#now = now;
    this.#monotonic = monotonic;
  }

  /**
   * One round over all journals, those too that are new. `everything` also puts what is not due yet. What fails for one
   * journal does not hold up the others; it is thrown at the end, and no cut is put.
   */
  async round(everything = false): Promise<void> {
    this.#claim.forget();
    let { revision, journals } = await this.#head.survey();
    const isDue = await this.#isCutDue(revision, journals, everything);
    const cut = isDue ? await this.#head.snapshot() : undefined;
    // What was made in between is in the cut, too.
    if (cut) journals = (await this.#head.survey()).journals;
    const ends = new Map(cut?.journals.map(({ id, next }) => [id, next]));
    await this.#claim.strays?.look(journals);
    const failures: unknown[] = [];
    for (const journal of journals) {
      const known = this.#knownOf(journal);
      const end = ends.get(journal.id) ?? 0;
      if (known.unfinished || journal.archived < journal.next || this.#straysOf(journal).length > 0) {
        await this.#archive(journal, known, end).catch((error: unknown) => failures.push(error));
      }
    }
    if (failures.length > 0) throw failures.find(isTakenOver) ?? failures[0];
    if (cut) await this.#putCut(cut);
  }

  #knownOf({ id }: JournalState): Known {
    const known = this.#known.get(id) ?? { unfinished: true, times: new Map() };
    this.#known.set(id, known);
    return known;
  }

  async #isCutDue(
    revision: number,
    journals: readonly ArchivedJournal[],
    everything: boolean,
  ): Promise<boolean> {
    if (revision === this.#cutRevision) return false;
    if (everything) return true;
    // By both clocks: where the wall clock was set back, commit times are ahead of it.
    this.#changedSince ??= this.#monotonic();
    const { tailAfterMs } = this.#settings;
    if (this.#monotonic() - this.#changedSince >= tailAfterMs) return true;
    for (const journal of journals) {
      const { stored, next } = journal;
      if (stored === next) continue;
      // Of what an earlier process took in, too. What cannot be read is told when its turn comes, after the others.
      const at = await this.#timeOf(journal, this.#knownOf(journal), stored).catch(() => undefined);
      if (at !== undefined && this.#now() - at >= tailAfterMs * 1000) return true;
    }
    return false;
  }

  async #putCut(cut: HeadSnapshot): Promise<void> {
    await this.#claim.verify();
    const stored = await putCut(this.#store, this.#claim.epoch, cut);
    await this.#head.noteCut(stored);
    protocolPoint("archive.cut.noted");
    this.#cutRevision = cut.revision;
    this.#changedSince = undefined;
    const { boundaries } = this.#claim;
    await dropOtherCuts(this.#store, cut.clock, (name) => boundaries.counts(name.epoch, name.clock));
    protocolPoint("archive.cut.after");
    await this.#dropOldLogs(cut);
  }

  /** Full fragments of logs that neither this cut needs nor the one before it, which stays in the store. */
  async #dropOldLogs(cut: HeadSnapshot): Promise<void> {
    for (const { id, start } of cut.journals) {
      const needed = this.#logStarts.get(id) ?? 0;
      if (start > 0) this.#logStarts.set(id, start);
      if (needed === 0) continue;
      const full = (await this.#head.fragments(id)).filter(({ kind }) => kind === "full");
      // The newest stays: the index goes on from it.
      const old = full.slice(0, -1).filter(({ last }) => last < needed);
      if (old.length === 0) continue;
      const keys = old.map(({ key }) => key);
      await this.#store.delete(keys);
      await this.#head.forgetFragments(id, keys);
    }
  }

  /** Everything that a full fragment may be cut of; and what lies before `end` at least in a small one. */
  async #archive(journal: ArchivedJournal, known: Known, end: number): Promise<void> {
    let hasMoved = known.unfinished;
    known.unfinished = true;
    let state = journal;
    if (hasMoved) {
      await this.#resume(journal);
      state = await this.#current(journal);
    }
    state = await this.#dropStrays(state, known);
    // Bounded by what was there when the round began: a journal that grows fast must not hold up the others. And the
    // head lets go of each range at once, and uses its room again.
    while (state.archived < journal.next && (await this.#cutFull(state, known))) {
      hasMoved = true;
      await this.#trim(journal.id);
      state = await this.#current(journal);
    }
    if (state.stored < end) {
      await this.#cutTails(state, end);
      hasMoved = true;
    }
    if (hasMoved) {
      known.times.clear();
      await this.#dropCoveredTails(state);
      await this.#trim(journal.id);
    }
    known.unfinished = false;
  }

  #straysOf(journal: ArchivedJournal) {
    return this.#claim.strays?.of(journal, this.#claim.boundaries) ?? [];
  }

  /**
   * Deletes what belongs to no history, before a full fragment has the same offsets again. What of it counts is put
   * under `_tail/` before that.
   */
  async #dropStrays(journal: ArchivedJournal, known: Known): Promise<ArchivedJournal> {
    const strays = this.#straysOf(journal);
    if (strays.length === 0) return journal;
    const needed = Math.min(journal.next, Math.max(...strays.map((stray) => stray.needed)));
    let state = journal;
    if (state.stored < needed) {
      state = await this.#cutTails(state, needed);
      known.times.clear();
    }
    await this.#claim.verify();
    protocolPoint("archive.strays.before");
    await this.#claim.strays?.delete(strays);
    protocolPoint("archive.strays.after");
    return state;
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
    for (const { key, first, last, kind } of await this.#head.intendedFragments(journal.id)) {
      const encoded = await this.#encode(journal, this.#runsBetween(journal, first, last), kind, key);
      if (encoded.key !== key) {
        throw new Error(
          `The head holds other documents than when ${key} was begun: it would be ${encoded.key} now. Nothing of this journal is archived; restore the head's disk, or run "weir restore" with a new dataDir.`,
        );
      }
      await this.#upload(journal, encoded, kind);
    }
  }

  async #cutFull(journal: ArchivedJournal, known: Known): Promise<boolean> {
    const { archived, next, headBytes } = journal;
    if (archived === next) return false;
    const dayIsOver = dayOf(await this.#timeOf(journal, known, archived)) < dayOf(this.#now());
    if (headBytes < this.#settings.targetBytes && !dayIsOver) return false;
    const encoded = await this.#encode(journal, this.#runsOfOneDay(journal, archived), "full");
    const { documentBytes, last, lastAt } = encoded;
    const dayIsComplete = last + 1 < next || dayOf(lastAt) < dayOf(this.#now());
    if (documentBytes < this.#settings.targetBytes && !dayIsComplete) return false;
    await this.#upload(journal, encoded, "full");
    return true;
  }

  /** Until the store has every document below `end`. */
  async #cutTails(journal: ArchivedJournal, end: number): Promise<ArchivedJournal> {
    let state = journal;
    while (state.stored < end) {
      const { archived, stored, next } = state;
      const tails = (await this.#head.fragments(journal.id)).filter(({ kind }) => kind === "tail");
      const from = nextTailFrom(tails, archived, stored, next);
      let encoded = await this.#encode(state, this.#runsOfOneDay(state, from), "tail");
      // Those before it may be of another day, or fill a fragment by themselves.
      if (encoded.last < stored)
        encoded = await this.#encode(state, this.#runsOfOneDay(state, stored), "tail");
      await this.#upload(state, encoded, "tail");
      state = await this.#current(state);
    }
    return state;
  }

  /** Commit time of the document at this offset, which is in the head. */
  async #timeOf({ id }: JournalState, known: Known, offset: number): Promise<number> {
    const time = known.times.get(offset) ?? (await this.#head.readHead(id, offset, 1))[0]?.at;
    if (time === undefined) throw new Error(`The journal ${id} ends before offset ${offset}.`);
    known.times.set(offset, time);
    return time;
  }

  async #current(journal: ArchivedJournal): Promise<ArchivedJournal> {
    const { journals } = await this.#head.survey([journal.id]);
    return journals[0] ?? journal;
  }

  /** Runs from an offset on, up to the target size, the end of their UTC day, or the journal's end. */
  async *#runsOfOneDay(journal: JournalState, from: number): AsyncGenerator<Run> {
    let day: number | undefined;
    let bytes = 0;
    for await (const run of this.#runsFrom(journal, from)) {
      day ??= dayOf(run.at);
      if (dayOf(run.at) !== day) return;
      bytes += run.lines.byteLength;
      yield run;
      if (bytes >= this.#settings.targetBytes) return;
    }
  }

  async *#runsBetween(journal: JournalState, first: number, last: number): AsyncGenerator<Run> {
    for await (const run of this.#runsFrom(journal, first)) {
      if (run.first > last) return;
      yield run;
      if (run.first + run.count > last) return;
    }
  }

  /** Some at a time, so that a range is never in memory as a whole. A run is the receiver's until it asks for the next. */
  async *#runsFrom(journal: JournalState, from: number): AsyncGenerator<Run> {
    let offset = from;
    for (;;) {
      const batches = await this.#head.readSealed(journal.id, offset, READ_BYTES);
      if (batches.length === 0) return;
      for (const batch of batches) {
        const run = openRun(batch);
        yield run;
        offset = run.first + run.count;
        letGo(run.lines.buffer);
      }
    }
  }

  /** `repeated`: the name under which it was intended before, perhaps in an earlier epoch. */
  async #encode(
    { home: collection, logical, partition }: JournalState,
    runs: AsyncIterable<Run>,
    kind: FragmentRecord["kind"],
    repeated?: string,
  ): Promise<EncodedFragment> {
    const { epoch } = this.#claim;
    const name = repeated === undefined ? undefined : parseFragmentKey(repeated);
    return encodeFragment({
      ...(name ?? { collection, logical, partition, epoch, tail: kind === "tail" }),
      runs,
    });
  }

  async #upload(
    journal: JournalState,
    encoded: EncodedFragment,
    kind: FragmentRecord["kind"],
  ): Promise<void> {
    await this.#claim.verify();
    const { key, first, last, bytes, documentBytes, uncompressedBytes: textBytes } = encoded;
    const known = { digest: digestOf(bytes), textBytes };
    const storedBytes = bytes.byteLength;
    const record: FragmentRecord = { key, first, last, kind, storedBytes, documentBytes, known };
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
    letGo(bytes.buffer);
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

  /** By full fragments, or by a tail that was cut anew with what came after them. */
  async #dropCoveredTails(journal: ArchivedJournal): Promise<void> {
    const { archived } = await this.#current(journal);
    const tails = (await this.#head.fragments(journal.id)).filter(({ kind }) => kind === "tail");
    const present = journalFolder(journal);
    const covered = tails.filter(
      (tail) =>
        (tail.last < archived || tails.some((other) => other !== tail && covers(other, tail))) &&
        // The newest cut may know the journal by the name that it had: then it finds the documents only there.
        (this.#cutRevision > 0 || folderOf(tail.key) === present),
    );
    if (covered.length === 0) return;
    const keys = covered.map(({ key }) => key);
    protocolPoint("archive.tails.before");
    await this.#store.delete(keys);
    protocolPoint("archive.tails.deleted");
    await this.#head.forgetFragments(journal.id, keys);
    protocolPoint("archive.tails.after");
  }
}

/** Days since 1970, UTC, of a time in µs. */
function dayOf(at: number): number {
  return Math.floor(at / DAY_US);
}

/** Whether one that is longer holds the other, or, of two that are equal, the one that sorts later. */
function covers(other: FragmentRecord, tail: FragmentRecord): boolean {
  if (other.first > tail.first || other.last < tail.last) return false;
  return other.first !== tail.first || other.last !== tail.last || other.key > tail.key;
}
