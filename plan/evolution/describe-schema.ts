/** A schema in a few words, for a person: `integer`, `string (date-time)`, `"a" | "b"`. */
import { canonicalJson } from "../canonical.ts";
import type { Json, JsonSchema } from "../plan.ts";
import { asObject } from "./schema-shape.ts";

/** What a description has of a list of values before it says how many more there are. */
const MOST_VALUES = 8;

export function describe(schema: JsonSchema): string {
  if (typeof schema.$ref === "string") return schema.$ref.replace(/^#\/\$defs\//, "");
  const union = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(union)) return union.map((each) => describe(asObject(each))).join(" | ");
  const values = schema.const !== undefined ? [schema.const] : schema.enum;
  if (Array.isArray(values)) return listed(values.map((value) => canonicalJson(value)));
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  switch (schema.type) {
    case "array":
      return `array of ${describe(asObject(schema.items))}${limits(schema)}`;
    case "object":
      return `object${limits(schema)}`;
    case undefined:
      return schema.properties === undefined ? "anything" : "object";
    default:
      return `${String(schema.type)}${limits(schema)}`;
  }
}

function listed(values: readonly string[]): string {
  const more = values.length - MOST_VALUES;
  const shown = values.slice(0, MOST_VALUES).join(" | ");
  return more > 0 ? `${shown} | … ${more} more` : shown;
}

const BOUNDS: readonly (readonly [keyword: string, sign: string])[] = [
  ["minimum", ">="],
  ["exclusiveMinimum", ">"],
  ["maximum", "<="],
  ["exclusiveMaximum", "<"],
  ["minLength", "length >="],
  ["maxLength", "length <="],
  ["minItems", "items >="],
  ["maxItems", "items <="],
  ["minProperties", "fields >="],
  ["maxProperties", "fields <="],
  ["multipleOf", "multiple of"],
];

function limits(schema: JsonSchema): string {
  const parts: string[] = [];
  if (typeof schema.format === "string") parts.push(schema.format);
  else if (typeof schema.pattern === "string") parts.push(`/${schema.pattern}/`);
  for (const [keyword, sign] of BOUNDS) {
    const value = schema[keyword];
    if (value !== undefined && !isSafeIntegerBound(schema, value))
      parts.push(`${sign} ${canonicalJson(value)}`);
  }
  if (schema.uniqueItems === true) parts.push("unique");
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** Zod bounds every integer by what a double holds exactly. */
function isSafeIntegerBound(schema: JsonSchema, value: Json): boolean {
  return schema.type === "integer" && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
}
