import type { Database } from "lmdb";
import type { Run } from "../journal/run.ts";
import { letGo } from "../let-go.ts";
import { CorruptHeadError, type JournalId } from "./head.ts";
import { type Batch, openBatch, sealBatch } from "./sealed.ts";
import { readingHead } from "./sealed-table.ts";

/** Of a journal, what its documents are found by. */
export interface BatchedJournal {
  readonly number: number;
  readonly id: JournalId;
  /** Offset after its last document. */
  readonly next: number;
}

/** The documents that the head has, in batches as they were appended, by journal number and first offset. */
export class BatchTable {
  readonly #batches: Database<Buffer, [number, number]>;

  constructor(batches: Database<Buffer, [number, number]>) {
    this.#batches = batches;
  }

  put(journal: number, first: number, batch: Batch): void {
    const sealed = sealBatch(journal, first, batch);
    this.#batches.putSync([journal, first], sealed);
    letGo(sealed.buffer);
  }

  /** From the batch that holds this offset on, until there are `maxBytes`. Throws `CorruptHeadError` at a gap. */
  read(journal: BatchedJournal, from: number, maxBytes: number): Run[] {
    return readingHead(`documents of ${journal.id} at offset ${from}`, () => {
      const start = this.#startOf(journal, from);
      const runs: Run[] = [];
      let expected = start;
      let bytes = 0;
      const { number } = journal;
      for (const { key, value } of this.#batches.getRange({ start: [number, start], end: [number + 1, 0] })) {
        const first = key[1];
        const batch = openBatch(number, first, value);
        if (first !== expected) break;
        expected = first + batch.count;
        runs.push({ first, count: batch.count, at: batch.at, lines: Uint8Array.from(batch.lines) });
        bytes += batch.lines.byteLength;
        letGo(value.buffer);
        if (bytes >= maxBytes || expected >= journal.next) break;
      }
      if (expected <= from) throw gap(journal, expected);
      return runs;
    });
  }

  /** First offset of the batch that holds `offset`: readers cut off what comes before. */
  #startOf(journal: BatchedJournal, offset: number): number {
    const [entry] = [
      ...this.#batches.getKeys({
        start: [journal.number, offset],
        end: [journal.number, -1],
        reverse: true,
        limit: 1,
      }),
    ];
    if (!entry) throw gap(journal, offset);
    return entry[1];
  }

  /** Of the lines of batches that begin between these offsets, both included. */
  bytesBetween(journal: number, first: number, last: number): number {
    let bytes = 0;
    for (const { key, value } of this.#batches.getRange({
      start: [journal, first],
      end: [journal, last + 1],
    })) {
      bytes += openBatch(journal, key[1], value).lines.byteLength;
      letGo(value.buffer);
    }
    return bytes;
  }

  /** Up to `limit` batches that begin below this offset. */
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
