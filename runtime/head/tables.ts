import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { HaltError } from "../../connectors/driver.ts";
import { Census } from "./census.ts";
import { CorruptHeadError, HeadWriteError } from "./head.ts";
import { SealedTable } from "./sealed-table.ts";
import type { StateKey } from "./state-table.ts";

/** The head's tables, all of one LMDB environment, and the transactions over them. */
export class HeadTables {
  /** By journal number and first offset. Each batch has its own checksum and its place after the one before. */
  readonly batches: Database<Buffer, [number, number]>;
  readonly journals: SealedTable<number>;
  /** By journal number and object key. */
  readonly fragments: SealedTable<[number, string]>;
  readonly tasks: SealedTable<string>;
  readonly notes: SealedTable<string>;
  readonly state: SealedTable<StateKey>;
  readonly clock: SealedTable<string>;
  readonly #directory: string;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #census: Census;

  /** Makes the directory if it is missing. Throws `CorruptHeadError` where the tables do not hold what was stored. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.#root = this.reading(() =>
      open<Buffer, string>({
        path: join(directory, "head.lmdb"),
        encoding: "binary",
        overlappingSync: false,
        maxDbs: 16,
      }),
    );
    const table = <K extends Key>(name: string) => this.reading(() => new SealedTable<K>(this.#root, name));
    this.batches = this.reading(() => this.#root.openDB("batches", { encoding: "binary" }));
    this.journals = table("journals");
    this.fragments = table("fragments");
    this.tasks = table("tasks");
    this.notes = table("notes");
    this.state = table("state");
    this.clock = table("clock");
    const census = this.reading(() => this.#root.openDB<string, string>("census", { encoding: "string" }));
    const sealed = [this.journals, this.fragments, this.tasks, this.notes, this.state, this.clock];
    this.#census = new Census(directory, census, sealed);
    this.reading(() => this.#census.check());
    // Only the pages that lead to the batches.
    this.reading(() => this.batches.getKeysCount());
  }

  /** What is wrong when the head is opened is told with the directory. */
  reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).replace(/\.?$/, ".");
      throw new CorruptHeadError(
        `The head in ${this.#directory} cannot be opened. ${reason} If its disk is damaged, put the directory back from a backup, or run weir restore with an empty dataDir.`,
        { cause: error },
      );
    }
  }

  /** All of the work or none of it, on disk. Throws `HeadWriteError` where that failed. */
  transact<T>(work: () => T): T {
    const mark = this.#census.mark();
    let done: T;
    try {
      done = this.#root.transactionSync(() => {
        const result = work();
        this.#census.store();
        return result;
      });
    } catch (error) {
      this.#census.reset(mark);
      if (error instanceof HaltError) throw error; // a refusal, or damage that was found in time
      const { bavail, bsize } = statfsSync(this.#directory);
      const free = Math.round((bavail * bsize) / 1_000_000);
      const reason = error instanceof Error ? error.message : String(error);
      throw new HeadWriteError(
        `The head could not write to ${this.#directory}: ${reason}. Its disk has ${free} MB left.`,
        { cause: error },
      );
    }
    this.#census.stored();
    return done;
  }

  async close(): Promise<void> {
    this.#census.close();
    await this.#root.close();
  }
}
