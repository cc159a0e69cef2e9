/**
 * The contract between compiler and runtime. A plan says everything that the runtime needs
 * besides the transform bundles, which it names by content hash, and the values of the
 * environment variables, which it names by reference. It holds no time, no absolute path,
 * no tool version and no secret: two builds of the same flows give the same bytes.
 *
 * `plan/schema.json` is the published JSON Schema of `Plan`; a test holds the two equal.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/** JSON Schema, draft 2020-12. Always of `"type": "object"` for a document. */
export type JsonSchema = JsonObject;

/** Stands in a connector's configuration for a value of the environment: `env("NAME")`. */
export interface EnvReference {
  readonly $env: string;
}

export const PLAN_FORMAT_VERSION = 1;

export interface Plan {
  readonly formatVersion: typeof PLAN_FORMAT_VERSION;
  /** By collection name. Every captured and every derived collection is here. */
  readonly collections: Readonly<Record<string, CollectionPlan>>;
  /** By the name of the collection that it fills. */
  readonly captures: Readonly<Record<string, CapturePlan>>;
  /** By the name of the collection that it fills. */
  readonly derivations: Readonly<Record<string, DerivationPlan>>;
  /** By the target's resource, for instance `postgres:customer_spend`. */
  readonly materializations: Readonly<Record<string, MaterializationPlan>>;
}

export interface CollectionPlan {
  readonly schema: JsonSchema;
  /** Paths of the key fields, in order. Nested ones are dotted: `address.city`. Never empty. */
  readonly key: readonly string[];
  /** Strategy by field path. A field without one takes the newest value, absence included. */
  readonly reduce: Readonly<Record<string, ReduceStrategy>>;
  /**
   * Key fields by whose values the collection is cut into logical partitions, in order. Absent where there are none.
   * They are of the key, so that a document and its removal meet in one journal.
   */
  readonly partitionBy?: readonly string[];
  /** Journals of each logical partition, by hash of the key. Absent for one. */
  readonly partitions?: number;
  /** The name under which what is stored was made. */
  readonly renamedFrom?: string;
}

/**
 * How two values of one field combine, oldest first. A named strategy skips absence:
 * the field keeps the value that it has when the newer document lacks it.
 */
export type ReduceStrategy =
  | "sum"
  | "min"
  | "max"
  | "first"
  | "last"
  | "append"
  | "set"
  | "merge"
  | ExactSum
  | MergeByKey;

/** A sum of numbers that are carried as strings: decimals of any length, or 64-bit integers. */
export interface ExactSum {
  readonly sum: "decimal" | "int64";
}

/** Merges arrays of objects: elements whose fields at these paths are equal are merged as objects. */
export interface MergeByKey {
  readonly merge: { readonly key: readonly string[] };
}

/** The strategies without options. */
export const REDUCE_STRATEGIES = [
  "sum",
  "min",
  "max",
  "first",
  "last",
  "append",
  "set",
  "merge",
] as const satisfies readonly ReduceStrategy[];

/** What a connector promises, printed in the plan so that a reviewer sees it change. */
export interface Guarantee {
  readonly delivery: "exactly-once" | "at-least-once";
  /** One sentence: what makes the promise true, and its condition if it has one. */
  readonly mechanism: string;
}

export interface ConnectorPlan {
  /** The connector's name: `http`, `files`, `postgres`, `redis`. */
  readonly connector: string;
  /** JSON, with `EnvReference` where the flow wrote `env(...)`. */
  readonly config: JsonObject;
  readonly guarantee: Guarantee;
}

export interface CapturePlan extends ConnectorPlan {
  /** A row that is no document of the schema is set aside, and the capture goes on. Absent for `halt`. */
  readonly onError?: "deadLetter";
}

export interface DerivationPlan {
  /** In the order that the flow gives: which of them it is decides between documents of one time. */
  readonly sources: readonly DerivationSource[];
  /** Handed to every function as `ctx.params`. */
  readonly params: JsonObject;
  readonly state?: StatePlan;
  /** Whether its functions may return removals. Absent where none of them imports `remove`. */
  readonly removes?: true;
  /** Into how many shards it is cut, as the flow asks. Absent where that is left to the runtime. */
  readonly shards?: number;
  /** A document that cannot be derived from is set aside, and the task goes on. Absent for `halt`. */
  readonly onError?: "deadLetter";
  /**
   * The beginning of a `definitionHash`, 12 to 64 hex digits: what the definition with this hash derived stays, and this
   * one is used from then on. No effect where another one ran last.
   */
  readonly continues?: string;
}

/** Durable values, one for each shuffle key. */
export interface StatePlan {
  readonly schema: JsonSchema;
  /** What a shuffle key has before its first document. */
  readonly initial: JsonObject;
}

/** SHA-256, hex, of the normalized bundle; the file is `bundles/<bundle>.mjs`, its default export the function. */
export interface BundleReference {
  readonly bundle: string;
}

/** How a task reads a collection. What is absent leaves it as it is: everything, at once. */
export interface CollectionView {
  readonly collection: string;
  /** By partition field, the values that are read. A field that is not named is read whole. */
  readonly where?: Readonly<Record<string, readonly (string | number | boolean)[]>>;
}

export interface DerivationSource extends CollectionView {
  /** Its name in the flow's `from`; absent where one collection is derived from another by `collection.derive(…)`. */
  readonly name?: string;
  /** Commit time of the first document that is read, RFC 3339 in UTC with milliseconds. */
  readonly from?: string;
  /** Commit time before which documents are read, written as `from`. */
  readonly until?: string;
  /** Of the documents that can be read, those of the source with the highest go first. Absent for 0. */
  readonly priority?: number;
  /** How far behind the head's clock the source is read, ms. Absent for 0. */
  readonly readDelayMs?: number;
  /** Functions get `{ before, after }` of the fully reduced document instead of the documents as they were appended. */
  readonly reduced?: true;
  /** The shuffle key, which picks the state: paths of fields, and functions that give one value or a list of values. */
  readonly by?: readonly (string | BundleReference)[];
  readonly transform: BundleReference;
  /** Gets the key of a removed document. Without it removals pass unseen. */
  readonly removed?: BundleReference;
}

export interface MaterializationPlan extends ConnectorPlan, CollectionView {
  /** `delta`: a row per document, as it was appended, instead of one per key. Absent for `standard`. */
  readonly mode?: "delta";
  /** Another number than the target was filled under has it emptied and filled from history. Absent for 0. */
  readonly backfill?: number;
  /** `backfill`: where a changed schema does not fit the target, it is emptied, altered and filled again. Absent for `halt`. */
  readonly onSchemaChange?: "backfill";
  /** The resource's name, without the connector's, under which the target was filled. */
  readonly renamedFrom?: string;
}
