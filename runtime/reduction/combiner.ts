import type { KeyValues, RowChange } from "../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { compileKey, type KeyReader } from "./key.ts";
import { compileReducer, type Reducer } from "./reducer.ts";

/** A `RowChange` in the making: the same three shapes, over time. */
interface Pending {
  op: RowChange["op"];
  readonly key: KeyValues;
  document: JsonObject | undefined;
}

/**
 * Folds documents and removals, in their order, into one change per key.
 * A removal absorbs what came before it, so documents after one are the whole row: `put`. Documents alone are to be
 * reduced into what is stored: `add`; where no field has a strategy the newest one is the whole row, again `put`.
 */
export class Combiner {
  readonly #key: KeyReader;
  readonly #reducer: Reducer;
  readonly #pending = new Map<string | number | boolean, Pending>();

  constructor(collection: CollectionPlan, reducer: Reducer = compileReducer(collection)) {
    this.#key = compileKey(collection.key);
    this.#reducer = reducer;
  }

  /** Distinct keys held. */
  get size(): number {
    return this.#pending.size;
  }

  /** Takes the document over: it may be written to, with all that is in it, so it must be the caller's alone. */
  add(document: JsonObject): void {
    const identity = this.#key.identity(document);
    const pending = this.#pending.get(identity);
    if (pending === undefined) {
      const op = this.#reducer.combines ? "add" : "put";
      this.#pending.set(identity, { op, key: this.#key.values(document), document });
    } else if (pending.document === undefined) {
      pending.op = "put";
      pending.document = document;
    } else {
      pending.document = this.#reducer.reduceInto(pending.document, document);
    }
  }

  /** `add` of a copy. What is inside of the document's fields is shared with the copy. */
  addCopy(document: JsonObject): void {
    // A copy has what is the document's own.
    const isPlain = Object.getPrototypeOf(document) === Object.prototype;
    const older =
      isPlain && this.#reducer.keepsNewer && this.#pending.get(this.#key.identity(document))?.document;
    if (older) this.#reducer.reduceInto(older, document);
    else this.add({ ...document });
  }

  /**
   * Throws what `add` would, or what a later combination with documents that fit would, and changes nothing.
   * `isWhole`: as if a removal came before it.
   */
  check(document: JsonObject, isWhole: boolean): void {
    this.#reducer.settle(document);
    const older = isWhole ? undefined : this.#pending.get(this.#key.identity(document))?.document;
    if (older) this.#reducer.check(older, document);
  }

  /** `keyDocument` need hold no more than the key fields. */
  remove(keyDocument: JsonObject): void {
    const identity = this.#key.identity(keyDocument);
    const pending = this.#pending.get(identity);
    if (pending === undefined) {
      this.#pending.set(identity, { op: "remove", key: this.#key.values(keyDocument), document: undefined });
    } else {
      pending.op = "remove";
      pending.document = undefined;
    }
  }

  /** Ends the batch: its changes in the order in which their keys were first met. The combiner is empty then. */
  drain(): RowChange[] {
    // `document` is undefined exactly where `op` is "remove", which `Pending` cannot say while it changes.
    const changes = [...this.#pending.values()] as RowChange[];
    this.#pending.clear();
    return changes;
  }
}

/** The whole row after a change: undefined where there is none. */
export function applyChange(
  reducer: Reducer,
  stored: JsonObject | undefined,
  change: RowChange,
): JsonObject | undefined {
  if (change.op === "remove") return undefined;
  const reduces = change.op === "add" && stored !== undefined;
  return reducer.settle(reduces ? reducer.reduce(stored, change.document) : change.document);
}

/** For a target that does not reduce: the keys whose stored documents `withStored` needs, in the order of the changes. */
export function keysToLoad(changes: readonly RowChange[]): KeyValues[] {
  return changes.filter((change) => change.op === "add").map((change) => change.key);
}

/** Makes every `put` and `add` the `put` of the whole row. `stored` are the documents of `keysToLoad(changes)`, in order. */
export function withStored(
  reducer: Reducer,
  changes: readonly RowChange[],
  stored: readonly (JsonObject | undefined)[],
): RowChange[] {
  let next = 0;
  return changes.map((change) => {
    const before = change.op === "add" ? stored[next++] : undefined;
    const document = applyChange(reducer, before, change);
    return document === undefined ? change : { op: "put", key: change.key, document };
  });
}
