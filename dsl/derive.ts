import { type By, readOf } from "./by.ts";
import type { Collection } from "./collection.ts";
import { report } from "./collector.ts";
import type { SourceDeclaration, StateDeclaration } from "./declarations.ts";
import {
  type CollectionDefinition,
  continuesOf,
  type DerivationOptions,
  declared,
  functionOf,
  isSchema,
  onErrorOf,
  paramsOf,
  shardsOf,
} from "./definition.ts";
import { frozenJson } from "./json.ts";
import type { KeyPath } from "./paths.ts";
import type { Doc, Fractional, Schema } from "./schema.ts";
import type { JsonObject, Transform } from "./transform.ts";
import { collection } from "./views.ts";

/** Sources by the names that `on` and `removed` know them by. */
export interface Sources {
  readonly [name: string]: By<unknown, unknown, unknown>;
}

type ShuffleOf<B> = B extends By<unknown, infer S, unknown> ? S : never;
type DocumentOf<B> = B extends By<infer T, unknown, unknown> ? T : never;
type RemovedOf<B> = B extends By<unknown, unknown, infer R> ? R : never;

/** `unknown` for each source whose shuffle key is of the same types as all others'. */
export type Agreeing<F> = {
  readonly [N in keyof F]: [ShuffleOf<F[keyof F]>] extends [ShuffleOf<F[N]>]
    ? unknown
    : By<unknown, ShuffleOf<F[Exclude<keyof F, N>]>, unknown>;
};

/** What handlers get beside the document. `St` is the state's schema, `never` without one. */
export type HandlerContext<P, St> = [St] extends [never]
  ? { readonly params: P }
  : {
      readonly params: P;
      /** The state of the document's shuffle key. A draft: what you change in it is kept with your outputs. */
      readonly state: Doc<St>;
    };

/** A function for each source. */
export type Handlers<F, C, S, K extends readonly string[]> = {
  readonly [N in keyof F]: Transform<DocumentOf<F[N]>, C, S, K>;
};

/** A function for sources that are not reduced, which get the removed document's key. */
export type RemovedHandlers<F, C, S, K extends readonly string[]> = {
  readonly [N in keyof F as [RemovedOf<F[N]>] extends [never] ? never : N]?: Transform<
    RemovedOf<F[N]>,
    C,
    S,
    K
  >;
};

/** Durable values, one for each shuffle key. */
export interface StateDefinition<St extends Schema> {
  /** Describes a JSON object, as a collection's schema does. */
  readonly schema: St;
  /** What a shuffle key has before its first document. A state that is equal to it takes no room. */
  readonly initial: Doc<NoInfer<St>>;
}

export interface SeveralDerivationDefinition<
  F extends Sources,
  S extends Schema,
  K extends readonly string[],
  P,
  St extends Schema,
  B extends readonly string[],
> extends CollectionDefinition<S, K, B>,
    DerivationOptions {
  /**
   * What is read, each with its shuffle key: `orders.by("customer")`. Documents of one shuffle key meet, in the order of
   * their commit times; the keys of all sources have values of the same types.
   */
  readonly from: F & Agreeing<NoInfer<F>>;
  /** JSON that the handlers get as `context.params`: what differs between flows made by a loop or a function. */
  readonly params?: P;
  /**
   * What to do with a document that cannot be derived from: a function throws, what it gives breaks a schema, the
   * reductions do not fit. `"halt"`, the default: the task stops there until you have looked at it. `"deadLetter"`: the
   * document is set aside with its error, without any effect, and the task goes on.
   */
  readonly onError?: "halt" | "deadLetter";
  /** What handlers remember between documents of one shuffle key. */
  readonly state?: StateDefinition<St>;
  /**
   * For each source the function that maps one of its documents to a document, several or none, as a transform does.
   * It is pure, but for the draft of `context.state` that it may change.
   */
  readonly on: Handlers<NoInfer<F>, HandlerContext<P, St>, S, NoInfer<K>>;
  /**
   * What follows from a removal in a source, of which there is only the key. Without it removals pass unseen. Of
   * `reduced()` sources the handler in `on` sees them, with `after: undefined`.
   */
  readonly removed?: RemovedHandlers<NoInfer<F>, HandlerContext<P, St>, S, NoInfer<K>>;
}

