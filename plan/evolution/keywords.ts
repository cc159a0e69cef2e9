/** Keywords of JSON Schema that narrow the values of one type. */
import { canonicalJson } from "../canonical.ts";
import type { Json, JsonSchema } from "../plan.ts";
import { meaningOf } from "../schema-meaning.ts";

const LOWER = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/** They describe the text; a `pattern` without a `format` is treated as one. */
const FORMATS = ["format", "pattern", "contentEncoding", "contentMediaType", "multipleOf", "uniqueItems"];
const STRUCTURE = new Set([
  "type",
  "const",
  "enum",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "prefixItems",
]);
const KNOWN = new Set([...LOWER, ...UPPER, ...FORMATS, ...STRUCTURE, "$defs"]);

export function compareBounds(before: JsonSchema, after: JsonSchema): "same" | "widened" | "narrowed" {
  let widened = false;
  const bound = (schema: JsonSchema, name: string, otherwise: number) => {
    const value = schema[name];
    return typeof value === "number" ? value : otherwise;
  };
  for (const name of LOWER) {
    const [was, is] = [
      bound(before, name, Number.NEGATIVE_INFINITY),
      bound(after, name, Number.NEGATIVE_INFINITY),
    ];
    if (is > was) return "narrowed";
    widened ||= is < was;
  }
  for (const name of UPPER) {
    const [was, is] = [
      bound(before, name, Number.POSITIVE_INFINITY),
      bound(after, name, Number.POSITIVE_INFINITY),
    ];
    if (is < was) return "narrowed";
    widened ||= is > was;
  }
  return widened ? "widened" : "same";
}

export function compareFormats(
  before: JsonSchema,
  after: JsonSchema,
): "same" | "added" | "removed" | "changed" {
  const changed = FORMATS.filter((name) => text(before[name]) !== text(after[name]));
  if (changed.length === 0) return "same";
  if (changed.every((name) => before[name] === undefined)) return "added";
  return changed.every((name) => after[name] === undefined) ? "removed" : "changed";
}

/** Whether a schema allows only some of its type's values; the bounds of safe integers do not count. */
export function isConstrained(schema: JsonSchema): boolean {
  return [...LOWER, ...UPPER, ...FORMATS].some(
    (name) => schema[name] !== undefined && Math.abs(Number(schema[name])) !== Number.MAX_SAFE_INTEGER,
  );
}

/** Whether all keywords that nothing here understands are the same. */
export function sameRest(before: JsonSchema, after: JsonSchema): boolean {
  const rest = (schema: JsonSchema) =>
    canonicalJson(meaningOf(Object.fromEntries(Object.entries(schema).filter(([name]) => !KNOWN.has(name)))));
  return rest(before) === rest(after);
}

function text(value: Json | undefined): string {
  return value === undefined ? "" : canonicalJson(value);
}
