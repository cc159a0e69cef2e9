import type { JsonObject } from "../../../plan/plan.ts";
import { isRemoval } from "../../journal/runs.ts";
import type { DeterminismGuard } from "../determinism-guard.ts";
import type { WorkCell } from "../work-cell.ts";
import { failureAt } from "./failure.ts";
import type { SourceFunctions, UserFunction } from "./functions.ts";
import { draftOf } from "./json-value.ts";
import { DocumentError, type Place } from "./place.ts";
import type { ReducedChange, ReducedDocuments } from "./reduced-documents.ts";
import type { ReadShuffleKey, ShuffleKey } from "./shuffle-key.ts";

/** One call of a function. */
export interface Step {
  readonly run: UserFunction;
  /** The function's own: it may write to it. */
  readonly argument: object;
  /** Undefined where it decides nothing. */
  readonly key: ShuffleKey | undefined;
  readonly place: Place;
}

/** What a document has the functions do, or why it cannot. */
export interface Planned {
  /** In their order. None where there is a failure. */
  readonly steps: readonly Step[];
  readonly failure: DocumentError | undefined;
  /** What it did to the reduced document of its key, and has done also where it fails. Must not be written to. */
  readonly change: ReducedChange | undefined;
}

const NOTHING: Planned = { steps: [], failure: undefined, change: undefined };

export interface StepOptions {
  readonly functions: SourceFunctions;
  readonly guard: DeterminismGuard;
  readonly cell: WorkCell;
  /** Where functions get changes of reduced documents. */
  readonly reduced: ReducedDocuments | undefined;
  /** Where the shuffle key decides something. */
  readonly readKey: ReadShuffleKey | undefined;
}

/** What the documents and removals of one source have its functions do. */
export class SourceSteps {
  readonly #functions: SourceFunctions;
  readonly #guard: DeterminismGuard;
  readonly #cell: WorkCell;
  readonly #reduced: ReducedDocuments | undefined;
  readonly #readKey: ReadShuffleKey | undefined;

  constructor({ functions, guard, cell, reduced, readKey }: StepOptions) {
    this.#functions = functions;
    this.#guard = guard;
    this.#cell = cell;
    this.#reduced = reduced;
    this.#readKey = readKey;
  }

  /** To be awaited before these documents are planned. */
  async load(documents: readonly JsonObject[]): Promise<void> {
    await this.#reduced?.load(documents);
  }

  /** Takes the document over, and into the reduced one of its key. */
  plan(document: JsonObject, place: Place): Planned {
    const { transform, removed } = this.#functions;
    if (this.#reduced) return this.#planReduced(this.#reduced, document, place);
    if (!isRemoval(document)) return this.#planOne(transform, document, place);
    if (!removed) return NOTHING;
    const { _meta: _, ...key } = document;
    return this.#planOne(removed, key, place);
  }

  #planOne(run: UserFunction, argument: JsonObject, place: Place): Planned {
    const step = (key: ShuffleKey | undefined): readonly Step[] => [{ run, argument, key, place }];
    if (!this.#readKey) return { steps: step(undefined), failure: undefined, change: undefined };
    return this.#attempt(undefined, () => step(this.#keyOf(argument, place)));
  }

  #planReduced(reduced: ReducedDocuments, document: JsonObject, place: Place): Planned {
    let change: ReducedChange | undefined;
    try {
      change = reduced.apply(document);
    } catch (error) {
      const failure = failureAt(place, this.#functions.transform.title, undefined, error);
      return { steps: [], failure, change: undefined };
    }
    return change ? this.planChange(change, place) : NOTHING;
  }

  /** Of a change that the reduced document has taken in already. */
  planChange(change: ReducedChange, place: Place): Planned {
    const run = this.#functions.transform;
    return this.#attempt(change, () => {
      const before = change.before && draftOf(change.before);
      const after = change.after && draftOf(change.after);
      const beforeKey = before && this.#keyOf(before, place);
      const afterKey = after && this.#keyOf(after, place);
      if (before === undefined || after === undefined || beforeKey === afterKey) {
        return [{ run, argument: { before, after }, key: afterKey ?? beforeKey, place }];
      }
      return [
        { run, argument: { before, after: undefined }, key: beforeKey, place },
        { run, argument: { before: undefined, after }, key: afterKey, place },
      ];
    });
  }

  #attempt(change: ReducedChange | undefined, steps: () => readonly Step[]): Planned {
    try {
      return { steps: steps(), failure: undefined, change };
    } catch (error) {
      if (error instanceof DocumentError) return { steps: [], failure: error, change };
      throw error;
    }
  }

  #keyOf(document: JsonObject, place: Place): ShuffleKey | undefined {
    if (!this.#readKey) return undefined;
    this.#cell.enter(this.#functions.transform.title, place);
    this.#guard.enter();
    try {
      return this.#readKey(document);
    } catch (error) {
      throw failureAt(place, this.#functions.transform.title, undefined, error);
    } finally {
      this.#guard.leave();
      this.#cell.leave();
    }
  }
}
