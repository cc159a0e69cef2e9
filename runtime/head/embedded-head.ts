/**
 * The head in LMDB. Synchronous: one owner thread calls it, groups commits, and answers the others
 * (`head-service.ts`). Rules that LMDB imposes: never `db.transaction()`, whose throw commits the first half;
 * no cursor outlives a call; `overlappingSync: false`, so that nothing is readable before it is durable.
 */
import { randomBytes } from "node:crypto";
import { FencedError, HaltError } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import { isInternal } from "../internal-collections.ts";
import { journalFolder, partitionPath } from "../journal/logical-partition.ts";
import type { Run } from "../journal/run.ts";
import { GARBAGE, HOMES, LOCAL_NOTES, STATE_LOGGED, STORED_CUT } from "../notes.ts";
import { folderOf } from "../store/fragment-name.ts";
import type { BatchTable } from "./batch-table.ts";
import { CommitClock } from "./commit-clock.ts";
import { FragmentIndex } from "./fragment-index.ts";
import {
  type Adoption,
  type Append,
  type ArchivedJournal,
  bytesOf,
  type Committed,
  type FragmentRecord,
  type Garbage,
  type HeadSnapshot,
  type HeadTransaction,
  type Horizon,
  type JournalId,
  type JournalSpec,
  type JournalState,
  MAX_APPEND_BYTES,
  MAX_INTERNAL_APPEND_BYTES,
  type ReadAnswer,
  type SealedBatch,
  type StateChange,
  type StoredCut,
  type Survey,
  type TaskGrant,
} from "./head.ts";
import { LEAST_LINES, LogSweeps } from "./log-sweep.ts";
import { openJson, openRun, sealJson } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";
import { loggedTask, stateLines, stateLogOf } from "./state-log.ts";
import { StateTable } from "./state-table.ts";
import { HeadTables } from "./tables.ts";
import { TaskEntries, type TaskEntry } from "./task-entries.ts";

/** Batches that one trim deletes at most: a bound on how long it keeps commits waiting. */
const TRIM_BATCHES = 512;
/** Of documents and state in a group of transactions that goes into the log first. */
const MAX_LOGGED_BYTES = 32 * 1024;
/** Values that are logged in one transaction where they were not yet. */
const STATE_PAGE = 1000;

interface Journal {
  readonly number: number;
  readonly id: JournalId;
  collection: string;
  /** Follows from the collection: see `#homeOf`. */
  home: string;
  readonly logical: string;
  readonly partition: number;
  next: number;
  lastAt: number;
  /** Bytes of lines ever appended, and below `archived`: their difference is what the head must keep. */
  appendedBytes: number;
  archivedBytes: number;
  /** Documents below it are in the newest cut that the store has. */
  restorable: number;
  /** Of a log of values, see `LogExtent`; 0 of other journals. */
  start: number;
  values: number;
  /** Offset from which on this head has ever had documents: a log that was restored begins later. */
  readonly base: number;
  readonly index: FragmentIndex;
}

/** What the journals were before a transaction. */
type Undo = Map<Journal, Pick<Journal, "next" | "lastAt" | "appendedBytes" | "start" | "values">>;

export type CommitOutcome = { readonly committed: Committed } | { readonly refused: Error };

export class EmbeddedHead {
  readonly #tables: HeadTables;
  readonly #batches: BatchTable;
  readonly #journalEntries: SealedTable<number>;
  readonly #fragmentEntries: SealedTable<[number, string]>;
  readonly #notes: SealedTable<string>;
  readonly #state: StateTable;
  readonly #sweeps: LogSweeps;
  readonly #clock: CommitClock;
  readonly #journals = new Map<JournalId, Journal>();
  /** By collection, and there by path of partitions. */
  readonly #collections = new Map<string, Map<string, Journal>>();
  readonly #tasks: TaskEntries;
  /** By collection, where that is another than its name. */
  #homes: Readonly<Record<string, string>> = {};
  /** See `Survey`. */
  #revision = 1;

