import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Database } from "lmdb";
import { CorruptHeadError } from "./head.ts";
import { openJson, sealJson } from "./sealed.ts";
import type { SealedTable, Tally } from "./sealed-table.ts";

const ENTRY = "census";
/** Numbers of transactions (f64) and of records (u32), and CRC-32 (u32), all big-endian. */
const COUNTER_BYTES = 16;
const CHECKED_BYTES = 12;

interface Counted {
  readonly commits: number;
  /** Of the log, since the last of them. */
  readonly records: number;
}

interface Stored {
  /** Transactions of LMDB so far. */
  readonly commits: number;
  readonly tables: Readonly<Record<string, Tally>>;
}

const NOTHING: Counted = { commits: 0, records: 0 };

export type CensusMark = ReadonlyMap<string, Tally>;

/**
 * What the head should hold: a tally of each table, written with every transaction and compared when the head is
 * opened. The number of transactions, and of the log's records since, is also kept in a file beside LMDB's, without a flush,
 * so that it may be behind and never ahead: damage in one of LMDB's two first pages brings back the state before the newest
 * transaction, whole, and damage in the newest record looks like one that was torn.
 */
export class Census {
  readonly #entries: Database<string, string>;
  readonly #tables: readonly Pick<SealedTable<string>, "name" | "tally" | "countAll">[];
  readonly #counterFile: string;
  #counter: number | undefined;
  #commits = 0;
  #counted = NOTHING;

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
    const stored = this.#read();
    this.#commits = stored?.commits ?? 0;
    if (existsSync(this.#counterFile)) this.#counted = this.#readCounter();
    if (this.#counted.commits > this.#commits) throw this.#missing(this.#commits, this.#counted.commits);
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

  /** Throws `CorruptHeadError` if the log has had more records since the newest transaction. */
  checkLog(records: number): void {
    const { commits, records: counted } = this.#counted;
    if (commits === this.#commits && counted > records)
      throw this.#missing(commits + records, commits + counted);
  }

  #missing(has: number, had: number): CorruptHeadError {
    return new CorruptHeadError(
      `The head's newest transactions are missing: it has ${has}, and had ${had}. To go on without them, delete the file ${this.#counterFile}.`,
    );
  }

  /** See `HeadLog`. */
  get commits(): number {
    return this.#commits;
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
    this.#count(0);
  }

  /** So many records of the log are on disk. */
  logged(records: number): void {
    this.#count(records);
  }

  #count(records: number): void {
    if (this.#counter === undefined) return;
    const bytes = Buffer.alloc(COUNTER_BYTES);
    bytes.writeDoubleBE(this.#commits);
    bytes.writeUInt32BE(records, 8);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
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

  /** None where a power cut left something else, for the file is never flushed, or an earlier version wrote it. */
  #readCounter(): Counted {
    const bytes = readFileSync(this.#counterFile);
    const isWhole =
      bytes.length === COUNTER_BYTES &&
      bytes.readUInt32BE(CHECKED_BYTES) === crc32(bytes.subarray(0, CHECKED_BYTES));
    return isWhole ? { commits: bytes.readDoubleBE(0), records: bytes.readUInt32BE(8) } : NOTHING;
  }
}
