import type { By, Shuffle, ShuffleFunction } from "./by.ts";
import type { Target } from "./connector.ts";
import type { CollectionDefinition, DerivationOptions } from "./definition.ts";
import type { MaterializeOptions } from "./materialize.ts";
import type { KeyPath } from "./paths.ts";
import type { ReadOptions } from "./read.ts";
import type { KeyOf } from "./remove.ts";
import type { Doc, Fractional, Schema } from "./schema.ts";
import type { Change, JsonObject, Transform } from "./transform.ts";
import type { Where } from "./where.ts";

/** `T` is what the transform gets. */
export interface ReducedDerivationDefinition<
  T,
  S extends Schema,
  K extends readonly string[],
  P,
  B extends readonly string[],
> extends CollectionDefinition<S, K, B>,
    DerivationOptions {
  /** JSON that the transform gets as `context.params`: what differs between flows made by a loop or a function. */
  readonly params?: P;
  /**
   * What to do with a document that cannot be derived from: a function throws, what it gives breaks the schema, the
   * reductions do not fit. `"halt"`, the default: the task stops there until you have looked at it. `"deadLetter"`: the
   * document is set aside with its error, without any effect, and the task goes on.
   */
  readonly onError?: "halt" | "deadLetter";
  /**
   * Maps one document of the source to a document, several (an array, a generator) or none; `remove(key)` among
   * them removes a document. It is pure:
   * the same input always gives the same output, and it uses nothing but its arguments, constants and
   * pure functions.
   */
  readonly transform: Transform<T, { readonly params: P }, S, NoInfer<K>>;
}

/** `R` is the source's key, as a removal has it. */
export interface DerivationDefinition<
  D,
  S extends Schema,
  K extends readonly string[],
  P,
  B extends readonly string[] = readonly string[],
  R = object,
> extends ReducedDerivationDefinition<D, S, K, P, B> {
  /**
   * What follows from a removal of a source's document, of which there is only the key: outputs, as of a transform.
   * Without it removals pass unseen. Where the document's other fields matter, derive from `source.reduced()`.
   */
  readonly removed?: Transform<R, { readonly params: P }, S, NoInfer<K>>;
}

/** The reduced documents of a collection, as they change. */
export interface Reduced<D = unknown, X extends string = string> {
  /**
   * Declares a collection computed from the changes of this one's reduced documents: the transform gets
   * `{ before, after }`.
   * @throws Error for a name, key or params that cannot be.
   */
  derive<
    S extends Schema,
    const K2 extends readonly KeyPath<Doc<S>, Fractional<S>>[],
    const P extends JsonObject = {},
    const B extends readonly NoInfer<K2>[number][] = [],
  >(
    name: string,
    definition: ReducedDerivationDefinition<Change<D>, S, K2, P, B>,
  ): Collection<Doc<S>, K2, Fractional<S>, B[number]>;

  /** Its shuffle key, for `derive(…)` of several sources: fields of the reduced document, and functions of it. */
  by<const A extends readonly (KeyPath<D, X> | ShuffleFunction<D>)[]>(
    ...key: A
  ): By<Change<D>, Shuffle<D, A>, never>;
}

/** What a derivation reads: a collection, or a part of it. */
export interface Readable<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
> {
  /**
   * Declares a collection computed from this one, document by document as they were appended.
   * @param name slash-separated, for instance `shop/spend-by-customer`
   * @throws Error for a name, key or params that cannot be.
   */
  derive<
    S extends Schema,
    const K2 extends readonly KeyPath<Doc<S>, Fractional<S>>[],
    const P extends JsonObject = {},
    const B extends readonly NoInfer<K2>[number][] = [],
  >(
    name: string,
    definition: DerivationDefinition<D, S, K2, P, B, KeyOf<D, K[number]>>,
  ): Collection<Doc<S>, K2, Fractional<S>, B[number]>;

  /** Reads the reduced document of each key as it changes, instead of the documents as they were appended. */
  reduced(): Reduced<D, X>;

  /** Its shuffle key, for `derive(…)` of several sources: fields of the document, and functions of it. */
  by<const A extends readonly (KeyPath<D, X> | ShuffleFunction<D>)[]>(
    ...key: A
  ): By<D, Shuffle<D, A>, KeyOf<D, K[number]>>;
}

/** Some logical partitions of a collection. */
export interface WhereView<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
> extends Readable<D, K, X> {
  /**
   * Bounds in time, priority and delay with which a derivation reads.
   * @throws Error for an option that cannot be.
   */
  read(options: ReadOptions): Readable<D, K, X>;

  /**
   * Keeps a target in step with these partitions: their whole history first, then live. Returns this view.
   * @throws Error for an option that cannot be.
   */
  materializeTo(target: Target<D, K, X>, options?: MaterializeOptions): WhereView<D, K, X>;
}

/**
 * A named, keyed set of JSON documents, captured or derived. `D` is the document, `K` the key's paths,
 * `X` the fractional number fields, `P` the partition fields.
 */
export interface Collection<
  D = unknown,
  K extends readonly string[] = readonly string[],
  X extends string = string,
  P extends string = never,
> extends Readable<D, K, X> {
  readonly name: string;
  readonly key: K;

  /**
   * The logical partitions with these values; a field that is not named is read whole.
   * @throws Error for what is no partition field or no value.
   */
  where(filter: Where<D, P>): WhereView<D, K, X>;

  /**
   * Bounds in time, priority and delay with which a derivation reads.
   * @throws Error for an option that cannot be.
   */
  read(options: ReadOptions): Readable<D, K, X>;

  /**
   * Keeps a target in step with this collection: its whole history first, then live. Returns this collection.
   * @throws Error for an option that cannot be.
   */
  materializeTo(target: Target<D, K, X>, options?: MaterializeOptions): Collection<D, K, X, P>;

  /**
   * Declares the name that this collection had: what is stored under it goes on under the new one. Returns this
   * collection.
   * @throws Error for what is no name, or the same.
   */
  renamedFrom(name: string): Collection<D, K, X, P>;
}
