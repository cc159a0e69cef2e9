import { HaltError, type KeyValues } from "../../connectors/driver.ts";
import type { Json, JsonObject } from "../../plan/plan.ts";

type KeyScalar = KeyValues[number];

/** Reads the key of one collection's documents. */
export interface KeyReader {
  /** Values of the key fields, in order. Throws `HaltError` if a field is missing or no scalar. */
  values(document: JsonObject): KeyValues;
  /** A value that is equal, as a `Map` compares, for equal keys only. */
  identity(document: JsonObject): KeyScalar;
}

export function compileKey(paths: readonly string[]): KeyReader {
  const fields = paths.map((path) => ({ path, names: path.split(".") }));
  const [only] = fields;
  if (only === undefined) throw new HaltError("A collection needs at least one key field.");
  const read = (document: JsonObject) => fields.map(({ path, names }) => scalarAt(document, names, path));
  if (fields.length > 1) return { values: read, identity: (document) => identityOf(read(document)) };
  if (only.names.length > 1) {
    return { values: read, identity: (document) => scalarAt(document, only.names, only.path) };
  }
  // The common case, on the path of every document: one field of the document itself.
  const name = only.path;
  return {
    values: (document) => [asScalar(document[name], name)],
    identity: (document) => asScalar(document[name], name),
  };
}

/**
 * What `KeyReader.identity` gives for these key values. A `Map` tells "1" from 1 by itself; the parts of a composite
 * key carry their kind and, where it varies, their length, so that no two keys join to the same text.
 */
export function identityOf(values: KeyValues): KeyScalar {
  const [first] = values;
  if (values.length === 1 && first !== undefined) return first;
  let joined = "";
  for (const value of values) {
    joined += typeof value === "string" ? `${value.length}:${value}` : `${String(value)};`;
  }
  return joined;
}

/** A key as messages show it: `"AMS"`, or `"AMS", 3`. */
export function showKey(values: KeyValues): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

function scalarAt(document: JsonObject, names: readonly string[], path: string): KeyScalar {
  let value: Json | undefined = document;
  for (const name of names) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return asScalar(undefined, path);
    // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
    value = (value as JsonObject)[name];
  }
  return asScalar(value, path);
}

function asScalar(value: Json | undefined, path: string): KeyScalar {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new HaltError(
    `A document has no string, number or boolean in its key field "${path}"; make the field required in the schema, or fix what writes the document.`,
  );
}
