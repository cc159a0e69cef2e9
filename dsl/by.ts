import type { SourceDeclaration, UserFunction } from "./declarations.ts";
import { shown } from "./json.ts";
import type { At, Scalar } from "./paths.ts";

/** Where a source of `derive(…)` carries its declaration: a registered symbol, since two copies of Weir may meet. */
const SOURCE: unique symbol = Symbol.for("weir.source") as never;

/** How a source is read; what is done with its documents is not known yet. */
export type Read = Omit<SourceDeclaration, "name" | "transform" | "removed">;

/**
 * A source with its shuffle key, for the `from` of `derive(…)`. `T` is what its handler gets, `S` the types of the
 * shuffle key's values, `R` the key that its `removed` gets.
 */
export interface By<T, S, R> {
  /** Exists in types only. */
  readonly "~source"?: { readonly document: T; readonly shuffle: S; readonly removed: R };
}

/** Gives the shuffle key, or a part of it, of a document: a value or a list of values. */
export type ShuffleFunction<D> = (document: D) => Scalar | readonly [Scalar, ...Scalar[]];

/** The types of a shuffle key's values, in order. */
export type Shuffle<D, A> = A extends readonly [infer Part, ...infer Rest]
  ? [...PartValues<D, Part>, ...Shuffle<D, Rest>]
  : [];
type PartValues<D, Part> = Part extends string
  ? [Wide<At<D, Part>>]
  : Part extends (...args: never) => infer V
    ? [V] extends [readonly unknown[]]
      ? { -readonly [I in keyof V]: Wide<V[I]> }
      : [Wide<V>]
    : never;
type Wide<V> = [V] extends [string]
  ? string
  : [V] extends [number]
    ? number
    : [V] extends [boolean]
      ? boolean
      : Scalar;

/** @throws Error for a part that is neither a path nor a function, or for none. */
export function by<T, S, R>(read: Omit<Read, "by">, parts: readonly unknown[]): By<T, S, R> {
  const place = `${read.collection}: by(…)`;
  if (parts.length === 0) {
    throw new Error(`${place} has no shuffle key. Name fields, as in by("customer"), or give a function.`);
  }
  const key = parts.map((part) => {
    // What a function takes is between the compiler and the user.
    if (typeof part === "function") return part as UserFunction;
    if (typeof part === "string" && part !== "") return part;
    throw new Error(`${place} takes paths of fields and functions of the document, not ${shown(part)}.`);
  });
  const source: object = Object.freeze({ [SOURCE]: Object.freeze({ ...read, by: Object.freeze(key) }) });
  // What else `By` has exists in types only.
  return source;
}

/** Undefined if it was not made by `by`, of this copy of Weir or another. */
export function readOf(source: unknown): Read | undefined {
  return typeof source === "object" && source !== null ? (source as { [SOURCE]?: Read })[SOURCE] : undefined;
}
