/** What a JSON Schema says of documents, apart from how it is written. */
import type { Json } from "./plan.ts";

const ANNOTATIONS = new Set([
  "$comment",
  "$id",
  "$schema",
  "default",
  "deprecated",
  "description",
  "examples",
  "id",
  "readOnly",
  "title",
  "writeOnly",
]);

/** Without annotations, and with `required` as the set that it is. Of a `properties` object only the values are schemas. */
export function meaningOf(value: Json, isSchema = true): Json {
  if (Array.isArray(value)) return value.map((each) => meaningOf(each));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !(isSchema && ANNOTATIONS.has(name)));
  return Object.fromEntries(
    entries.map(([name, member]) => {
      if (member === undefined) return [name, member];
      if (isSchema && (name === "const" || name === "enum")) return [name, member];
      if (isSchema && name === "required" && Array.isArray(member)) return [name, [...member].sort()];
      const namesFields =
        isSchema && (name === "properties" || name === "$defs" || name === "patternProperties");
      return [name, meaningOf(member, !namesFields)];
    }),
  );
}
