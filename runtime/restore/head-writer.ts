/** Writes a head from what the store has: as `EmbeddedHead` would have, had it done all of it itself. */
import type { Json, JsonObject } from "../../plan/plan.ts";
import { CommitClock } from "../head/commit-clock.ts";
import type { FragmentRecord, SnapshotJournal } from "../head/head.ts";
import { sealJson } from "../head/sealed.ts";
import { stateChangeOf } from "../head/state-log.ts";
import { StateTable } from "../head/state-table.ts";
import { HeadTables } from "../head/tables.ts";
import type { Run } from "../journal/run.ts";
import { splitLines } from "../journal/runs.ts";

/** Largest batch. Commits that share their time come as one run; a line is of a document, a dead letter or a value. */
const BATCH_BYTES = 64 * 1024 * 1024;

export class HeadWriter {
  readonly #tables: HeadTables;
  readonly #state: StateTable;
  #journals = 0;

  constructor(directory: string) {
    this.#tables = new HeadTables(directory);
    this.#state = new StateTable(this.#tables.state);
  }

  /** Begins a journal; answers the number under which its documents are written. */
  begin(): number {
    return ++this.#journals;
  }

  /** Documents that the head keeps. Answers how many bytes they are. */
  documents(journal: number, runs: readonly Run[]): number {
    let bytes = 0;
    this.#tables.transact(() => {
      for (const { first, at, lines } of runs) {
        let offset = first;
        for (const piece of splitLines(lines, BATCH_BYTES)) {
          this.#tables.batches.put(journal, offset, { count: piece.count, at, lines: piece.lines });
          offset += piece.count;
          bytes += piece.lines.byteLength;
        }
      }
    });
    return bytes;
  }

  /** What the log of a task's values says, in its order. */
  values(task: number, logged: readonly JsonObject[]): void {
    this.#tables.transact(() => {
      for (const document of logged) this.#state.set(task, stateChangeOf(document));
    });
  }

  /** Ends a journal: `headBytes` of its documents are in the head, the others in full fragments. */
  journal(
    number: number,
    { id, collection, logical, partition, next, lastAt, start, values }: SnapshotJournal,
    fragments: readonly FragmentRecord[],
    headBytes: number,
  ): void {
    const base = fragments.some(({ kind }) => kind === "full") ? 0 : start;
    const entry = { id, collection, logical, partition, next, lastAt, start, values, base };
    this.#tables.transact(() => {
      const sealed = sealJson(`journal ${number}`, { ...entry, appendedBytes: headBytes, archivedBytes: 0 });
      this.#tables.journals.putSync(number, sealed);
      for (const { key, first, last, kind, storedBytes } of fragments) {
        const record = { key, first, last, kind, storedBytes, published: true };
        this.#tables.fragments.putSync([number, key], sealJson(`fragment ${number} ${key}`, record));
      }
    });
  }

  /** Everything else. */
  finish(clock: number, tasks: Readonly<Record<string, Json>>, notes: Readonly<Record<string, Json>>): void {
    this.#tables.transact(() => {
      const time = new CommitClock(
        this.#tables.clock,
        () => 0,
        () => 0,
      );
      time.isPast(clock);
      time.store();
      for (const [name, entry] of Object.entries(tasks)) {
        this.#tables.tasks.putSync(name, sealJson(`task ${name}`, entry));
      }
      for (const [name, value] of Object.entries(notes)) {
        this.#tables.notes.putSync(name, sealJson(`note ${name}`, value));
      }
    });
  }

  async close(): Promise<void> {
    await this.#tables.close();
  }
}
