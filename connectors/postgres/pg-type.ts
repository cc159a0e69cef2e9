/** The column types that a target may name, as people write them, and which of them may hold a field. */
import type { At } from "../../dsl/paths.ts";

export type PgType =
  | "text"
  | "varchar"
  | "date"
  | "timestamptz"
  | "uuid"
  | "smallint"
  | "integer"
  | "bigint"
  | "numeric"
  | "double precision"
  | "boolean"
  | "jsonb";

/**
 * The types that hold the field at `P`, as far as types tell: formats, bounds and strategies are the compiler's to check.
 * `K` are the key's paths, `X` the fractional ones.
 */
export type Holding<D, P extends string, K extends string, X extends string> = P extends K
  ? Exclude<Holds<Present<At<D, P>>, P, X>, "timestamptz" | "uuid" | "jsonb" | Digits<At<D, P>>>
  : Holds<Present<At<D, P>>, P, X>;

type Present<V> = Exclude<V, null | undefined>;

/** A key's text is never a number: two texts of one number are two keys. */
type Digits<V> = [V] extends [string] ? "bigint" | "numeric" : never;

type Holds<V, P extends string, X extends string> = 0 extends 1 & V
  ? "jsonb"
  : [V] extends [never]
    ? "jsonb"
    : [V] extends [string]
      ? HoldsText<V>
      : [V] extends [number]
        ? HoldsNumber<P, X>
        : [V] extends [boolean]
          ? "boolean" | "jsonb"
          : "jsonb";

/** Literals have no format, and are never summed. */
type HoldsText<V extends string> = string extends V
  ? "text" | "varchar" | "date" | "timestamptz" | "uuid" | "bigint" | "numeric" | "jsonb"
  : "text" | "varchar" | "jsonb";

// Written out: an alias would stand in messages in place of the types.
type HoldsNumber<P extends string, X extends string> = string extends X
  ? "smallint" | "integer" | "bigint" | "numeric" | "double precision" | "jsonb"
  : P extends X
    ? "numeric" | "double precision" | "jsonb"
    : "smallint" | "integer" | "bigint" | "numeric" | "double precision" | "jsonb";
