import { HaltError } from "../../connectors/driver.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { compileKey, showKey } from "./key.ts";
import { compileStrategy, type Strategy } from "./strategy.ts";

/**
 * Combines two documents of one key. Field by field: a field with a strategy combines by it, and keeps its value where
 * one of the two lacks it; any other field, key fields included, is as the newer document has it, absence included.
 * An object that holds a field with a strategy is combined inside; it is there if the newer document has it, or if a
 * field with a strategy has a value in it. Such an object that is `null` counts as one without those fields.
 *
 * Associative wherever the strategies are: exactly so except for sums of fractions, which round.
 */
export interface Reducer {
  /** True if any field has a strategy. If not, the newest document is always the whole result. */
  readonly combines: boolean;
  /** A new document; both arguments stay as they are, and the result may share their nested values. */
  reduce(older: JsonObject, newer: JsonObject): JsonObject;
  /**
   * The same result at less cost: writes it into one of the two and returns that. Both arguments must be the caller's
   * alone, with all that is in them, and neither is to be used any more, also where it throws.
   */
  reduceInto(older: JsonObject, newer: JsonObject): JsonObject;
  /** Whether `reduceInto` writes to `older` alone, so that `newer` need not be the caller's and may be used further. */
  readonly keepsNewer: boolean;
  /**
   * Throws what `reduceInto(older, newer)` would, and changes nothing: for a `newer` that `settle` has taken, and an
   * `older` that was made of such.
   */
  check(older: JsonObject, newer: JsonObject): void;
  /**
   * The whole row that a document is where nothing older of its key is stored: a set without what it removes, sums
   * of strings in their one form. Reducing into a settled document and settling the result is the same as settling
   * once at the end. The document stays as it is, and is the result where nothing differs.
   */
  settle(document: JsonObject): JsonObject;
}

/**
 * `fits`: all documents that it will get fit the schema as it is now, which those of a history need not. Throws `HaltError`
 * where a path cannot be reduced. Its methods throw `HaltError` where values do not fit a strategy.
 */
export function compileReducer(collection: CollectionPlan, fits = false): Reducer {
  const nodes = compileNodes(collection);
  const key = compileKey(collection.key);
  const named = <T>(document: JsonObject, run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      throw new HaltError(`Field "${error.path}" of key ${showKey(key.values(document))}: ${error.message}.`);
    }
  };
  const run = (older: JsonObject, newer: JsonObject, result: MutableObject, owned: boolean) =>
    named(newer, () => {
      combineFields(nodes, older, newer, result, owned);
      return result;
    });
  const settling = nodes.some(settles);
  const all = fits ? allFields(collection, nodes) : undefined;
  return {
    combines: nodes.length > 0,
    reduce: (older, newer) => run(older, newer, copy(nodes, newer), false),
    // The older one lives long: a newer one that is let go at once costs the collector nothing.
    reduceInto: all
      ? (older, newer) => named(newer, () => extend(all, older as MutableObject, newer))
      : (older, newer) => run(older, newer, newer as MutableObject, true),
    keepsNewer: all !== undefined,
    check: (older, newer) => named(newer, () => checkFields(nodes, older, newer)),
    settle: (document) => (settling ? named(document, () => settleFields(nodes, document)) : document),
  };
}

type MutableObject = { [name: string]: Json | undefined };

/** A field with a strategy, or an object that holds some. */
type Node = FieldNode | { readonly kind: "object"; readonly name: string; readonly fields: readonly Node[] };

interface FieldNode {
  readonly kind: "field";
  readonly name: string;
  readonly path: string;
  readonly strategy: Strategy;
}

class FieldError extends Error {
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** The nodes, where nothing but a key and fields with a strategy can be in a document; undefined otherwise. */
function allFields(
  { schema, key }: CollectionPlan,
  nodes: readonly Node[],
): readonly FieldNode[] | undefined {
  const fields = nodes.filter((node) => node.kind === "field");
  const known = new Set([...key, ...fields.map(({ name }) => name)]);
  const isClosed = schema.additionalProperties === false && schema.patternProperties === undefined;
  const names = Object.keys(schema.properties ?? {});
  return isClosed && fields.length === nodes.length && names.every((name) => known.has(name))
    ? fields
    : undefined;
}

/** Combines into `older`, whose key is that of `newer`. */
function extend(fields: readonly FieldNode[], older: MutableObject, newer: JsonObject): JsonObject {
  for (let i = 0; i < fields.length; i++) {
    const { name, path, strategy } = fields[i] as FieldNode; // i < length
    const after = own(newer, name);
    if (after === undefined) continue;
    const before = own(older as JsonObject, name);
    try {
      older[name] = before === undefined ? after : strategy.combine(before, after, true);
    } catch (error) {
      throw ofField(path, error);
    }
  }
  return older as JsonObject;
}

function combineFields(
  nodes: readonly Node[],
  older: JsonObject,
  newer: JsonObject,
  result: MutableObject,
  owned: boolean,
): void {
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    if (node === undefined) continue;
    const before = own(older, node.name);
    if (before === undefined) continue;
    const after = own(newer, node.name);
    if (node.kind === "object") {
      combineObject(node.name, node.fields, before, after, result, owned);
    } else if (after === undefined) {
      result[node.name] = before;
    } else {
      result[node.name] = atField(node.path, () => node.strategy.combine(before, after, owned));
    }
  }
}

