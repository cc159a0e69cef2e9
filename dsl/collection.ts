import { report } from "./collector.ts";
import type { Target } from "./connector.ts";
import type { CollectionDeclaration } from "./declarations.ts";
import { frozenJson } from "./json.ts";
import { checkDefinition } from "./names.ts";
import type { KeyPath } from "./paths.ts";
import type { Reduce } from "./reduce.ts";
import type { KeyOf, Remove } from "./remove.ts";
import type { Doc, Fractional, Schema } from "./schema.ts";

/** What `params` may hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** The key's paths if they were inferred as literals, else nothing. */
export type Given<K extends readonly string[]> = number extends K["length"] ? never : K[number];

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

/** A collection's own part of its declaration. */
export interface CollectionDefinition<S extends Schema, K extends readonly string[]> {
  /** Zod 4, anything that speaks Standard Schema with Standard JSON Schema, or TypeBox. */
  readonly schema: S;
  /** Paths of the fields that tell one row from another: required strings, integers or booleans. */
  readonly key: K;
  /** How the documents of one key combine, per field. A field without a strategy takes the newest value. */
  readonly reduce?: Reduce<Doc<S>, Given<NoInfer<K>>>;
}

export interface DerivationDefinition<D, S extends Schema, K extends readonly string[], P>
  extends CollectionDefinition<S, K> {
  /** JSON that the transform gets as `context.params`: what differs between flows made by a loop or a function. */
  readonly params?: P;
  /**
   * Maps one document of the source to a document, several (an array, a generator) or none; `remove(key)` among
   * them removes a document. It is pure:
   * the same input always gives the same output, and it uses nothing but its arguments, constants and
   * pure functions.
   */
  readonly transform: Transform<D, { readonly params: P }, S, NoInfer<K>>;
}

/**
 * A named, keyed set of JSON documents, captured or derived. `D` is the document, `K` the key's paths,
 * `X` the fractional number fields.
 */
export interface Collection<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
> {
  readonly name: string;
  readonly key: K;

  /**
   * Declares a collection computed from this one, document by document.
   * @param name slash-separated, for instance `shop/spend-by-customer`
   * @throws Error for a name, key or params that cannot be.
   */
  derive<
    S extends Schema,
    const K2 extends readonly KeyPath<Doc<S>, Fractional<S>>[],
    const P extends JsonObject = {},
  >(name: string, definition: DerivationDefinition<D, S, K2, P>): Collection<Doc<S>, K2, Fractional<S>>;

  /** Keeps a target in step with this collection: its whole history first, then live. Returns this collection. */
  materializeTo(target: Target<D, K, X>): Collection<D, K, X>;
}

/** The checked and frozen form of what the user wrote. */
export function declared(
  call: "capture" | "derive",
  name: string,
  definition: { readonly schema: unknown; readonly key: readonly string[]; readonly reduce?: object },
): CollectionDeclaration {
  checkDefinition(call, name, definition);
  return Object.freeze({
    name,
    schema: definition.schema,
    key: Object.freeze([...definition.key]),
    // `Reduce` has only strategies as values.
    reduce: frozenJson({ ...definition.reduce }, `${name}: reduce`) as CollectionDeclaration["reduce"],
  });
}

/** The collection that a declaration stands for. */
export function collection<D, K extends readonly string[], X extends string>(
  declaration: CollectionDeclaration,
): Collection<D, K, X> {
  const self: Collection<D, K, X> = Object.freeze({
    name: declaration.name,
    // The copy of the very key that K was inferred from.
    key: declaration.key as K,

    derive<S extends Schema, const K2 extends readonly string[], const P extends JsonObject = {}>(
      name: string,
      definition: DerivationDefinition<D, S, K2, P>,
    ): Collection<Doc<S>, K2, Fractional<S>> {
      const derived = declared("derive", name, definition);
      const transform: unknown = definition.transform;
      if (typeof transform !== "function") {
        throw new Error(
          `derive("${name}") has no transform. Give it a function from a document to its outputs.`,
        );
      }
      report({
        kind: "derive",
        collection: derived,
        source: declaration.name,
        // A function, as was just checked; what it takes is between the compiler and the user.
        transform: transform as (...args: never) => unknown,
        params: frozenJson<JsonObject>(definition.params ?? {}, `${name}: params`),
        stack: new Error().stack ?? "",
      });
      return collection(derived);
    },

    materializeTo(target: Target<D, K, X>): Collection<D, K, X> {
      const { connector, config, resource, guarantee } = target;
      report({
        kind: "materialize",
        collection: declaration.name,
        resource,
        target: Object.freeze({ connector, config, guarantee }),
        stack: new Error().stack ?? "",
      });
      return self;
    },
  });
  return self;
}
