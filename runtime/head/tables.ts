import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { type Key, open, type RootDatabase } from "lmdb";
import { HaltError } from "../../connectors/driver.ts";
import { BatchTable } from "./batch-table.ts";
import { Census } from "./census.ts";
import { CorruptHeadError, HeadWriteError } from "./head.ts";
import { HeadLog } from "./head-log.ts";
import type { LoggedTable } from "./logged-table.ts";
import { SealedTable } from "./sealed-table.ts";
import type { StateKey } from "./state-table.ts";

/** The head's tables, all of one LMDB environment, with a log before it for what is little; and the transactions over them. */
export class HeadTables {
  readonly batches: BatchTable;
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
  readonly #log: HeadLog;
  readonly #logged: readonly LoggedTable[];

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
    // Each batch has its own checksum and its place after the one before.
    const batches = this.reading(() =>
      this.#root.openDB<Buffer, [number, number]>("batches", { encoding: "binary" }),
    );
    this.batches = new BatchTable(batches);
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
    this.reading(() => batches.getKeysCount());
    this.#logged = [this.batches, ...sealed];
    this.#log = this.reading(() => new HeadLog(join(directory, "head.log")));
    this.reading(() => this.#readLog());
  }

  /** Holds what the log has, and leaves LMDB alone: its disk may be full. */
  #readLog(): void {
    // Written by `transactInLog`.
    const records = this.#log.recover(this.#census.commits) as Readonly<Record<string, readonly unknown[]>>[];
    this.#census.checkLog(records.length);
    for (const record of records) {
      for (const table of this.#logged) table.hold(record[table.name] ?? []);
    }
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

  /** All of the work or none of it, on disk, and with it what the log has. Throws `HeadWriteError` where that failed. */
  transact<T>(work: () => T): T {
    const mark = this.#census.mark();
    const undo: (() => void)[] = [];
    const done = this.#writing(
      () =>
        this.#root.transactionSync(() => {
          for (const table of this.#logged) undo.push(table.settle());
          const result = work();
          this.#census.store();
          return result;
        }),
      () => {
        this.#census.reset(mark);
        for (const takeBack of undo) takeBack();
      },
    );
    this.#census.stored();
    this.#log.begin(this.#census.commits);
    return done;
  }

  /**
   * As `transact`, for what is little: it goes into the log, and into LMDB with the next transaction there. The work reads
   * single entries of tables only.
   */
  transactInLog<T>(work: () => T): T {
    return this.#writing(() => {
      for (const table of this.#logged) table.open();
      let done: T;
      let written: { table: LoggedTable; writes: readonly unknown[] }[] = [];
      try {
        done = work();
      } finally {
        written = this.#logged.map((table) => ({ table, writes: table.close() }));
      }
      written = written.filter(({ writes }) => writes.length > 0);
      const record = Object.fromEntries(written.map(({ table, writes }) => [table.name, writes]));
      if (this.#log.append(record)) {
        for (const { table, writes } of written) table.hold(writes);
        this.#census.logged(this.#log.length);
      } else {
        this.transact(() => {
          for (const { table, writes } of written) table.write(writes);
        });
      }
      return done;
    });
  }

  /** Puts into LMDB what the log has. */
  settle(): void {
    if (this.#log.length > 0) this.transact(() => undefined);
  }

  #writing<T>(write: () => T, takeBack?: () => void): T {
    try {
      return write();
    } catch (error) {
      takeBack?.();
      if (error instanceof HaltError || error instanceof HeadWriteError) throw error; // a refusal, or damage found in time
      const { bavail, bsize } = statfsSync(this.#directory);
      const free = Math.round((bavail * bsize) / 1_000_000);
      const reason = error instanceof Error ? error.message : String(error);
      throw new HeadWriteError(
        `The head could not write to ${this.#directory}: ${reason}. Its disk has ${free} MB left.`,
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    try {
      this.settle();
    } catch (error) {
      if (!(error instanceof HeadWriteError)) throw error;
      // The log keeps what it has.
    }
    this.#log.close();
    this.#census.close();
    await this.#root.close();
  }
}
