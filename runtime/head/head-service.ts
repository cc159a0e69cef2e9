/**
 * Serves an embedded head to many callers: groups the commits that are ready into one flush and wakes the
 * readers that wait. While a flush runs, further commits queue up, so load makes groups larger, not queues longer.
 */
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import type { Run } from "../journal/run.ts";
import type { DiskReserve } from "./disk-reserve.ts";
import type { CommitOutcome, EmbeddedHead } from "./embedded-head.ts";
import {
  type Adoption,
  type Arrival,
  bytesOf,
  type Committed,
  type FragmentRecord,
  type Head,
  type HeadSnapshot,
  type HeadTransaction,
  HeadWriteError,
  type JournalId,
  type JournalSpec,
  type JournalState,
  type ReadAnswer,
  type SealedBatch,
  type StoredCut,
  type Survey,
  type TaskGrant,
} from "./head.ts";

/** Bytes of documents that one flush takes at most; the rest waits for the next. */
const GROUP_BYTES = 16 * 1024 * 1024;

/** Bytes of documents that a reader is told with the horizon that they end at. */
const ARRIVAL_BYTES = 64 * 1024;

/** Bytes that one task may have waiting in front of the head. Weir's own tasks wait for their answers long before it. */
const QUEUED_BYTES = 64 * 1024 * 1024;

