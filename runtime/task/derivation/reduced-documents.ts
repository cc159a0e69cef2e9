import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { isRemoval } from "../../journal/runs.ts";
import { compileKey, type KeyReader } from "../../reduction/key.ts";
import { compileReducer, type Reducer } from "../../reduction/reducer.ts";
import type { DurableValues } from "./durable-values.ts";

/** What one document of a collection does to the reduced document of its key. At least one of the two is there. */
export interface ReducedChange {
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

/**
 * The fully reduced documents of a source, kept as values of the derivation. They are stored settled: reducing into a
 * settled document and settling the result is the same as settling once at the end.
 */
export class ReducedDocuments {
  readonly #values: DurableValues;
  readonly #key: KeyReader;
  readonly #reducer: Reducer;

  constructor(collection: CollectionPlan, values: DurableValues) {
    this.#values = values;
    this.#key = compileKey(collection.key);
    this.#reducer = compileReducer(collection);
  }

  /** Makes the reduced documents of these documents' and removals' keys ready for `apply`. */
  load(documents: readonly JsonObject[]): Promise<void> {
    return this.#values.load(new Set(documents.map((document) => this.#keyOf(document))));
  }

  /**
   * Every document makes a change, also one after which the reduced document is equal: how often there is one does not
   * depend on what a document holds. A removal of what is not there makes none. What comes back must not be written to.
   */
  apply(document: JsonObject): ReducedChange | undefined {
    const key = this.#keyOf(document);
    const before = this.#values.get(key);
    if (isRemoval(document)) {
      if (before === undefined) return undefined;
      this.#values.set(key, undefined);
      return { before, after: undefined };
    }
    const combined = before === undefined ? document : this.#reducer.reduce(before, document);
    const after = this.#reducer.settle(combined);
    this.#values.set(key, after);
    return { before, after };
  }

  /** JSON of the key's values: of scalars alone it is canonical. */
  #keyOf(document: JsonObject): string {
    return JSON.stringify(this.#key.values(document));
  }
}
