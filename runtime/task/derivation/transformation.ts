import { frozenJson } from "../../../dsl/json.ts";
import type { DerivationSource, JsonObject } from "../../../plan/plan.ts";
import type { Head, StateChange } from "../../head/head.ts";
import { entryName } from "../../head/task-layout.ts";
import type { MergedChunk, SourceRun } from "../../journal/merged-reader.ts";
import { parseRun } from "../../journal/runs.ts";
import type { DeterminismGuard } from "../determinism-guard.ts";
import type { DerivationTask } from "../task.ts";
import type { WorkCell } from "../work-cell.ts";
import { type CacheLimits, DurableValues } from "./durable-values.ts";
import { failureAt } from "./failure.ts";
import type { SourceFunctions } from "./functions.ts";
import { KeyedState } from "./keyed-state.ts";
import { type DrainedOutputs, Outputs } from "./outputs.ts";
import { DocumentError, haltOf } from "./place.ts";
import { ReducedDocuments } from "./reduced-documents.ts";
import { assertOfKey, compileShuffleKey, type ReadShuffleKey } from "./shuffle-key.ts";
import { SourceSteps, type Step } from "./source-steps.ts";

/** What a transaction commits, besides the checkpoint. */
export interface Drained {
  readonly outputs: DrainedOutputs | undefined;
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
  ) {
    const { sources, params, state } = task.plan;
    this.#task = task;
    this.#head = head;
    this.#guard = guard;
    this.#cell = cell;
    this.#limits = limits;
    this.#outputs = new Outputs(task.collection, task.shard);
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

  /** Outputs, and changed values, that the next transaction holds. */
  get size(): number {
    return this.#values.reduce((sum, { changed }) => sum + changed, this.#outputs.size);
  }

  /** Roughly what they take. */
  get bytes(): number {
    return this.#values.reduce((sum, { changedBytes }) => sum + changedBytes, this.#outputs.characters);
  }

  /** Runs the functions over documents, in their order. Throws `HaltError` where one cannot go on. */
  async add({ runs }: MergedChunk): Promise<void> {
    try {
      if (this.#values.length > 0) await this.#addWithValues(runs);
      else for (const run of runs) this.#addRun(run, parseRun(run.run), this.#run);
    } catch (error) {
      throw error instanceof DocumentError ? await haltOf(error, this.#head) : error;
    }
  }

  /** Asks the head once for all reduced documents, and once for all states, that these documents need. */
  async #addWithValues(runs: readonly SourceRun[]): Promise<void> {
    const documents = runs.map(({ run }) => parseRun(run));
    await Promise.all(
      this.#sources.map((source, i) =>
        source.load(documents.filter((_, at) => runs[at]?.source === i).flat()),
      ),
    );
    const steps: Step[] = [];
    runs.forEach((run, at) => {
      this.#addRun(run, documents[at] ?? [], (step) => steps.push(step));
    });
    await this.#state?.load(new Set(steps.map(({ key }) => key ?? "")));
    steps.forEach(this.#run);
  }

  #addRun(
    { source, journal, run }: SourceRun,
    documents: readonly JsonObject[],
    take: (step: Step) => void,
  ): void {
    const steps = this.#sources[source];
    const collection = this.#task.plan.sources[source]?.collection;
    if (!steps || collection === undefined) throw new Error(`"${this.#task.name}" has no source ${source}.`);
    documents.forEach((document, i) => {
      steps.add(document, { collection, journal, offset: run.first + i }, take);
    });
  }

  readonly #run = ({ run, argument, key, place }: Step): void => {
    this.#cell.enter(run.title, place);
    this.#guard.enter();
    try {
      if (!this.#state || key === undefined) {
        this.#outputs.addAll(run.call(argument, this.#context));
      } else {
        const state = this.#state.draft(key);
        // A generator is drained here, and may change its draft until then.
        this.#outputs.addAll(run.call(argument, Object.freeze({ params: this.#params, state })));
        this.#state.keep(key, state);
      }
    } catch (error) {
      throw failureAt(place, run.title, key, error);
    } finally {
      this.#guard.leave();
      this.#cell.leave();
    }
  };

  /** Ends the transaction; `committed` must follow once it is durable. */
  drain(): Drained {
    return {
      outputs: this.#outputs.drain(),
      state: this.#values.flatMap((values) => values.drain()),
    };
  }

  /** The oldest drained transaction is durable now. */
  committed(): void {
    for (const values of this.#values) values.committed();
  }
}
