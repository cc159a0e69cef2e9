import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Database } from "lmdb";
import { CorruptHeadError } from "./head.ts";
import { openJson, sealJson } from "./sealed.ts";
import type { SealedTable, Tally } from "./sealed-table.ts";

const ENTRY = "census";
/** Number (f64) and CRC-32 (u32), both big-endian. */
const COUNTER_BYTES = 12;

interface Stored {
  /** Transactions of the head so far. */
  readonly commits: number;
  readonly tables: Readonly<Record<string, Tally>>;
}

export type CensusMark = ReadonlyMap<string, Tally>;

/**
 * What the head should hold: a tally of each table, written with every transaction and compared when the head is
 * opened. The number of transactions is also kept in a file beside LMDB's, without a flush, so that it may be behind
 * and never ahead: damage in one of LMDB's two first pages brings back the state before the newest transaction, whole.
 */
export class Census {
  readonly #entries: Database<string, string>;
  readonly #tables: readonly Pick<SealedTable<string>, "name" | "tally" | "countAll">[];
  readonly #counterFile: string;
  #counter: number | undefined;
  #commits = 0;

  constructor(
    directory: string,
    entries: Database<string, string>,
    tables: readonly Pick<SealedTable<string>, "name" | "tally" | "countAll">[],
  ) {
    this.#entries = entries;
    this.#tables = tables;
    this.#counterFile = join(directory, "commits");
  }

  /** Throws `CorruptHeadError` if an entry is missing, or is not the newest. */
  check(): void {
    const counted = existsSync(this.#counterFile) ? this.#readCounter() : 0;
    const stored = this.#read();
    if (counted > (stored?.commits ?? 0)) {
      throw new CorruptHeadError(
        `The head's newest transactions are missing: it has ${stored?.commits ?? 0}, and had ${counted}. To go on without them, delete the file ${this.#counterFile}.`,
      );
    }
    this.#commits = stored?.commits ?? 0;
    for (const table of this.#tables) {
      const found = table.countAll();
      const expected = stored?.tables[table.name];
      // No census, or none of this table: an earlier version wrote the directory.
      if (expected && (expected.count !== found.count || expected.sum !== found.sum)) {
        throw new CorruptHeadError(
          `The head's table "${table.name}" does not hold what was stored: ${found.count} entries were found, of ${expected.count}, or some are older ones.`,
        );
      }
      table.tally = found;
    }
    this.#counter = openSync(this.#counterFile, existsSync(this.#counterFile) ? "r+" : "w+");
  }

  mark(): CensusMark {
    return new Map(this.#tables.map(({ name, tally }) => [name, tally]));
  }

  /** After a transaction that was not stored. */
  reset(mark: CensusMark): void {
    for (const table of this.#tables) table.tally = mark.get(table.name) ?? table.tally;
  }

  /** As the last thing of a transaction. */
  store(): void {
    const tables = Object.fromEntries(this.#tables.map(({ name, tally }) => [name, { ...tally }]));
    this.#entries.putSync(ENTRY, sealJson(ENTRY, { commits: this.#commits + 1, tables }));
  }

  /** The transaction is on disk. */
  stored(): void {
    this.#commits++;
    if (this.#counter === undefined) return;
    const bytes = Buffer.alloc(COUNTER_BYTES);
    bytes.writeDoubleBE(this.#commits);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
    writeSync(this.#counter, bytes, 0, COUNTER_BYTES, 0);
  }

  close(): void {
    if (this.#counter !== undefined) closeSync(this.#counter);
    this.#counter = undefined;
  }

  #read(): Stored | undefined {
    const sealed = this.#entries.get(ENTRY);
    // Written by `store`, and checked by its checksum.
    return sealed === undefined ? undefined : (openJson(ENTRY, sealed) as unknown as Stored);
  }

  /** 0 where a power cut left something else: the file is never flushed. */
  #readCounter(): number {
    const bytes = Buffer.alloc(COUNTER_BYTES);
    const file = openSync(this.#counterFile, "r");
    const length = readSync(file, bytes, 0, COUNTER_BYTES, 0);
    closeSync(file);
    const isWhole = length === COUNTER_BYTES && bytes.readUInt32BE(8) === crc32(bytes.subarray(0, 8));
    return isWhole ? bytes.readDoubleBE(0) : 0;
  }
}
