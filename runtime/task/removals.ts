/** Removals among a transform's outputs, and the lines that stand for them in a journal. */
import { isDeepStrictEqual } from "node:util";
import type { KeyValues } from "../../connectors/driver.ts";
import { REMOVED } from "../../dsl/remove.ts";
import { fieldAt, type JsonType } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";

export interface Removals {
  /** The key fields of what a removal removes, or what is wrong with it. Of any other output undefined. */
  read(output: unknown): RemovalRead | undefined;
  /** A removal's line: the key fields, and the marker that `isRemoval` looks for as the last property. */
  line(key: KeyValues): string;
  /** The key fields, nested as in a document. */
  keyDocument(key: KeyValues): JsonObject;
}

export type RemovalRead =
  | { readonly kind: "key"; readonly key: KeyValues; readonly document: JsonObject }
  | { readonly kind: "wrong"; readonly complaint: string };

export function compileRemovals({ key, schema }: CollectionPlan): Removals {
  const fields = key.map((path) => ({
    path,
    names: path.split("."),
    types: fieldAt(schema, path)?.types ?? new Set<JsonType>(),
  }));
  const keyDocument = (values: KeyValues): JsonObject => {
    const document: MutableObject = {};
    fields.forEach(({ names }, i) => {
      setAt(document, names, values[i] ?? null);
    });
    return document;
  };
  return {
    read(output) {
      if (typeof output !== "object" || output === null || !(REMOVED in output)) return undefined;
      const given: unknown = output[REMOVED];
      const values: KeyValues[number][] = [];
      for (const { path, names, types } of fields) {
        const value = valueAt(given, names);
        if (!isKeyValue(value) || !fits(value, types)) {
          return { kind: "wrong", complaint: `its key field ${path} must be ${[...types].join(" or ")}` };
        }
        values.push(value);
      }
      const document = keyDocument(values);
      if (!isDeepStrictEqual(given, document)) {
        return { kind: "wrong", complaint: `it names more than the key, which is (${key.join(", ")})` };
      }
      return { kind: "key", key: values, document };
    },
    line: (values) => JSON.stringify({ ...keyDocument(values), _meta: { removed: true } }),
    keyDocument,
  };
}

type MutableObject = { [name: string]: Json | MutableObject };

function setAt(document: MutableObject, names: readonly string[], value: Json): void {
  const [name = "", ...rest] = names;
  if (rest.length === 0) {
    document[name] = value;
    return;
  }
  // Two paths may lead through one object, which an earlier call made.
  const inside = (document[name] ?? {}) as MutableObject;
  document[name] = inside;
  setAt(inside, rest, value);
}

export function valueAt(given: unknown, names: readonly string[]): unknown {
  let value = given;
  for (const name of names) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

function isKeyValue(value: unknown): value is KeyValues[number] {
  return typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
}

function fits(value: KeyValues[number], types: ReadonlySet<JsonType>): boolean {
  if (typeof value !== "number") return types.has(typeof value === "string" ? "string" : "boolean");
  return types.has("number") || (types.has("integer") && Number.isInteger(value));
}
