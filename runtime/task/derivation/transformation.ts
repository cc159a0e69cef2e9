import { frozenJson } from "../../../dsl/json.ts";
import type { DerivationSource, JsonObject } from "../../../plan/plan.ts";
import type { Append, Head, StateChange } from "../../head/head.ts";
import { entryName } from "../../head/task-layout.ts";
import type { MergedChunk, SourceRun } from "../../journal/merged-reader.ts";
import type { DeterminismGuard } from "../determinism-guard.ts";
import type { DerivationTask, Report } from "../task.ts";
import type { WorkCell } from "../work-cell.ts";
import { type CacheLimits, DurableValues } from "./durable-values.ts";
import { failureAt } from "./failure.ts";
import type { SourceFunctions } from "./functions.ts";
import { KeyedState } from "./keyed-state.ts";
import { type DrainedOutputs, Outputs, type StagedOutputs, UnexpectedRemovalError } from "./outputs.ts";
import { DocumentError, haltOf } from "./place.ts";
import { ReducedDocuments } from "./reduced-documents.ts";
import { SetAside } from "./set-aside.ts";
import { assertOfKey, compileShuffleKey, type ReadShuffleKey } from "./shuffle-key.ts";
import { changeOf, documentsOf, type SourceDocument, type SourceDocuments } from "./source-documents.ts";
import { type Planned, SourceSteps, type Step } from "./source-steps.ts";

/** What a transaction commits, besides the checkpoint. */
export interface Drained {
  readonly outputs: DrainedOutputs | undefined;
  /** Of documents that were set aside. */
  readonly letters: readonly Append[];
  readonly state: readonly StateChange[];
}

/** Runs a derivation's functions over documents and holds what they give until a transaction takes it. */
export class Transformation {
  readonly #task: DerivationTask;
  readonly #head: Head;
  readonly #guard: DeterminismGuard;
  readonly #cell: WorkCell;
  readonly #limits: CacheLimits;
  /** All that is kept in the head, so that a transaction takes all changes of it. */
  readonly #values: DurableValues[] = [];
  readonly #state: KeyedState | undefined;
  readonly #outputs: Outputs;
  /** Where a document that cannot be worked on does not stop the task. */
  readonly #setAside: SetAside | undefined;
  readonly #params: JsonObject;
  readonly #context: { readonly params: JsonObject };
  readonly #sources: readonly SourceSteps[];