interface QueuedCommit {
  readonly transaction: HeadTransaction;
  readonly bytes: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: Error) => void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class HeadService implements Head {
  readonly #head: EmbeddedHead;
  readonly #queue: QueuedCommit[] = [];
  /** By task. */
  readonly #queuedBytes = new Map<string, number>();
  /** By collection; one that waits for several stands at each of them. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #scheduled = false;
  #closed = false;
  readonly #onWriteFailure: (error: Error) => void;
  readonly #reserve: DiskReserve;

  /**
   * `onWriteFailure` is told when a flush failed. The process must end then: what the kernel has of the
   * failed write is unknown, and a later flush may report success without it. `reserve` may refuse appends.
   */
  constructor(
    head: EmbeddedHead,
    onWriteFailure: (error: Error) => void,
    reserve: DiskReserve = () => undefined,
  ) {
    this.#head = head;
    this.#onWriteFailure = onWriteFailure;
    this.#reserve = reserve;
  }

  commit(transaction: HeadTransaction): Promise<Committed> {
    if (this.#closed) return Promise.reject(new Error("The head is closed."));
    const refusal = takesRoom(transaction) ? this.#reserve() : undefined;
    if (refusal) return Promise.reject(refusal);
    const { task } = transaction;
    const bytes = bytesOf(transaction);
    const queued = this.#queuedBytes.get(task) ?? 0;
    if (queued > 0 && queued + bytes > QUEUED_BYTES) {
      return Promise.reject(
        new Error(
          `The task "${task}" has ${queued} bytes waiting to be committed, and ${bytes} more would be over the limit of ${QUEUED_BYTES}; its driver must wait for what it has appended.`,
        ),
      );
    }
    this.#queuedBytes.set(task, queued + bytes);
    return new Promise((resolve, reject) => {
      this.#queue.push({ transaction, bytes, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // After the messages that are already here, so that they share the flush.
      setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const group = this.#takeGroup();
    this.#scheduled = this.#queue.length > 0;
    if (this.#scheduled) setImmediate(() => this.#flush());
    if (group.length === 0) return;
    let outcomes: CommitOutcome[];
    try {
      protocolPoint("head.commit.before");
      outcomes = this.#head.commit(group.map(({ transaction }) => transaction));
      protocolPoint("head.commit.after");
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      for (const { reject } of group) reject(error);
      this.#onWriteFailure(error);
      return;
    }
    group.forEach(({ resolve, reject }, i) => {
      const outcome = outcomes[i] as CommitOutcome; // one per transaction
      if ("refused" in outcome) reject(outcome.refused);
      else resolve(outcome.committed);
    });
    this.#wake(group);
  }

  #takeGroup(): QueuedCommit[] {
    let bytes = 0;
    let size = 0;
    for (const queued of this.#queue) {
      bytes += queued.bytes;
      if (size > 0 && bytes > GROUP_BYTES) break;
      size++;
    }
    const group = this.#queue.splice(0, size);
    for (const { transaction, bytes: done } of group) {
      const left = (this.#queuedBytes.get(transaction.task) ?? 0) - done;
      if (left > 0) this.#queuedBytes.set(transaction.task, left);
      else this.#queuedBytes.delete(transaction.task);
    }
    return group;
  }

  #wake(group: readonly QueuedCommit[]): void {
    if (this.#waiters.size === 0) return;
    const appends = group.flatMap(({ transaction }) => transaction.appends.filter(({ count }) => count > 0));
    // A refused transaction's journal may be unknown.
    const collections = new Set(appends.map(({ journal }) => this.#head.collectionOf(journal) ?? ""));
    for (const collection of collections) {
      for (const waiter of this.#waiters.get(collection) ?? []) waiter.resolve();
    }
  }

  async horizon(
    collections: readonly string[],
    ends: Readonly<Record<JournalId, number>> = {},
  ): Promise<Arrival> {
    return { ...this.#head.horizon(collections), runs: this.#beyond(ends) };
  }

  async waitPast(
    collections: readonly string[],
    clock: number,
    ends: Readonly<Record<JournalId, number>> = {},
  ): Promise<Arrival> {
    if (this.#closed) throw new Error("The head is closed.");
    while (this.#head.lastAt(collections) <= clock) await this.#nextCommit(collections);
    return this.horizon(collections, ends);
  }

  /** Some of what is beyond these offsets. */
  #beyond(ends: Readonly<Record<JournalId, number>>): Record<JournalId, readonly Run[]> {
    const beyond: Record<JournalId, readonly Run[]> = {};
    let room = ARRIVAL_BYTES;
    for (const [journal, end] of Object.entries(ends)) {
      if (room <= 0) break;
      try {
        const answer = this.#head.read(journal, end, room);
        if (answer.kind !== "runs") continue;
        beyond[journal] = answer.runs;
        for (const { lines } of answer.runs) room -= lines.byteLength;
      } catch {
        // Whoever reads there is told, if that is still to be read.
      }
    }
    return beyond;
  }

  /** Resolves when something was appended to one of these collections. */
  async #nextCommit(collections: readonly string[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { resolve, reject };
    for (const collection of collections) {
      const waiters = this.#waiters.get(collection) ?? new Set();
      this.#waiters.set(collection, waiters.add(waiter));
    }
    try {
      await promise;
    } finally {
      for (const collection of collections) {
        const waiters = this.#waiters.get(collection);
        waiters?.delete(waiter);
        if (waiters?.size === 0) this.#waiters.delete(collection);
      }
    }
  }

  async readState(
    task: string,
    space: string,
    keys: readonly string[],
  ): Promise<readonly (string | undefined)[]> {
    return this.#head.readState(task, space, keys);
  }

  async renameCollection(from: string, to: string): Promise<void> {
    this.#write(() => this.#head.renameCollection(from, to));
  }

  async adopt(adoption: Adoption): Promise<void> {
    this.#write(() => this.#head.adopt(adoption));
  }

  async dropCollection(collection: string): Promise<void> {
    this.#write(() => this.#head.dropCollection(collection));
  }

  async ensureJournals(specs: readonly JournalSpec[]): Promise<readonly JournalState[]> {
    return this.#write(() => this.#head.ensureJournals(specs));
  }

  async journals(): Promise<readonly JournalState[]> {
    return this.#head.journals();
  }

  async survey(ids?: readonly JournalId[]): Promise<Survey> {
    return this.#head.survey(ids);
  }

  async snapshot(): Promise<HeadSnapshot> {
    return this.#write(() => this.#head.snapshot());
  }

  async noteCut(cut: StoredCut): Promise<void> {
    this.#write(() => this.#head.noteCut(cut));
  }

  async openTask(task: string): Promise<TaskGrant> {
    return this.#write(() => this.#head.openTask(task));
  }

  async layOutTask(task: string, shards: number): Promise<void> {
    this.#write(() => this.#head.layOutTask(task, shards));
  }

  async checkpoints(tasks: readonly string[]): Promise<readonly (Json | undefined)[]> {
    return tasks.map((task) => this.#head.checkpoint(task));
  }

  async read(journal: JournalId, from: number, maxBytes: number): Promise<ReadAnswer> {
    return this.#head.read(journal, from, maxBytes);
  }

  async readSealed(journal: JournalId, from: number, maxBytes: number): Promise<readonly SealedBatch[]> {
    return this.#head.readSealed(journal, from, maxBytes);
  }

  async readHead(journal: JournalId, from: number, maxBytes: number): Promise<readonly Run[]> {
    return this.#head.readHead(journal, from, maxBytes);
  }

  async intendFragment(journal: JournalId, fragment: FragmentRecord): Promise<void> {
    this.#write(() => this.#head.intendFragment(journal, fragment));
  }

  async publishFragment(journal: JournalId, fragment: FragmentRecord): Promise<void> {
    this.#write(() => this.#head.publishFragment(journal, fragment));
  }

  async intendedFragments(journal: JournalId): Promise<readonly FragmentRecord[]> {
    return this.#head.intendedFragments(journal);
  }

  async fragments(journal: JournalId): Promise<readonly FragmentRecord[]> {
    return this.#head.fragments(journal);
  }

  async forgetFragments(journal: JournalId, keys: readonly string[]): Promise<void> {
    this.#write(() => this.#head.forgetFragments(journal, keys));
  }

  async trim(journal: JournalId): Promise<boolean> {
    return this.#write(() => this.#head.trim(journal));
  }

  async getNote(name: string): Promise<Json | undefined> {
    return this.#head.getNote(name);
  }

  async setNote(name: string, value: Json): Promise<void> {
    this.#write(() => this.#head.setNote(name, value));
  }

  /** A transaction that could not be stored ends the process, whatever it was for; a refusal does not. */
  #write<T>(transaction: () => T): T {
    try {
      return transaction();
    } catch (error) {
      if (error instanceof HeadWriteError) this.#onWriteFailure(error);
      throw error;
    }
  }

  /** Flushes what is queued, then refuses everything. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#queue.length > 0) this.#flush();
    for (const waiters of this.#waiters.values()) {
      for (const { reject } of waiters) reject(new Error("The head is closed."));
    }
    this.#waiters.clear();
    await this.#head.close();
  }
}

/** What deletes or moves a checkpoint goes on when the disk is nearly full: it makes room, or needs hardly any. */
function takesRoom({ appends, state = [] }: HeadTransaction): boolean {
  return appends.length > 0 || state.some(({ value }) => value !== null);
}
