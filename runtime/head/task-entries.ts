import { FencedError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";
import type { JournalId, Renaming } from "./head.ts";
import { openJson, sealJson } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";
import { entryNames, mergeCheckpoints, renamedEntry, splitCheckpoint, taskOf } from "./task-layout.ts";

export interface TaskEntry {
  /**
   * Its state is stored under it, so that a task's renaming moves its entries alone. Shards of a task share it: their
   * keys differ. Never reused; 0 before the task has one.
   */
  readonly number: number;
  readonly fence: number;
  readonly checkpoint: Json | undefined;
}

type Named = readonly [name: string, entry: TaskEntry];

/** Entries that take the place of others, in one transaction. */
export interface Replacement {
  readonly before: readonly Named[];
  readonly after: readonly Named[];
}

/**
 * What the head keeps of each task, or of each shard of it, under the entry's name. `store` and `replace` write, within a
 * transaction; `keep` and `replaced` follow it once it is done.
 */
export class TaskEntries {
  readonly #table: SealedTable<string>;
  readonly #entries = new Map<string, TaskEntry>();

  constructor(table: SealedTable<string>) {
    this.#table = table;
  }

  load(): void {
    for (const { key, value } of this.#table.getAll()) {
      // Written by `store`; `number` is missing where that was before there was state.
      const entry = openJson(`task ${key}`, value) as unknown as Partial<TaskEntry> & { fence: number };
      this.#entries.set(key, { number: 0, checkpoint: undefined, ...entry });
    }
  }

  all(): readonly Named[] {
    return [...this.#entries];
  }

  get(name: string): TaskEntry | undefined {
    return this.#entries.get(name);
  }

  /** Those of all shards. */
  of(task: string): readonly Named[] {
    return [...this.#entries].filter(([name]) => taskOf(name) === task);
  }

  /** With its fence raised. Throws where the task is laid out otherwise than the name says. */
  opened(name: string): TaskEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) this.#refuseOtherLayout(name);
    const number = entry?.number || this.#unusedNumber();
    return { number, fence: (entry?.fence ?? 0) + 1, checkpoint: entry?.checkpoint };
  }

  store(name: string, entry: TaskEntry): void {
    this.#table.putSync(name, sealJson(`task ${name}`, { ...entry }));
  }

  keep(name: string, entry: TaskEntry): void {
    this.#entries.set(name, entry);
  }

  /** Undefined where the task is laid out so already. */
  laidOut(
    task: string,
    shards: number,
    partitionOf: (journal: JournalId) => number | undefined,
  ): Replacement | undefined {
    const before = this.of(task);
    const names = entryNames(task, shards);
    const isLaidOut = before.length === shards && names.every((name) => this.#entries.has(name));
    // A whole task gets its entry when it is opened.
    if (isLaidOut || (before.length === 0 && shards === 1)) return undefined;
    const number = before.find(([, entry]) => entry.number > 0)?.[1].number ?? this.#unusedNumber();
    // Above every fence that was ever given for this task, so that an instance of an earlier layout never fits again.
    const fence = before.reduce((highest, [, entry]) => Math.max(highest, entry.fence), 0) + 1;
    const checkpoint = mergeCheckpoints(before.map(([, entry]) => entry.checkpoint));
    const parts = splitCheckpoint(checkpoint, shards, partitionOf);
    return {
      before,
      after: names.map((name, i) => [name, { number, fence, checkpoint: parts[i] }] as const),
    };
  }

  renamed(from: string, to: string): Replacement {
    const before = this.of(from);
    return { before, after: before.map(([name, entry]) => [renamedEntry(name, to), entry] as const) };
  }

  /** All at once. What two tasks would be called, or what another is called already, is refused. */
  adopted(renamings: readonly Renaming[]): Replacement {
    const before = renamings.flatMap(({ from }) => this.of(from));
    const leaving = new Set(renamings.map(({ from }) => from));
    const after = renamings.flatMap(({ from, to }) => {
      const entries = this.of(from);
      const there = this.of(to);
      if (entries.length > 0 && there.length > 0 && !leaving.has(to)) {
        throw new Error(`The task "${from}" cannot become "${to}", which there is already.`);
      }
      const fence =
        [...entries, ...there].reduce((highest, [, each]) => Math.max(highest, each.fence), 0) + 1;
      return entries.map(([name, entry]) => [renamedEntry(name, to), { ...entry, fence }] as const);
    });
    return { before, after };
  }

  replace({ before, after }: Replacement): void {
    for (const [name] of before) this.#table.removeSync(name);
    for (const [name, entry] of after) this.store(name, entry);
  }

  replaced({ before, after }: Replacement): void {
    for (const [name] of before) this.#entries.delete(name);
    for (const [name, entry] of after) this.#entries.set(name, entry);
  }

  /** The whole task's, of all its shards. */
  checkpoint(task: string): Json | undefined {
    const entry = this.#entries.get(task);
    return entry ? entry.checkpoint : mergeCheckpoints(this.of(task).map(([, each]) => each.checkpoint));
  }

  /** Undefined where the task has never been opened. */
  numberOf(task: string): number | undefined {
    return (this.#entries.get(task) ?? this.of(task)[0]?.[1])?.number;
  }

  /** Of an entry that is not there: what the task is laid out as instead. */
  otherLayout(name: string): FencedError | undefined {
    const task = taskOf(name);
    const { length } = this.of(task);
    if (length === 0) return undefined;
    const layout = length === 1 ? "one piece" : `${length} shards`;
    return new FencedError(
      `The task "${task}" has been laid out in ${layout} since "${name}" was opened; this instance ends and stores nothing more.`,
    );
  }

  #refuseOtherLayout(name: string): void {
    const refusal = this.otherLayout(name);
    if (refusal) throw refusal;
    if (taskOf(name) !== name) throw new Error(`The head has no shard "${name}": lay the task out first.`);
  }

  /** A task's number stays with its entries, which only another layout of it replaces: what none has was never used. */
  #unusedNumber(): number {
    return [...this.#entries.values()].reduce((highest, { number }) => Math.max(highest, number), 0) + 1;
  }
}
