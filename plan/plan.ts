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

export interface CapturePlan extends ConnectorPlan {}

export interface DerivationPlan {
  /** In the order that the flow gives; one, until derivations of several sources arrive. */
  readonly sources: readonly DerivationSource[];
  readonly transform: TransformPlan;
}

export interface DerivationSource {
  readonly collection: string;
}

export interface TransformPlan {
  /** SHA-256, hex, of the normalized bundle; the file is `bundles/<bundle>.mjs`, its default export the transform. */
  readonly bundle: string;
  /** Handed to the transform as `ctx.params`. */
  readonly params: JsonObject;
}

export interface MaterializationPlan extends ConnectorPlan {
  readonly collection: string;
}
