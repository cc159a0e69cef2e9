import type { At, FieldPath } from "./paths.ts";

/**
 * How two values of one field combine, oldest first, for documents of one key: `sum` of numbers, `min`
 * and `max` of numbers or strings (by code unit), `first` and `last` of anything. A named strategy skips
 * absence: the field keeps the value that it has when the newer document lacks it.
 */
export type Strategy<V> = [V] extends [number | undefined]
  ? "sum" | "min" | "max" | "first" | "last"
  : [V] extends [string | undefined]
    ? "min" | "max" | "first" | "last"
    : "first" | "last";

/**
 * Strategy by field path, of the fields outside of the key `K`. A field without one takes the newest
 * value, absence included.
 */
export type Reduce<D, K extends string = never> = {
  readonly [P in Exclude<FieldPath<D>, K>]?: Strategy<At<D, P>>;
};