  /** `now` gives the wall clock in µs since 1970 UTC, `monotonic` a clock that is never set; tests pass their own. */
  constructor(
    directory: string,
    now: () => number = () => Date.now() * 1000,
    monotonic: () => number = () => performance.now() * 1000,
    leastLogLines: number = LEAST_LINES,
  ) {
    const tables = new HeadTables(directory);
    this.#tables = tables;
    this.#batches = tables.batches;
    this.#journalEntries = tables.journals;
    this.#fragmentEntries = tables.fragments;
    this.#tasks = new TaskEntries(tables.tasks);
    this.#notes = tables.notes;
    this.#state = new StateTable(tables.state);
    this.#sweeps = new LogSweeps(this.#state, leastLogLines);
    this.#clock = tables.reading(() => new CommitClock(tables.clock, now, monotonic));
    tables.reading(() => this.#load());
    this.#logStates();
  }

  #load(): void {
    const cut = this.getNote(STORED_CUT) as unknown as StoredCut | undefined; // written by `noteCut`
    this.#homes = (this.getNote(HOMES) ?? {}) as Record<string, string>; // written by `adopt`
    for (const { key, value } of this.#journalEntries.getAll()) {
      // Written by #storeJournal, and checked by its checksum.
      const entry = openJson(`journal ${key}`, value) as unknown as Omit<
        Journal,
        "index" | "number" | "home" | "logical" | "restorable"
      > & {
        logical?: string;
      };
      // `logical`, `start`, `values` and `base` are missing where the entry was made before there were such.
      const restorable = cut?.ends[entry.id] ?? 0;
      const { logical = "", start = 0, values = 0, base = 0 } = entry;
      const index = new FragmentIndex(base);
      const home = this.#homeOf(entry.collection);
      this.#addJournal({ ...entry, home, logical, start, values, base, restorable, number: key, index });
      this.#clock.isPast(entry.lastAt);
    }
    const byNumber = new Map([...this.#journals.values()].map((journal) => [journal.number, journal]));
    for (const { key, value } of this.#fragmentEntries.getAll()) {
      // Written by #storeFragment, and checked by its checksum.
      const entry = openJson(`fragment ${key[0]} ${key[1]}`, value) as unknown as FragmentRecord & {
        published: boolean;
      };
      const { published, ...record } = entry;
      byNumber.get(key[0])?.index[published ? "publish" : "intend"](record);
    }
    this.#tasks.load();
  }

  #addJournal(journal: Journal): void {
    this.#journals.set(journal.id, journal);
    const siblings = this.#collections.get(journal.collection) ?? new Map<string, Journal>();
    this.#collections.set(journal.collection, siblings.set(partitionPath(journal), journal));
  }

  ensureJournals(specs: readonly JournalSpec[]): JournalState[] {
    const journals = specs.map((spec) => this.#collections.get(spec.collection)?.get(partitionPath(spec)));
    if (journals.every((journal) => journal !== undefined)) return journals.map(stateOf);
    return this.#tables.transact(() => specs.map((spec) => stateOf(this.#ensureJournal(spec))));
  }

  #ensureJournal(spec: JournalSpec): Journal {
    const { collection, logical, partition } = spec;
    const path = partitionPath(spec);
    const known = this.#collections.get(collection)?.get(path);
    if (known) return known;
    const journal: Journal = {
      number: this.#unusedNumber(),
      id: `${collection}/${path}#${randomBytes(6).toString("hex")}`,
      collection,
      home: this.#homeOf(collection),
      logical,
      partition,
      next: 0,
      lastAt: 0,
      appendedBytes: 0,
      archivedBytes: 0,
      restorable: 0,
      start: 0,
      values: 0,
      base: 0,
      index: new FragmentIndex(0),
    };
    this.#addJournal(journal);
    this.#storeJournal(journal);
    this.#revision++;
    return journal;
  }

  /** Above every journal's: of one that was dropped nothing is left. */
  #unusedNumber(): number {
    return [...this.#journals.values()].reduce((highest, { number }) => Math.max(highest, number), 0) + 1;
  }

  #homeOf(collection: string): string {
    return Object.hasOwn(this.#homes, collection) ? (this.#homes[collection] ?? collection) : collection;
  }

  journals(): JournalState[] {
    const journals = [...this.#journals.values()];
    return journals.filter(({ collection }) => loggedTask(collection) === undefined).map(stateOf);
  }

  survey(ids?: readonly JournalId[]): Survey {
    const journals = ids?.map((id) => this.#journal(id)) ?? [...this.#journals.values()];
    return { revision: this.#revision, journals: journals.map(archivedOf) };
  }

  snapshot(): HeadSnapshot {
    const clock = this.#clock.next();
    // A clock that was told must not come again, also where the wall clock is set back.
    this.#tables.transact(() => this.#clock.store());
    const notes = this.#notes.keys().filter((name) => !LOCAL_NOTES.has(name));
    return {
      clock,
      revision: this.#revision,
      journals: [...this.#journals.values()].map(
        ({ id, collection, home, logical, partition, ...journal }) => {
          const folder = journalFolder({ home, logical, partition });
          const isElsewhere = journal.index.folders.some((each) => each !== folder);
          const keys = isElsewhere ? journal.index.published().map(({ key }) => key) : [];
          const elsewhere = keys.filter((key) => folderOf(key) !== folder);
          const { next, lastAt, start, values } = journal;
          return { id, collection, home, logical, partition, next, lastAt, start, values, elsewhere };
        },
      ),
      tasks: Object.fromEntries(this.#tasks.all().map(([name, entry]) => [name, { ...entry } as Json])),
      notes: Object.fromEntries(notes.map((name) => [name, this.getNote(name) ?? null])),
    };
  }

  noteCut(cut: StoredCut): void {
    this.setNote(STORED_CUT, { ...cut });
    for (const journal of this.#journals.values()) journal.restorable = cut.ends[journal.id] ?? 0;
  }

  collectionOf(id: JournalId): string | undefined {
    return this.#journals.get(id)?.collection;
  }

  horizon(collections: readonly string[]): Horizon {
    return { clock: this.#clock.tell(), journals: this.#journalsOf(collections).map(stateOf) };
  }

  /** Commit time of the newest document in these collections; 0 if there is none. */
  lastAt(collections: readonly string[]): number {
    return this.#journalsOf(collections).reduce((latest, { lastAt }) => Math.max(latest, lastAt), 0);
  }

  #journalsOf(collections: readonly string[]): Journal[] {
    return [...new Set(collections)].flatMap((name) => [...(this.#collections.get(name)?.values() ?? [])]);
  }

  renameCollection(from: string, to: string): void {
    // Kept so that it is not done a second time, when other data has the old name.
    const mark = `renamed ${to}`;
    const journals = this.#journalsOf([from]);
    const entries = this.#tasks.renamed(from, to);
    if ((journals.length === 0 && entries.before.length === 0) || this.getNote(mark) === from) return;
    if (this.#journalsOf([to]).length > 0 || this.#tasks.of(to).length > 0) {
      throw new Error(
        `"${from}" cannot be renamed to "${to}": the data directory has documents of both. Give the collection another name, or leave out its renamedFrom.`,
      );
    }
    const { [from]: home, ...others } = this.#homes;
    const homes = home === undefined ? this.#homes : { ...others, [to]: home };
    for (const journal of journals) Object.assign(journal, { collection: to, home: home ?? to });
    this.#tables.transact(() => {
      for (const journal of journals) this.#storeJournal(journal);
      if (home !== undefined) this.#putNote(HOMES, homes);
      this.#tasks.replace(entries);
      this.#notes.putSync(mark, sealJson(`note ${mark}`, from));
      this.#notes.removeSync(`renamed ${from}`);
    });
    this.#revision++;
    this.#homes = homes;
    this.#collections.set(to, this.#collections.get(from) ?? new Map());
    this.#collections.delete(from);
    this.#tasks.replaced(entries);
  }

  adopt({ collections, tasks, homes: given = {}, notes }: Adoption): void {
    const moved = collections.map(({ from, to }) => ({ from, to, journals: this.#journalsOf([from]) }));
    const leaving = new Set(collections.map(({ from }) => from));
    for (const { from, to } of moved) {
      if (leaving.has(to) || this.#journalsOf([to]).length === 0) continue;
      throw new Error(`"${from}" cannot become "${to}", which has documents of its own.`);
    }
    const homes = Object.fromEntries([
      ...Object.entries(this.#homes).filter(([name]) => !leaving.has(name)),
      ...moved
        .map(({ from, to }) => [to, this.#homeOf(from)] as const)
        .filter(([name, home]) => name !== home),
      ...Object.entries(given),
    ]);
    const entries = this.#tasks.adopted(tasks);
    this.#tables.transact(() => {
      for (const { to, journals } of moved) {
        for (const journal of journals) this.#storeJournal({ ...journal, collection: to });
      }
      this.#tasks.replace(entries);
      for (const [name, value] of Object.entries({ ...notes, [HOMES]: homes })) {
        this.#putNote(name, value);
      }
    });
    this.#revision++;
    this.#homes = homes;
    const paths = moved.map(({ from }) => this.#collections.get(from));
    for (const name of leaving) this.#collections.delete(name);
    moved.forEach(({ to, journals }, i) => {
      for (const journal of journals) Object.assign(journal, { collection: to, home: this.#homeOf(to) });
      const found = paths[i];
      if (found) this.#collections.set(to, found);
    });
    this.#tasks.replaced(entries);
  }

  dropCollection(collection: string): void {
    const task = this.#tasks.of(collection);
    const number = task[0]?.[1].number ?? 0;
    const log = number === 0 ? [] : this.#journalsOf([stateLogOf(number).collection]);
    const journals = [...this.#journalsOf([collection]), ...log];
    if (journals.length === 0 && task.length === 0) return;
    this.#tables.settle();
    for (const journal of journals) this.#emptyBatches(journal.number);
    this.#emptyState(number);
    const { [collection]: _, ...homes } = this.#homes;
    const clock = this.#clock.next();
    const keys = journals.map((journal) => this.#keysOf(journal));
    const garbage = (this.getNote(GARBAGE) ?? []) as unknown as readonly Garbage[]; // written here
    this.#tables.transact(() => {
      journals.forEach(({ number: each }, i) => {
        for (const key of keys[i] ?? []) this.#fragmentEntries.removeSync([each, key]);
        this.#journalEntries.removeSync(each);
      });
      this.#tasks.replace({ before: task, after: [] });
      this.#putNote(HOMES, homes);
      this.#putNote(GARBAGE, [...garbage, { clock, keys: keys.flat() }] as unknown as Json);
      this.#clock.store();
    });
    for (const { id, collection: name } of journals) {
      this.#journals.delete(id);
      this.#collections.delete(name);
    }
    this.#tasks.replaced({ before: task, after: [] });
    this.#homes = homes;
    this.#revision++;
  }

  /** In several transactions: after a crash a repeat goes on, and the journal is there as long as one of its documents is. */
  #emptyBatches(journal: number): void {
    for (;;) {
      const keys = this.#batches.below(journal, Number.MAX_SAFE_INTEGER, TRIM_BATCHES);
      if (keys.length === 0) return;
      this.#tables.transact(() => this.#batches.remove(keys));
    }
  }

  #emptyState(task: number): void {
    if (task === 0) return;
    for (;;) {
      const { values } = this.#state.page(task, undefined, STATE_PAGE);
      if (values.length === 0) return;
      this.#tables.transact(() => {
        for (const { space, key } of values) this.#state.set(task, { space, key, value: null });
      });
    }
  }

  #keysOf({ index }: Journal): readonly string[] {
    return [...index.published(), ...index.intended()].map(({ key }) => key);
  }

  openTask(task: string): TaskGrant {
    const isNew = this.#tasks.get(task) === undefined;
    const opened = this.#tasks.opened(task);
    this.#tables.transact(() => this.#tasks.store(task, opened));
    this.#tasks.keep(task, opened);
    // A raised fence alone is nothing that must come back.
    if (isNew) this.#revision++;
    return { fence: opened.fence, checkpoint: opened.checkpoint };
  }

  layOutTask(task: string, shards: number): void {
    const layout = this.#tasks.laidOut(task, shards, (id) => this.#journals.get(id)?.partition);
    if (!layout) return;
    protocolPoint("head.layout.before");
    this.#tables.transact(() => this.#tasks.replace(layout));
    protocolPoint("head.layout.after");
    this.#tasks.replaced(layout);
    this.#revision++;
  }

  checkpoint(task: string): Json | undefined {
    return this.#tasks.checkpoint(task);
  }

  /** Values of a task that has never been opened are absent. */
  readState(task: string, space: string, keys: readonly string[]): (string | undefined)[] {
    const number = this.#tasks.numberOf(task);
    return keys.map((key) => (number === undefined ? undefined : this.#state.get(number, space, key)));
  }

  /**
   * Commits the transactions as one flush. One that is refused (stale fence, unknown journal, too large) leaves
   * the others alone: each is checked before anything of it is written. A throw means that none is stored.
   */
  commit(transactions: readonly HeadTransaction[]): CommitOutcome[] {
    const undo: Undo = new Map();
    const tasks = new Map<string, TaskEntry>();
    for (const { task, state = [] } of transactions) if (state.length > 0) this.#ensureLog(task);
    const isLittle = this.#isLittle(transactions);
    // A sweep reads ranges of values.
    const sweeps = isLittle ? undefined : this.#sweeps;
    const work = () => {
      const all = transactions.map((transaction): CommitOutcome => {
        const refused = this.#refusal(transaction);
        return refused ? { refused } : { committed: this.#write(transaction, undo, tasks, sweeps) };
      });
      this.#clock.store();
      return all;
    };
    try {
      const outcomes = isLittle ? this.#tables.transactInLog(work) : this.#tables.transact(work);
      for (const [task, entry] of tasks) this.#tasks.keep(task, entry);
      this.#revision++;
      return outcomes;
    } catch (error) {
      for (const [journal, before] of undo) Object.assign(journal, before);
      throw error;
    }
  }

  /** Whether it goes into the log first, and needs nothing that is read in ranges. */
  #isLittle(transactions: readonly HeadTransaction[]): boolean {
    let bytes = 0;
    for (const transaction of transactions) {
      bytes += bytesOf(transaction);
      const number = transaction.state?.length ? (this.#tasks.numberOf(transaction.task) ?? 0) : 0;
      const log = number > 0 ? this.#logOf(number) : undefined;
      if (bytes > MAX_LOGGED_BYTES || (log && this.#sweeps.isDue(number, log))) return false;
    }
    return true;
  }

  #refusal({ task, fence, appends, state = [] }: HeadTransaction): Error | undefined {
    const newest = this.#tasks.get(task)?.fence;
    if (newest === undefined) {
      const unknown = new Error(`The head does not know the task "${task}": open it first.`);
      return this.#tasks.otherLayout(task) ?? unknown;
    }
    if (fence !== newest) {
      return new FencedError(
        `A newer instance of the task "${task}" has started (fence ${newest}, this one holds ${fence}); this one ends and stores nothing more.`,
      );
    }
    for (const { journal, lines } of appends) {
      const collection = this.#journals.get(journal)?.collection;
      if (collection === undefined) return new Error(`The head has no journal "${journal}".`);
      const limit = isInternal(collection) ? MAX_INTERNAL_APPEND_BYTES : MAX_APPEND_BYTES;
      if (lines.byteLength > limit) {
        return new Error(`An append of ${lines.byteLength} bytes is over the limit of ${limit}.`);
      }
    }
    for (const { key, value } of state) {
      if (value !== null && value.length > MAX_APPEND_BYTES) {
        // It would be as large the next time.
        return new HaltError(
          `The state of ${key.slice(0, 100)} has ${value.length} characters, over the limit of ${MAX_APPEND_BYTES}.`,
        );
      }
    }
    return undefined;
  }

  #write(
    { task, fence, appends, checkpoint, state = [] }: HeadTransaction,
    undo: Undo,
    tasks: Map<string, TaskEntry>,
    sweeps: LogSweeps | undefined,
  ): Committed {
    const { number } = this.#tasks.get(task) as TaskEntry; // #refusal has looked
    const at = this.#clock.next();
    const firsts = appends.map((append) => this.#append(this.#journal(append.journal), append, at, undo));
    if (state.length > 0) this.#log(number, state, at, undo, sweeps);
    for (const change of state) this.#state.set(number, change);
    if (checkpoint !== undefined) {
      const entry = { number, fence, checkpoint };
      this.#tasks.store(task, entry);
      tasks.set(task, entry);
    }
    return { at, firsts };
  }

  #append(
    journal: Journal,
    { count, lines }: Pick<Append, "count" | "lines">,
    at: number,
    undo: Undo,
  ): number {
    const { next: first } = journal;
    this.#remember(journal, undo);
    if (count === 0) return first;
    journal.next += count;
    journal.lastAt = at;
    journal.appendedBytes += lines.byteLength;
    this.#batches.put(journal.number, first, { count, at, lines }); // the lines are gone after it
    this.#storeJournal(journal);
    return first;
  }

  #remember(journal: Journal, undo: Undo): void {
    const { next, lastAt, appendedBytes, start, values } = journal;
    if (!undo.has(journal)) undo.set(journal, { next, lastAt, appendedBytes, start, values });
  }

  /** Before the transaction that logs: a throw there must not leave a journal in memory alone. */
  #ensureLog(task: string): void {
    const number = this.#tasks.get(task)?.number;
    if (number !== undefined) this.ensureJournals([stateLogOf(number)]);
  }

  /** To be called before the changes are stored. */
  #log(
    task: number,
    changes: readonly StateChange[],
    at: number,
    undo: Undo,
    sweeps: LogSweeps | undefined,
  ): void {
    const log = this.#logOf(task);
    if (!log) throw new Error(`The log of task ${task} is not there: ensure it first.`);
    this.#remember(log, undo);
    const again = sweeps?.before(task, log, changes.length) ?? [];
    for (const piece of stateLines([...again, ...changes])) this.#append(log, piece, at, undo);
  }

  #logOf(task: number): Journal | undefined {
    const spec = stateLogOf(task);
    return this.#collections.get(spec.collection)?.get(partitionPath(spec));
  }

  /** Logs values that were stored before there were logs. Repeated after a crash: values may be logged twice. */
  #logStates(): void {
    if (this.getNote(STATE_LOGGED) === true) return;
    this.#tables.settle();
    // Shards of a task have one number.
    const names = new Map(this.#tasks.all().map(([name, { number }]) => [number, name]));
    for (const [number, name] of names) {
      if (number === 0) continue;
      let page = this.#state.page(number, undefined, STATE_PAGE);
      for (; page.values.length > 0; page = this.#state.page(number, page.last, STATE_PAGE)) {
        const { values } = page;
        this.#ensureLog(name);
        this.#tables.transact(() => {
          this.#log(number, values, this.#clock.next(), new Map(), this.#sweeps);
          this.#clock.store();
        });
      }
    }
    this.setNote(STATE_LOGGED, true);
  }

  /** Undefined where the offset is the journal's end. */
  read(id: JournalId, from: number, maxBytes: number): ReadAnswer {
    const journal = this.#journal(id);
    const fragment = journal.index.covering(from);
    if (fragment) return { kind: "fragment", fragment };
    const runs = this.readHead(id, from, maxBytes);
    return runs.length > 0 ? { kind: "runs", runs } : { kind: "end" };
  }

  readHead(id: JournalId, from: number, maxBytes: number): Run[] {
    return this.readSealed(id, from, maxBytes).map(openRun);
  }

  readSealed(id: JournalId, from: number, maxBytes: number): SealedBatch[] {
    const journal = this.#journal(id);
    if (from > journal.next) {
      throw new Error(
        `Offset ${from} is past the end of journal ${id}, which is ${journal.next}: the position belongs to another history.`,
      );
    }
    if (from === journal.next) return [];
    return this.#batches.read(journal, from, maxBytes);
  }

  intendFragment(id: JournalId, fragment: FragmentRecord): void {
    const journal = this.#journal(id);
    this.#tables.transact(() => this.#storeFragment(journal, fragment, false));
    journal.index.intend(fragment);
  }

  publishFragment(id: JournalId, fragment: FragmentRecord): void {
    const journal = this.#journal(id);
    this.#tables.transact(() => {
      this.#storeFragment(journal, fragment, true);
      if (fragment.kind === "full") {
        const { first, last, documentBytes } = fragment;
        journal.archivedBytes += documentBytes ?? this.#batches.bytesBetween(journal.number, first, last);
        this.#storeJournal(journal);
      }
    });
    journal.index.publish(fragment);
  }

  intendedFragments(id: JournalId): readonly FragmentRecord[] {
    return this.#journal(id).index.intended();
  }

  fragments(id: JournalId): readonly FragmentRecord[] {
    return this.#journal(id).index.published();
  }

  forgetFragments(id: JournalId, keys: readonly string[]): void {
    const journal = this.#journal(id);
    this.#tables.transact(() => {
      for (const key of keys) this.#fragmentEntries.removeSync([journal.number, key]);
    });
    journal.index.forget(keys);
  }

  trim(id: JournalId): boolean {
    const journal = this.#journal(id);
    const keys = this.#batches.below(journal.number, journal.index.archived, TRIM_BATCHES);
    if (keys.length === 0) return false;
    this.#tables.transact(() => this.#batches.remove(keys));
    return keys.length === TRIM_BATCHES;
  }

  getNote(name: string): Json | undefined {
    const sealed = this.#notes.get(name);
    return sealed === undefined ? undefined : openJson(`note ${name}`, sealed);
  }

  setNote(name: string, value: Json): void {
    if (!LOCAL_NOTES.has(name)) this.#revision++;
    this.#tables.transact(() => this.#putNote(name, value));
  }

  #putNote(name: string, value: Json): void {
    this.#notes.putSync(name, sealJson(`note ${name}`, value));
  }

  async close(): Promise<void> {
    await this.#tables.close();
  }

  #journal(id: JournalId): Journal {
    const journal = this.#journals.get(id);
    if (!journal) {
      throw new Error(`The head has no journal "${id}": the position belongs to another history.`);
    }
    return journal;
  }

  #storeJournal({ number, home: _, index: __, restorable: ___, ...entry }: Journal): void {
    this.#journalEntries.putSync(number, sealJson(`journal ${number}`, entry));
  }

  #storeFragment(journal: Journal, fragment: FragmentRecord, published: boolean): void {
    const { number } = journal;
    this.#fragmentEntries.putSync(
      [number, fragment.key],
      sealJson(`fragment ${number} ${fragment.key}`, { ...fragment, published }),
    );
  }
}

function stateOf(journal: Journal): JournalState {
  const { id, collection, home, logical, partition, next, lastAt } = journal;
  const { archived, stored } = journal.index;
  const headBytes = journal.appendedBytes - journal.archivedBytes;
  return { id, collection, home, logical, partition, next, lastAt, archived, stored, headBytes };
}

function archivedOf(journal: Journal): ArchivedJournal {
  const { restorable, start, index } = journal;
  return { ...stateOf(journal), reached: index.reached, folders: index.folders, restorable, start };
}
