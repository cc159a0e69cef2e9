import type { Collection } from "./collection.ts";
import { report } from "./collector.ts";
import type { Provenance, Source } from "./connector.ts";
import { type CollectionDefinition, declared, type OnError, onErrorOf } from "./definition.ts";
import { frozenJson } from "./json.ts";
import type { KeyPath, RequiredPath } from "./paths.ts";
import type { Doc, Fractional, Schema } from "./schema.ts";
import { collection } from "./views.ts";

/** Fields of the schema that the source fills itself, by what it fills them with. */
export type ProvenanceFields<D, X extends string, P extends Provenance> = {
  readonly [N in keyof P]?: P[N] extends "string" ? Wide<D, string> : Exclude<Wide<D, number>, X>;
};
/** Required fields that hold any `V`, not just some. */
type Wide<D, V> = {
  [F in RequiredPath<D, V>]: F extends keyof D ? (V extends D[F] ? F : never) : never;
}[RequiredPath<D, V>];

export type CaptureDefinition<
  S extends Schema,
  K extends readonly string[],
  P extends Provenance,
  B extends readonly string[] = readonly string[],
> = CollectionDefinition<S, K, B> & WithProvenance<S, P>;

type WithProvenance<S, P extends Provenance> = [keyof P] extends [never]
  ? unknown
  : {
      /**
       * Fields that the source fills itself, for documents without a key of their own: `files` knows each
       * document's `file` and `row`. What the document has in such a field is replaced.
       */
      readonly provenance?: ProvenanceFields<Doc<S>, Fractional<S>, P>;
      /**
       * What to do with a row that is no document of the schema. `"halt"`, the default: the capture stops there until
       * you have looked at it. `"deadLetter"`: the row is set aside with its error, and the capture goes on. (A source
       * that knows no places of rows refuses a bad document to its sender.)
       */
      readonly onError?: "halt" | "deadLetter";
    };

/**
 * Declares a collection that an outside source fills.
 * @param name slash-separated, for instance `shop/orders`
 * @throws Error for a name or key that cannot be.
 */
export function capture<
  S extends Schema,
  const K extends readonly KeyPath<Doc<S>, Fractional<S>>[],
  P extends Provenance,
  const B extends readonly NoInfer<K>[number][] = [],
>(
  name: string,
  source: Source<P>,
  definition: CaptureDefinition<S, K, P, B>,
): Collection<Doc<S>, K, Fractional<S>, B[number]> {
  const captured = declared("capture", name, definition);
  const { connector, config, guarantee } = source;
  // `WithProvenance` is deferred while P is not known: it is this or nothing.
  const { provenance, ...rest } = definition as {
    readonly provenance?: Readonly<Record<string, string>>;
    readonly onError?: OnError;
  };
  report({
    kind: "capture",
    collection: captured,
    source: Object.freeze({
      connector,
      config: provenance ? frozenJson({ ...config, provenance }, `${name}: provenance`) : config,
      guarantee,
    }),
    onError: onErrorOf(`capture("${name}")`, rest),
    stack: new Error().stack ?? "",
  });
  return collection<Doc<S>, K, Fractional<S>, B[number]>(captured);
}
