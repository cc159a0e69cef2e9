/**
 * Into how many shards a derivation may be cut without changing what it gives. Shard i of N reads the journals whose
 * partition number modulo N is i. So all documents of one source key go through one shard, and documents of different
 * keys are written in no order: every field of the output must combine alike in any order, and state must be found by
 * what the partitions are cut by.
 */
import type { CollectionPlan, DerivationPlan, JsonObject, JsonSchema, ReduceStrategy } from "./plan.ts";

/** What the rule looks at, of a plan or of what a plan is made from. */
export interface Shardable {
  readonly collection: Pick<CollectionPlan, "schema" | "key" | "reduce">;
  readonly sources: readonly ShardableSource[];
  readonly hasState: boolean;
  /** Whether its functions may return removals. */
  readonly removes: boolean;
}

export interface ShardableSource {
  readonly collection: string;
  readonly key: readonly string[];
  readonly partitions: number;
  /** The shuffle key; what is no string is a function. */
  readonly by: readonly unknown[];
}

/** `reason` is a clause that "because" can stand before, `remedy` a sentence. */
export type ShardRule =
  | { readonly kind: "any-order"; readonly most: number }
  | { readonly kind: "in-order"; readonly reason: string; readonly remedy: string };

/** The most shards that the automatic choice takes: each has a thread, a reader and a cache of its own. */
export const MOST_AUTOMATIC_SHARDS = 4;

const ONE_SHARD = "Or leave shards out.";

export function shardRule({ collection, sources, hasState, removes }: Shardable): ShardRule {
  const refused = (reason: string, remedy: string): ShardRule => ({ kind: "in-order", reason, remedy });
  if (removes) {
    return refused(
      "its functions may return removals, which absorb what came before them",
      `Let a field tell what a removal tells, such as a sum that comes to 0. ${ONE_SHARD}`,
    );
  }
  const ordered = orderedField(collection);
  if (ordered) return refused(ordered.reason, `${ordered.remedy} ${ONE_SHARD}`);
  const counts = sources.map(({ partitions }) => partitions);
  const most = Math.max(1, ...counts);
  if (!hasState) return { kind: "any-order", most };
  const astray = sources.find(
    ({ key, by }) => key.length !== by.length || key.some((path, i) => path !== by[i]),
  );
  if (astray) {
    return refused(
      `its state is found by ${shown(astray.by)}, and documents of ${astray.collection} are spread over partitions by their key (${astray.key.join(", ")})`,
      `Find the state by exactly the key of each source, or let the outputs alone keep what the state keeps. ${ONE_SHARD}`,
    );
  }
  if (counts.some((count) => count !== most)) {
    return refused(
      `its state is shared by sources of ${[...new Set(counts)].join(" and ")} partitions, so that equal keys are in partitions of different numbers`,
      `Give the sources the same number of partitions. ${ONE_SHARD}`,
    );
  }
  return { kind: "any-order", most };
}

/** Of a plan's derivation. `collections` has its own and its sources'. */
export function planShardRule(
  name: string,
  { sources, state, removes }: DerivationPlan,
  collections: Readonly<Record<string, CollectionPlan>>,
): ShardRule {
  const of = (collection: string): CollectionPlan => {
    const found = collections[collection];
    if (!found) throw new Error(`The plan names a collection "${collection}" and does not have it.`);
    return found;
  };
  return shardRule({
    collection: of(name),
    sources: sources.map(({ collection, by = [] }) => {
      const { key, partitions = 1 } = of(collection);
      return { collection, key, partitions, by };
    }),
    hasState: state !== undefined,
    removes: removes === true,
  });
}

function shown(by: readonly unknown[]): string {
  if (by.length === 0) return "no shuffle key";
  return by.map((part) => (typeof part === "string" ? part : "a function")).join(", ");
}

interface Complaint {
  readonly reason: string;
  readonly remedy: string;
}

type Combined = Shardable["collection"];

/** The first field whose value depends on the order in which documents of one key combine. */
function orderedField(collection: Combined): Complaint | undefined {
  return orderedFieldIn(collection, collection.schema, []);
}

function orderedFieldIn(
  collection: Combined,
  schema: JsonSchema,
  above: readonly string[],
): Complaint | undefined {
  const fields = closedFields(schema);
  if (fields === undefined) {
    const what = above.length === 0 ? "its schema" : `the schema of its field ${above.join(".")}`;
    return {
      reason: `${what} allows fields that it does not name, and of such a field the newest value wins`,
      remedy: "Make it one object without alternatives, closed by additionalProperties: false.",
    };
  }
  for (const [name, field] of Object.entries(fields)) {
    const path = [...above, name];
    const complaint = complaintOf(collection, schema, path, asObject(field));
    if (complaint) return complaint;
  }
  return undefined;
}

function complaintOf(
  collection: Combined,
  holder: JsonSchema,
  names: readonly string[],
  field: JsonSchema,
): Complaint | undefined {
  const { key, reduce } = collection;
  const path = names.join(".");
  if (key.includes(path)) return undefined;
  const strategy = Object.hasOwn(reduce, path) ? reduce[path] : undefined;
  if (strategy !== undefined) return strategyComplaint(path, strategy, field);
  const holdsSome = [...key, ...Object.keys(reduce)].some((each) => each.startsWith(`${path}.`));
  if (!holdsSome) {
    return {
      reason: `its field ${path} has no strategy, so that the newest document wins`,
      remedy: `Give ${path} a strategy for which order does not count (sum, min or max) in reduce.`,
    };
  }
  // Whether an object without values is there, or null, is as the newest document has it.
  const required = Array.isArray(holder.required) && holder.required.includes(names.at(-1) ?? "");
  if (!required || field.type !== "object") {
    return {
      reason: `its field ${path} may be absent or null, which is as the newest document has it`,
      remedy: `Make ${path} a required object.`,
    };
  }
  return orderedFieldIn(collection, field, names);
}

function strategyComplaint(path: string, strategy: ReduceStrategy, field: JsonSchema): Complaint | undefined {
  const name = typeof strategy === "string" ? strategy : "sum" in strategy ? "sum" : "merge";
  switch (name) {
    case "sum":
    case "min":
    case "max":
      return undefined;
    case "set": {
      const lists = closedFields(field);
      if (lists !== undefined && !Object.hasOwn(lists, "remove")) return undefined;
      return {
        reason: `its field ${path} is a set whose members can be removed, for which order counts`,
        remedy: `Leave remove out of the schema of ${path}.`,
      };
    }
    case "first":
    case "last":
    case "append":
    case "merge":
      return {
        reason: `its field ${path} combines by "${name}", for which order counts`,
        remedy: `Combine ${path} by sum, min or max.`,
      };
  }
}

/** The properties of a schema of one closed object; undefined for any other schema. */
function closedFields(schema: JsonSchema): JsonObject | undefined {
  const others = ["anyOf", "oneOf", "allOf", "$ref", "patternProperties"];
  if (schema.type !== "object" || schema.additionalProperties !== false) return undefined;
  if (others.some((keyword) => Object.hasOwn(schema, keyword))) return undefined;
  return asObject(schema.properties);
}

function asObject(value: unknown): JsonObject {
  // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
