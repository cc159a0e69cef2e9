import type { Database, RangeOptions } from "lmdb";
import { letGo } from "../../connectors/buffers.ts";
import { CorruptHeadError, type JournalId, MAX_READ_BATCHES, type SealedBatch } from "./head.ts";
import type { LoggedTable } from "./logged-table.ts";
import { BATCH_HEADER_BYTES, type Batch, countOf, sealBatch } from "./sealed.ts";
import { readingHead } from "./sealed-table.ts";

/** Of a journal, what its documents are found by. */
export interface BatchedJournal {
  readonly number: number;
  readonly id: JournalId;
  /** Offset after its last document. */
  readonly next: number;
}

type Write = readonly [journal: number, first: number, sealed: Buffer];

/** The documents that the head has, in batches as they were appended, by journal number and first offset. */
export class BatchTable implements LoggedTable {
  readonly name = "batches";
  readonly #batches: Database<Buffer, [number, number]>;
  /** Logged and not yet in LMDB, by journal: they follow what LMDB has of it. */
  #held = new Map<number, Write[]>();
  /** Of the transaction that is being logged. */
  #open: Write[] | undefined;

  constructor(batches: Database<Buffer, [number, number]>) {
    this.#batches = batches;
  }

  put(journal: number, first: number, batch: Batch): void {
    const write: Write = [journal, first, sealBatch(journal, first, batch)];
    if (this.#open) {
      this.#open.push(write);
      return;
    }
    this.#put(write);
    letGo(write[2].buffer);
  }

  #put([journal, first, sealed]: Write): void {
    this.#batches.putSync([journal, first], sealed);
  }

  open(): void {
    this.#open = [];
  }

  close(): readonly Write[] {
    const writes = this.#open ?? [];
    this.#open = undefined;
    return writes;
  }

  hold(writes: readonly Write[]): void {
    for (const write of writes) {
      const held = this.#held.get(write[0]);
      if (held) held.push(write);
      else this.#held.set(write[0], [write]);
    }
  }

  write(writes: readonly Write[]): void {
    for (const write of writes) this.#put(write);
  }

  settle(): () => void {
    const held = this.#held;
    for (const writes of held.values()) this.write(writes);
    this.#held = new Map();
    return () => {
      this.#held = held;
    };
  }

  /**
   * From the batch that holds this offset on, until there are `maxBytes` or `MAX_READ_BATCHES`. They are not verified, which
   * `openRun` does. Throws `CorruptHeadError` at a gap.
   */
  read(journal: BatchedJournal, from: number, maxBytes: number): SealedBatch[] {
    return readingHead(`documents of ${journal.id} at offset ${from}`, () => {
      const batches: SealedBatch[] = [];
      let expected: number | undefined;
      let bytes = 0;
      for (const { first, sealed } of this.#from(journal, from)) {
        expected ??= first;
        if (first !== expected) break;
        expected = first + countOf(sealed);
        batches.push({ journal: journal.number, first, sealed });
        bytes += sealed.length;
        if (bytes >= maxBytes || batches.length === MAX_READ_BATCHES || expected >= journal.next) break;
      }
      if (expected === undefined || expected <= from) throw gap(journal, expected ?? from);
      return batches;
    });
  }

  /** From the batch that holds `offset` on: readers cut off what comes before. The bytes are the receiver's. */
  *#from({ number }: BatchedJournal, offset: number): Generator<{ first: number; sealed: Buffer }> {
    const held = this.#held.get(number) ?? [];
    const inHeld = held.findLastIndex(([, first]) => first <= offset);
    if (inHeld < 0) {
      const start = this.#startOf(number, offset);
      if (start === undefined) return;
      // What LMDB gives of binary values is a copy.
      for (const { key, value } of this.#batches.getRange({ start: [number, start], end: [number + 1, 0] }))
        yield { first: key[1], sealed: value };
    }
    for (const [, first, sealed] of held.slice(Math.max(inHeld, 0))) {
      yield { first, sealed: Buffer.from(Uint8Array.from(sealed).buffer) };
    }
  }

  /** First offset of LMDB's batch that holds `offset`. */
  #startOf(journal: number, offset: number): number | undefined {
    const range = { start: [journal, offset], end: [journal, -1], reverse: true, limit: 1 };
    const [entry] = [...this.#batches.getKeys(range as RangeOptions)];
    return entry?.[1];
  }

  /** Of the lines of batches that begin between these offsets, both included. What the log holds must be settled. */
  bytesBetween(journal: number, first: number, last: number): number {
    let bytes = 0;
    for (const { value } of this.#batches.getRange({ start: [journal, first], end: [journal, last + 1] })) {
      bytes += value.length - BATCH_HEADER_BYTES;
      letGo(value.buffer);
    }
    return bytes;
  }

  /** Up to `limit` batches that begin below this offset. What the log holds must be settled. */
  below(journal: number, offset: number, limit: number): readonly [number, number][] {
    return [...this.#batches.getKeys({ start: [journal, 0], end: [journal, offset], limit })];
  }

  remove(keys: readonly [number, number][]): void {
    for (const key of keys) this.#batches.removeSync(key);
  }
}

function gap({ id }: BatchedJournal, offset: number): CorruptHeadError {
  return new CorruptHeadError(`Journal ${id} has a gap at offset ${offset} in the head.`);
}
