/**
 * The head: the recent end of every journal, with the checkpoints, fences and the fragment index, in one
 * crash-safe transactional store. What a task sees of it; drawn so that a replicated log can stand behind it
 * later: offsets *increase* and are told by the commit, a transaction belongs to one task, limits are declared.
 */
import { HaltError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";
import type { Run } from "../journal/run.ts";
import type { KnownObject } from "../store/known-object.ts";

/** Names one incarnation of a journal for ever: never reused, not even when a collection is created again. */
export type JournalId = string;

/** Next offset to read of each journal. The epoch is that of the store's history (see `store-epoch.ts`). */
export type Position = Readonly<Record<JournalId, readonly [epoch: number, offset: number]>>;

export interface JournalSpec {
  readonly collection: string;
  /** The logical partition, as a Hive path of percent-encoded values: `country=NL/shop=7`; empty without. */
  readonly logical: string;
  /** From 0. */
  readonly partition: number;
}

export interface JournalState extends JournalSpec {
  readonly id: JournalId;
  /** Where its objects are in the store: its collection's name, or the one under which the collection was rebuilt. */
  readonly home: string;
  /** Offset that the next appended document gets; the count of documents ever appended. */
  readonly next: number;
  /** Documents below this offset are in published fragments. */
  readonly archived: number;
  /** Documents below this offset are in the store, in published or in tail fragments. */
  readonly stored: number;
  /** Bytes of documents at or above `archived`. */
  readonly headBytes: number;
  /** Commit time of the newest document, µs since 1970 UTC; 0 if there is none. */
  readonly lastAt: number;
}

/** Largest append of one transaction to one journal, bytes. Fragments are cut between appends. */
export const MAX_APPEND_BYTES = 8 * 1024 * 1024;

/** The same of a collection that the runtime keeps for itself: a dead letter holds a whole document, and more. */
export const MAX_INTERNAL_APPEND_BYTES = 4 * MAX_APPEND_BYTES;

/**
 * Batches that one answer has at most, whatever their bytes: where each has one document a megabyte is ten thousand of them, and to
 * read so many keeps commits waiting for 50 ms.
 */
export const MAX_READ_BATCHES = 256;

export interface Append {
  readonly journal: JournalId;
  readonly count: number;
  /** NDJSON, `count` lines. Ownership passes to the head: do not touch it afterwards. */
  readonly lines: Uint8Array;
}

/** All of it or nothing of it, and only while `fence` is the task's newest. */
export interface HeadTransaction {
  readonly task: string;
  readonly fence: number;
  readonly appends: readonly Append[];
  /** Replaces the task's checkpoint; undefined leaves it. */
  readonly checkpoint?: Json;
  /** At most one for each space and key. */
  readonly state?: readonly StateChange[];
}

/** A task's own durable value. */
export interface StateChange {
  /** Tells the values of one use from those of another within the task. */
  readonly space: string;
  readonly key: string;
  /** JSON; null deletes. */
  readonly value: string | null;
}

/** The journals of some collections at one moment: whatever is committed later has an `at` past `clock`. */
export interface Horizon {
  /** µs since 1970 UTC. */
  readonly clock: number;
  readonly journals: readonly JournalState[];
}

/** With some of the documents before it: who was told need not ask. */
export interface Arrival extends Horizon {
  readonly runs: Readonly<Record<JournalId, readonly Run[]>>;
}

export interface Committed {
  readonly at: number;
  /** First offset of each append, in their order. */
  readonly firsts: readonly number[];
}

export interface TaskGrant {
  /** Pass it with every transaction. A later `openTask` of the same task makes it stale. */
  readonly fence: number;
  readonly checkpoint: Json | undefined;
}

export interface FragmentRef {
  readonly key: string;
  readonly first: number;
  readonly last: number;
  /** Missing where it was put by an earlier version, or found in the store. */
  readonly known?: KnownObject | undefined;
}

/** Where the documents from an offset on are to be had. */
export type ReadAnswer =
  | { readonly kind: "fragment"; readonly fragment: FragmentRef }
  | { readonly kind: "runs"; readonly runs: readonly Run[] }
  /** Nothing there yet: the offset is the journal's end. */
  | { readonly kind: "end" };

/** A batch as the head stores it, whose checksum was not looked at. Its bytes are the receiver's. */
export interface SealedBatch {
  /** The journal's number in the head. */
  readonly journal: number;
  readonly first: number;
  readonly sealed: Uint8Array;
}

export interface FragmentRecord extends FragmentRef {
  /** `tail`: small, for durability only; the head keeps its documents. `full`: readers use it. */
  readonly kind: "full" | "tail";
  readonly storedBytes: number;
  /** Of its documents as they were appended. Missing where it was put by an earlier version, or found in the store. */
  readonly documentBytes?: number;
}

/** A journal as the archiver sees it. */
export interface ArchivedJournal extends JournalState {
  /** Every object that was ever put for it, as far as this head knows, ends below this offset. */
  readonly reached: number;
  /** Where its objects are: its present folder may be missing, those under earlier names are here. */
  readonly folders: readonly string[];
  /** Documents below this offset come back when the store alone is left: the newest cut holds them. */
  readonly restorable: number;
  /** Of a log of values, documents below it are not needed any more. */
  readonly start: number;
}

/** All journals, the logs of tasks' values too. */
export interface Survey {
  /** Grows with everything that a cut holds. Of this process: it begins anew with the next. */
  readonly revision: number;
  readonly journals: readonly ArchivedJournal[];
}

/** What the head holds besides documents and values, at one moment: between two commits. */
export interface HeadSnapshot {
  /** µs since 1970 UTC: what is committed later has a later time, what was committed has none. */
  readonly clock: number;
  readonly revision: number;
  readonly journals: readonly SnapshotJournal[];
  /** By name, as the head stores them: number, fence, checkpoint. */
  readonly tasks: Readonly<Record<string, Json>>;
  /** But for those that say something of this data directory alone. */
  readonly notes: Readonly<Record<string, Json>>;
}

export interface SnapshotJournal extends JournalSpec {
  readonly id: JournalId;
  /** As in `JournalState`; absent in a cut that was put before collections could be rebuilt: its collection's name. */
  readonly home?: string;
  readonly next: number;
  readonly lastAt: number;
  /** Documents below it are not needed any more: of a log, whose values were written again since. */
  readonly start: number;
  /** Of a log, how many values there were then. */
  readonly values: number;
  /** Objects in folders of earlier names: there may be others' in these by now. */
  readonly elsewhere: readonly string[];
}

/** New names, all of them given in one transaction: one may be free only because of another. */
export interface Adoption {
  /** Of collections: their journals, which stay where they are in the store. What `from` is absent is passed over. */
  readonly collections: readonly Renaming[];
  /** Of tasks, with their checkpoints and values. Their fences rise above all that were given under either name. */
  readonly tasks: readonly Renaming[];
  /** Where a collection that has no journals yet will have its objects. */
  readonly homes?: Readonly<Record<string, string>>;
  /** To be set with it. */
  readonly notes: Readonly<Record<string, Json>>;
}

export interface Renaming {
  readonly from: string;
  readonly to: string;
}

/** Objects that no journal has any more. They go once a cut was put that does not need them: the newest would bring them back. */
export interface Garbage {
  /** Commit clock when their journals were removed, µs since 1970 UTC. */
  readonly clock: number;
  readonly keys: readonly string[];
}

/** The newest cut that the store lists. */
export interface StoredCut {
  /** Commit clock, µs since 1970 UTC. */
  readonly clock: number;
  /** Of each journal, the offset after the last document that it holds. */
  readonly ends: Readonly<Record<JournalId, number>>;
}

/** The head as tasks use it, in the same thread or over a port. */
export interface Head {
  /** Creates what is missing. The answer is in the order of the question. */
  ensureJournals(specs: readonly JournalSpec[]): Promise<readonly JournalState[]>;
  /** Without the logs of tasks' values. */
  journals(): Promise<readonly JournalState[]>;
  /** Of all journals, or of these. */
  survey(ids?: readonly JournalId[]): Promise<Survey>;
  snapshot(): Promise<HeadSnapshot>;
  /** Records that the store lists a cut. */
  noteCut(cut: StoredCut): Promise<void>;
  /**
   * Raises the task's fence and reads its checkpoint. Of a shard `task` is the name of its entry (see `task-layout.ts`);
   * rejects with `FencedError` where the task has another layout.
   */
  openTask(task: string): Promise<TaskGrant>;
  /**
   * Cuts a derivation into so many shards, in one transaction: they go on from where those of the layout before stood,
   * which are fenced off. Does nothing where it is the layout already.
   */
  layOutTask(task: string, shards: number): Promise<void>;
  /** The committed checkpoints of these tasks, in their order: of a task with shards that of all of them. */
  checkpoints(tasks: readonly string[]): Promise<readonly (Json | undefined)[]>;
  /** Resolves once the transaction is flushed to disk. Rejects with `FencedError` if the fence is stale. */
  commit(transaction: HeadTransaction): Promise<Committed>;
  /** `maxBytes` and `MAX_READ_BATCHES` bound the answer, but at least one run comes. */
  read(journal: JournalId, from: number, maxBytes: number): Promise<ReadAnswer>;
  /** With documents of the journals in `ends`, from these offsets on, where the head has them. */
  horizon(collections: readonly string[], ends?: Readonly<Record<JournalId, number>>): Promise<Arrival>;
  /**
   * Resolves when a document with an `at` past `clock` is durable in one of these collections; rejects when the head closes.
   * `ends` are offsets of journals that the caller has read up to: what they have beyond may come with the answer.
   */
  waitPast(
    collections: readonly string[],
    clock: number,
    ends?: Readonly<Record<JournalId, number>>,
  ): Promise<Arrival>;
  /** The task's own values, in the order of the keys. */
  readState(task: string, space: string, keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Gives the journals, the capture or derivation and its state another name. Does nothing where `from` has no journals. */
  renameCollection(from: string, to: string): Promise<void>;
  /** Gives collections and tasks the names of others. Throws, and changes nothing, where two would get one name. */
  adopt(adoption: Adoption): Promise<void>;
  /**
   * Removes a collection's journals with their documents, and the task of this name with its values. What they had in the
   * store is noted as garbage. Does nothing where there is none.
   */
  dropCollection(collection: string): Promise<void>;
  /** As `readHead`, where `openRun` is left to the caller, who may be in another thread. */
  readSealed(journal: JournalId, from: number, maxBytes: number): Promise<readonly SealedBatch[]>;
  /** Like `read`, past the fragment index: what the archiver cuts fragments from. Empty at the end. */
  readHead(journal: JournalId, from: number, maxBytes: number): Promise<readonly Run[]>;
  /** Records a range before its upload, so that a repeat after a crash cuts the same object. */
  intendFragment(journal: JournalId, fragment: FragmentRecord): Promise<void>;
  /** Records that the store lists the object. A full one takes its range over from the head. */
  publishFragment(journal: JournalId, fragment: FragmentRecord): Promise<void>;
  /** Intended and not yet published. */
  intendedFragments(journal: JournalId): Promise<readonly FragmentRecord[]>;
  /** Published ones in offset order. */
  fragments(journal: JournalId): Promise<readonly FragmentRecord[]>;
  /** Forgets tails that another fragment covers, and what lies before a log's start, after their objects are deleted. */
  forgetFragments(journal: JournalId, keys: readonly string[]): Promise<void>;
  /** Deletes a bounded number of archived batches from the head. True if more are left. */
  trim(journal: JournalId): Promise<boolean>;
  /** Small named values of the runtime: the applied plan, the store's epoch. */
  getNote(name: string): Promise<Json | undefined>;
  setNote(name: string, value: Json): Promise<void>;
}

/** The head could not store a transaction. What is on disk is unknown until it is read again: the process must end. */
export class HeadWriteError extends Error {
  override readonly name = "HeadWriteError";
}

/** A stored value failed its checksum, or is missing. It is named and never served, and who asked for it halts. */
export class CorruptHeadError extends HaltError {
  override readonly name = "CorruptHeadError";
}

/** Of documents and state. */
export function bytesOf({ appends, state = [] }: HeadTransaction): number {
  let bytes = 0;
  for (const { lines } of appends) bytes += lines.byteLength;
  for (const { value } of state) bytes += value?.length ?? 0;
  return bytes;
}
