import { HaltError } from "../../connectors/driver.ts";
import { fieldAt } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { compileKey, showKey } from "./key.ts";
import { type Combine, compileStrategy } from "./strategy.ts";

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
   * The same result at less cost: writes it into `newer`, which must be the caller's alone (nested objects too),
   * and returns it. `older` stays as it is, and must not be used after the next such call.
   */
  reduceInto(older: JsonObject, newer: JsonObject): JsonObject;
}

/** Throws `HaltError` where a path cannot be reduced. Its methods throw `HaltError` where values do not fit a strategy. */
export function compileReducer(collection: CollectionPlan): Reducer {
  const nodes = compileNodes(collection);
  const key = compileKey(collection.key);
  const run = (older: JsonObject, newer: JsonObject, result: MutableObject) => {
    try {
      combineFields(nodes, older, newer, result);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      throw new HaltError(`Field "${error.path}" of key ${showKey(key.values(newer))}: ${error.message}.`);
    }
    return result;
  };
  return {
    combines: nodes.length > 0,
    reduce: (older, newer) => run(older, newer, copy(nodes, newer)),
    // The caller has given `newer` away, so writing to it is seen by nobody else.
    reduceInto: (older, newer) => run(older, newer, newer as MutableObject),
  };
}

type MutableObject = { [name: string]: Json | undefined };

/** A field with a strategy, or an object that holds some. */
type Node =
  | { readonly kind: "field"; readonly name: string; readonly path: string; readonly combine: Combine }
  | { readonly kind: "object"; readonly name: string; readonly fields: readonly Node[] };

class FieldError extends Error {
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

function combineFields(
  nodes: readonly Node[],
  older: JsonObject,
  newer: JsonObject,
  result: MutableObject,
): void {
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i];
    if (node === undefined) continue;
    const before = own(older, node.name);
    if (before === undefined) continue;
    const after = own(newer, node.name);
    if (node.kind === "object") {
      combineObject(node.name, node.fields, before, after, result);
    } else if (after === undefined) {
      result[node.name] = before;
    } else {
      try {
        result[node.name] = node.combine(before, after);
      } catch (error) {
        throw error instanceof HaltError ? new FieldError(node.path, error.message) : error;
      }
    }
  }
}

function combineObject(
  name: string,
  fields: readonly Node[],
  before: Json,
  after: Json | undefined,
  result: MutableObject,
): void {
  if (!isObject(before) || !fields.some((field) => holdsValue(field, before))) return;
  const inside = isObject(after) ? after : {};
  // `result` holds a value of its own here: a copy by `reduce`, or the caller's own by `reduceInto`.
  const target = result[name];
  const into: MutableObject = isObject(target) ? (target as MutableObject) : {};
  combineFields(fields, before, inside, into);
  result[name] = into;
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
      const strategy = reduce[path];
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
        throw new HaltError(`Key field "${path}" has the strategy "${strategy}"; remove it from "reduce".`);
      }
      if (group.length > 1) {
        throw new HaltError(
          `Field "${path}" and a field inside it both have a strategy; remove one of them.`,
        );
      }
      return { kind: "field", name, path, combine: compileStrategy(strategy, fieldAt(schema, path)) };
    });
  return compile(
    Object.keys(reduce).map((path) => path.split(".")),
    [],
  );
}