  constructor(
    task: DerivationTask,
    functions: readonly SourceFunctions[],
    head: Head,
    guard: DeterminismGuard,
    limits: CacheLimits,
    cell: WorkCell,
    report: Report,
  ) {
    const { sources, params, state, onError } = task.plan;
    this.#task = task;
    this.#head = head;
    this.#guard = guard;
    this.#cell = cell;
    this.#limits = limits;
    this.#setAside = onError === "deadLetter" ? new SetAside(task, head, report) : undefined;
    this.#outputs = new Outputs(task.collection, this.#setAside !== undefined, task.shard);
    this.#params = frozenJson(params, `${task.name}: params`);
    this.#context = Object.freeze({ params: this.#params });
    this.#state = state && new KeyedState(state, this.#keep("state"));
    this.#sources = sources.map((source, i) => {
      const own = functions[i];
      const collection = task.sources[i];
      if (!own || !collection) throw new Error(`Source ${i} of "${task.name}" is not there.`);
      const reduced = source.reduced
        ? new ReducedDocuments(collection, this.#keep(`reduced/${source.name ?? ""}`))
        : undefined;
      const readKey = this.#readKeyOf(source, own, collection.key);
      return new SourceSteps({ functions: own, guard, cell, reduced, readKey });
    });
  }

  #keep(space: string): DurableValues {
    const { name, shard } = this.#task;
    const values = new DurableValues(this.#head, entryName(name, shard), space, this.#limits);
    this.#values.push(values);
    return values;
  }

  /** The key picks the state, and tells where a reduced document goes: else it is not even computed. */
  #readKeyOf(
    { name, collection, reduced }: DerivationSource,
    { by, removed }: SourceFunctions,
    key: readonly string[],
  ): ReadShuffleKey | undefined {
    if (this.#state === undefined && !(reduced && by.length > 0)) return undefined;
    if (removed && !reduced) assertOfKey(by, key, removed.title);
    return compileShuffleKey(by, `The shuffle key of "${name ?? collection}" of "${this.#task.name}"`);
  }

  /** Outputs, letters and changed values that the next transaction holds. */
  get size(): number {
    const size = this.#outputs.size + (this.#setAside?.size ?? 0);
    return this.#values.reduce((sum, { changed }) => sum + changed, size);
  }

  /** Roughly what they take. */
  get bytes(): number {
    const bytes = this.#outputs.characters + (this.#setAside?.characters ?? 0);
    return this.#values.reduce((sum, { changedBytes }) => sum + changedBytes, bytes);
  }

  /**
   * Runs the functions over documents, in their order. Where one cannot go on, it is set aside without any effect, or
   * this throws `HaltError`.
   */
  async add({ runs }: MergedChunk): Promise<void> {
    try {
      if (this.#values.length > 0) await this.#workWithValues(runs);
      else {
        for (const run of runs) {
          await this.#workAll(documentsOf(this.#task, run), (each) => this.#plan(each));
        }
      }
    } catch (error) {
      throw error instanceof DocumentError ? await haltOf(error, this.#head) : error;
    }
  }

  /** Asks the head once for all reduced documents, and once for all states, that these documents need. */
  async #workWithValues(runs: readonly SourceRun[]): Promise<void> {
    const documents = runs.flatMap((run) => {
      const own = documentsOf(this.#task, run);
      return Array.from({ length: own.length }, () => own.next());
    });
    const bySource = Map.groupBy(documents, ({ source }) => source);
    await Promise.all(
      [...bySource].map(([source, own]) => this.#stepsOf(source).load(own.map(({ document }) => document))),
    );
    const planned = documents.map((each) => this.#plan(each));
    const keys = planned.flatMap(({ steps }) => steps.map(({ key }) => key ?? ""));
    await this.#state?.load(new Set(keys));
    const left = documents.values();
    const all = { length: documents.length, next: () => left.next().value as SourceDocument }; // `length` times
    await this.#workAll(all, (_, i) => planned[i] as Planned); // one for each
  }

  /** Nothing is awaited but what is set aside: most documents go through here in one turn. */
  async #workAll(
    documents: SourceDocuments,
    plannedOf: (of: SourceDocument, i: number) => Planned,
  ): Promise<void> {
    for (let i = 0; i < documents.length; i++) {
      const each = documents.next();
      const settingAside = this.#work(each, plannedOf(each, i));
      if (settingAside) await settingAside;
    }
  }

  #stepsOf(source: number): SourceSteps {
    const steps = this.#sources[source];
    if (!steps) throw new Error(`"${this.#task.name}" has no source ${source}.`);
    return steps;
  }

  #plan(of: SourceDocument): Planned {
    const steps = this.#stepsOf(of.source);
    const change = changeOf(of);
    const planned = change ? steps.planChange(change, of.place) : steps.plan(of.document, of.place);
    if (planned.failure && !this.#setAside) throw planned.failure;
    return planned;
  }

  #work(of: SourceDocument, { steps, failure, change }: Planned): Promise<void> | undefined {
    const failed = failure ?? this.#run(steps);
    if (!failed) {
      this.#setAside?.passed();
      return undefined;
    }
    if (!this.#setAside) throw failed;
    return this.#setAside.add(of, failed, change);
  }

  /** All that the steps of one document give and change, or nothing of it and why. */
  #run(steps: readonly Step[]): DocumentError | undefined {
    const staged = this.#outputs.stage(steps.length);
    let last: Step | undefined;
    this.#guard.enter();
    try {
      for (const step of steps) {
        last = step;
        this.#call(step, staged);
      }
      this.#outputs.take(staged);
    } catch (error) {
      if (!last) throw error;
      const failed = failureAt(last.place, last.run.title, last.key, error);
      if (error instanceof UnexpectedRemovalError) throw failed;
      return failed;
    } finally {
      this.#guard.leave();
    }
    for (const change of staged.changes ?? []) change();
    return undefined;
  }

  #call({ run, argument, key, place }: Step, staged: StagedOutputs): void {
    this.#cell.enter(run.title, place);
    try {
      if (!this.#state || key === undefined) {
        this.#outputs.add(staged, run.call(argument, this.#context));
        return;
      }
      const state = this.#state.draft(key);
      // A generator is drained here, and may change its draft until then.
      this.#outputs.add(staged, run.call(argument, Object.freeze({ params: this.#params, state })));
      staged.changes ??= [];
      staged.changes.push(this.#state.prepare(key, state));
    } finally {
      this.#cell.leave();
    }
  }

  /** Ends the transaction; `committed` must follow once it is durable. */
  drain(): Drained {
    return {
      outputs: this.#outputs.drain(),
      letters: this.#setAside?.drain() ?? [],
      state: this.#values.flatMap((values) => values.drain()),
    };
  }

  /** The oldest drained transaction is durable now. */
  committed(): void {
    for (const values of this.#values) values.committed();
  }
}