/**
 * Declares a collection computed from several others, whose documents meet by their shuffle keys.
 * @param name slash-separated, for instance `shop/enriched-orders`
 * @throws Error for a name, key, source, state or params that cannot be.
 */
export function derive<
  const F extends Sources,
  S extends Schema,
  const K extends readonly KeyPath<Doc<S>, Fractional<S>>[],
  const P extends JsonObject = {},
  St extends Schema = never,
  const B extends readonly NoInfer<K>[number][] = [],
>(
  name: string,
  definition: SeveralDerivationDefinition<F, S, K, P, St, B>,
): Collection<Doc<S>, K, Fractional<S>, B[number]> {
  const derived = declared("derive", name, definition);
  const { from, on, removed, state } = definition;
  report({
    kind: "derive",
    collection: derived,
    sources: sources(`derive("${name}")`, { from, on, removed }),
    state: state === undefined ? undefined : stateOf(name, state),
    params: paramsOf(name, definition),
    shards: shardsOf(name, definition),
    continues: continuesOf(name, definition),
    onError: onErrorOf(`derive("${name}")`, definition),
    stack: new Error().stack ?? "",
  });
  return collection<Doc<S>, K, Fractional<S>, B[number]>(derived);
}

// In `from`'s order, which JavaScript keeps for names that are no numbers.
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Given {
  readonly from: unknown;
  readonly on: unknown;
  readonly removed: unknown;
}

function sources(place: string, given: Given): readonly SourceDeclaration[] {
  const from = membersOf(given.from);
  if (from.size === 0) {
    throw new Error(`${place} has no sources. Name them, as in from: { orders: orders.by("customer") }.`);
  }
  const on = membersOf(given.on);
  const removed = membersOf(given.removed);
  for (const [option, named] of [
    ["on", on],
    ["removed", removed],
  ] as const) {
    const surplus = [...named.keys()].find((name) => !from.has(name));
    if (surplus !== undefined) {
      throw new Error(
        `${place}: ${option} names "${surplus}", which is not in from. Its sources are ${[...from.keys()].join(", ")}.`,
      );
    }
  }
  return Object.freeze(
    [...from].map(([name, source]) => Object.freeze(sourceOf(place, name, source, on, removed))),
  );
}

function sourceOf(
  place: string,
  name: string,
  source: unknown,
  on: ReadonlyMap<string, unknown>,
  removed: ReadonlyMap<string, unknown>,
): SourceDeclaration {
  if (!NAME.test(name)) {
    throw new Error(
      `${place} names a source ${JSON.stringify(name)}. Use letters, digits and underscores, with a letter first.`,
    );
  }
  const read = readOf(source);
  if (read === undefined) {
    throw new Error(
      `${place}: the source ${name} has no shuffle key. Give it one, as in ${name}: orders.by("customer").`,
    );
  }
  const transform = on.get(name);
  if (transform === undefined) {
    throw new Error(`${place} has no handler for ${name}. Give on a function of that name.`);
  }
  const removal = removed.get(name);
  if (removal !== undefined && read.reduced) {
    throw new Error(
      `${place} has a removed for ${name}, which is read reduced. Its handler in on sees a removal: there after is undefined.`,
    );
  }
  return {
    ...read,
    name,
    transform: functionOf(`${place}: on.${name}`, transform),
    removed: removal === undefined ? undefined : functionOf(`${place}: removed.${name}`, removal),
  };
}

function stateOf(name: string, { schema, initial }: StateDefinition<Schema>): StateDeclaration {
  const place = `derive("${name}"): state`;
  if (!isSchema(schema))
    throw new Error(`${place} has no schema. Give it one of Zod 4, of Standard Schema or of TypeBox.`);
  if (typeof initial !== "object" || initial === null || Array.isArray(initial)) {
    throw new Error(
      `${place} has no initial. Give the object that a shuffle key has before its first document.`,
    );
  }
  return Object.freeze({ schema, initial: frozenJson<object>(initial, `${name}: state.initial`) });
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(
    typeof value === "object" && value !== null
      ? Object.entries(value).filter(([, member]: [string, unknown]) => member !== undefined)
      : [],
  );
}
