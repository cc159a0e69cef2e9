import type { At, FieldPath, RequiredPath, Scalar } from "./paths.ts";

/**
 * How two values of one field combine, oldest first, for documents of one key:
 * - `sum` of numbers; of strings with digits `{ sum: "decimal" }` and, for 64-bit integers, `{ sum: "int64" }`, both exact;
 * - `min` and `max` of numbers or strings; `first` and `last` of anything;
 * - `append` of arrays, concatenated in order;
 * - `set` of `{ add?: T[], remove?: T[] }`: the row is the set that these changes lead to;
 * - `merge` of objects, deep, the newest value of each field; of arrays of objects `{ merge: { key: ["sku"] } }`.
 *
 * A named strategy skips absence: the field keeps the value that it has when the newer document lacks it. All but
 * `first` and `last`, for which it is a value, skip null as well.
 */
// `NonNullable` makes an object type of `unknown`, whose values may be anything.
export type Strategy<V> = unknown extends V ? "first" | "last" : StrategyOf<NonNullable<V>>;
type StrategyOf<V> = [V] extends [never]
  ? "first" | "last"
  : [V] extends [number]
    ? "sum" | "min" | "max" | "first" | "last"
    : [V] extends [string]
      ? IsAnyString<V> extends true
        ? "min" | "max" | "first" | "last" | { readonly sum: "decimal" | "int64" }
        : "min" | "max" | "first" | "last"
      : [V] extends [readonly (infer E)[]]
        ? "append" | "first" | "last" | MergeByKey<E>
        : [V] extends [object]
          ? "merge" | "first" | "last" | SetOf<V>
          : "first" | "last";

/** False of literals: a sum of them is none of them. */
type IsAnyString<V extends string> = {} extends Record<V, 1> ? true : false;

/** Nothing where elements have no field to be told apart by. */
type MergeByKey<E> = [E] extends [object]
  ? [RequiredPath<E, Scalar>] extends [never]
    ? never
    : { readonly merge: { readonly key: readonly RequiredPath<E, Scalar>[] } }
  : never;

type SetOf<V> = "add" extends keyof V
  ? [keyof V] extends ["add" | "remove"]
    ? V extends {
        readonly add?: readonly Scalar[] | undefined;
        readonly remove?: readonly Scalar[] | undefined;
      }
      ? "set"
      : never
    : never
  : never;

/**
 * Strategy by field path, of the fields outside of the key `K`. A field without one takes the newest
 * value, absence included.
 */
export type Reduce<D, K extends string = never> = {
  readonly [P in Exclude<FieldPath<D>, K>]?: Strategy<At<D, P>>;
};
