import type { KeyOf, Remove } from "./remove.ts";
import type { Doc } from "./schema.ts";

/** What `params` may hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** What a transform may give back for one document of its source; `P` are the paths of the derived collection's key. */
export type Out<D, P extends string> =
  | D
  | Remove<KeyOf<D, P>>
  | Iterable<D | Remove<KeyOf<D, P>>>
  | undefined
  | void;

// Deferred while `S` is being inferred: otherwise enum and literal fields of the output widen to `string`.
export type Transform<D, C, S, K extends readonly string[]> = [S] extends [never]
  ? never
  : (document: D, context: C) => Out<Doc<S>, K[number]>;

/**
 * What a transform of `source.reduced()` gets: the reduced document of one key as it was and as it is, after a document
 * or a removal was appended. `before` is undefined for a key that was not there, `after` for one that was removed.
 */
export type Change<D> =
  | { readonly before: D | undefined; readonly after: D }
  | { readonly before: D; readonly after: undefined };
