import type { JsonObject } from "../../../plan/plan.ts";
import { isRemoval } from "../../journal/runs.ts";
import type { DeterminismGuard } from "../determinism-guard.ts";
import type { WorkCell } from "../work-cell.ts";
import { failureAt } from "./failure.ts";
import type { SourceFunctions, UserFunction } from "./functions.ts";
import { draftOf } from "./json-value.ts";
import type { Place } from "./place.ts";
import type { ReducedDocuments } from "./reduced-documents.ts";
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

  /** To be awaited before these documents are `add`ed. */
  async load(documents: readonly JsonObject[]): Promise<void> {
    await this.#reduced?.load(documents);
  }

  /** Hands on the steps of a document, in their order. Takes the document over. */
  add(document: JsonObject, place: Place, take: (step: Step) => void): void {
    const { transform, removed } = this.#functions;
    if (this.#reduced) this.#addReduced(this.#reduced, document, place, take);
    else if (!isRemoval(document)) {
      take({ run: transform, argument: document, key: this.#keyOf(document, place), place });
    } else if (removed) {
      const { _meta: _, ...key } = document;
      take({ run: removed, argument: key, key: this.#keyOf(key, place), place });
    }
  }

  #addReduced(
    reduced: ReducedDocuments,
    document: JsonObject,
    place: Place,
    take: (step: Step) => void,
  ): void {
    const change = this.#apply(reduced, document, place);
    if (!change) return;
    const run = this.#functions.transform;
    const before = change.before && draftOf(change.before);
    const after = change.after && draftOf(change.after);
    const beforeKey = before && this.#keyOf(before, place);
    const afterKey = after && this.#keyOf(after, place);
    if (before === undefined || after === undefined || beforeKey === afterKey) {
      take({ run, argument: { before, after }, key: afterKey ?? beforeKey, place });
      return;
    }
    take({ run, argument: { before, after: undefined }, key: beforeKey, place });
    take({ run, argument: { before: undefined, after }, key: afterKey, place });
  }

  #apply(reduced: ReducedDocuments, document: JsonObject, place: Place) {
    try {
      return reduced.apply(document);
    } catch (error) {
      throw failureAt(place, this.#functions.transform.title, undefined, error);
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