function combineObject(
  name: string,
  fields: readonly Node[],
  before: Json,
  after: Json | undefined,
  result: MutableObject,
  owned: boolean,
): void {
  if (!isObject(before) || !fields.some((field) => holdsValue(field, before))) return;
  const inside = isObject(after) ? after : {};
  // `result` holds a value of its own here: a copy by `reduce`, or the caller's own by `reduceInto`.
  const target = result[name];
  const into: MutableObject = isObject(target) ? (target as MutableObject) : {};
  combineFields(fields, before, inside, into, owned);
  result[name] = into;
}

function checkFields(nodes: readonly Node[], older: JsonObject, newer: JsonObject): void {
  for (const node of nodes) {
    const before = own(older, node.name);
    const after = own(newer, node.name);
    if (before === undefined || after === undefined) continue;
    if (node.kind === "object") {
      if (isObject(before) && isObject(after)) checkFields(node.fields, before, after);
      continue;
    }
    const { strategy } = node;
    atField(node.path, () =>
      strategy.check ? strategy.check(before, after) : void strategy.combine(before, after, false),
    );
  }
}

function settles(node: Node): boolean {
  return node.kind === "field" ? node.strategy.settle !== undefined : node.fields.some(settles);
}

function settleFields(nodes: readonly Node[], document: JsonObject): JsonObject {
  let result: MutableObject | undefined;
  for (const node of nodes) {
    const value = own(document, node.name);
    if (value === undefined || !settles(node)) continue;
    const settled = settleValue(node, value);
    if (settled === value) continue;
    result ??= { ...document };
    result[node.name] = settled;
  }
  return result ?? document;
}

function settleValue(node: Node, value: Json): Json {
  if (node.kind === "object") return isObject(value) ? settleFields(node.fields, value) : value;
  const { settle } = node.strategy;
  return settle === undefined ? value : atField(node.path, () => settle(value));
}

function atField<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw ofField(path, error);
  }
}

function ofField(path: string, error: unknown): unknown {
  return error instanceof HaltError ? new FieldError(path, error.message) : error;
}

/** Whether a field with a strategy has a value in `object`, at any depth. */
function holdsValue(node: Node, object: JsonObject): boolean {
  const value = own(object, node.name);
  if (node.kind === "field") return value !== undefined;
  return isObject(value) && node.fields.some((field) => holdsValue(field, value));
}

/** Copies a document as deep as fields with a strategy go. */
function copy(nodes: readonly Node[], document: JsonObject): MutableObject {
  const result: MutableObject = { ...document };
  for (const node of nodes) {
    const value = own(document, node.name);
    if (node.kind === "object" && isObject(value)) result[node.name] = copy(node.fields, value);
  }
  return result;
}

/** JSON holds no functions: one found here comes from `Object.prototype`, for a field named `constructor`, say. */
function own(object: JsonObject, name: string): Json | undefined {
  const value: unknown = object[name];
  // The document is JSON, so that what is no function is a value of it.
  return typeof value === "function" ? undefined : (value as Json | undefined);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function compileNodes({ schema, reduce, key }: CollectionPlan): readonly Node[] {
  const compile = (paths: readonly (readonly string[])[], above: readonly string[]): readonly Node[] =>
    [...Map.groupBy(paths, ([name]) => name ?? "")].map(([name, group]) => {
      const here = [...above, name];
      const path = here.join(".");
      if (name === "__proto__")
        throw new HaltError(`Field "${path}" cannot be reduced; give it another name.`);
      const strategy = Object.hasOwn(reduce, path) ? reduce[path] : undefined;
      if (strategy === undefined) {
        return {
          kind: "object",
          name,
          fields: compile(
            group.map((names) => names.slice(1)),
            here,
          ),
        };
      }
      if (key.includes(path)) {
        throw new HaltError(`Key field "${path}" has a strategy; remove it from "reduce".`);
      }
      if (group.length > 1) {
        throw new HaltError(
          `Field "${path}" and a field inside it both have a strategy; remove one of them.`,
        );
      }
      return { kind: "field", name, path, strategy: compileStrategy(strategy, schema, path) };
    });
  return compile(
    Object.keys(reduce).map((path) => path.split(".")),
    [],
  );
}
