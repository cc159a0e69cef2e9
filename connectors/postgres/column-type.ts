/** Which column types hold which fields without loss. */
import type { FieldSchema, JsonType } from "../../plan/field-schema.ts";
import type { Json, JsonSchema, ReduceStrategy } from "../../plan/plan.ts";
import type { PgType } from "./pg-type.ts";

/** As `format_type` prints them. */
export type ColumnType =
  | Exclude<PgType, "varchar" | "timestamptz">
  | "character varying"
  | "timestamp with time zone";

export interface ColumnField {
  readonly field: FieldSchema;
  readonly inKey: boolean;
  readonly strategy: ReduceStrategy | undefined;
  readonly bounds: Bounds;
}

/** What the schema says of a field's values beyond their type; absent where that is not plain to see. */
export interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
  /** Of a string, in Unicode code points. */
  readonly maxLength?: number;
}

/**
 * The types that hold every value of the field, the one that it gets by default first. Two texts of one instant, of one
 * UUID or of one number are two keys to Weir and would be one to Postgres; and a sum may leave the bounds of its parts.
 */
export function holders({ field, inKey, strategy, bounds }: ColumnField): readonly PgType[] {
  const types = new Set<JsonType>(field.types);
  types.delete("null");
  const [only] = types;
  const json: readonly PgType[] = inKey ? [] : ["jsonb"];
  if (types.size !== 1) return json;
  switch (only) {
    case "string":
      return [...textTypes(field.format, inKey, strategy), "text", "varchar", ...json];
    case "integer": {
      const short = INTEGERS.filter(({ low, high }) => {
        const { minimum = -Infinity, maximum = Infinity } = bounds;
        return strategy !== "sum" && minimum >= low && maximum <= high;
      });
      return ["bigint", ...short.map(({ type }) => type), "numeric", "double precision", ...json];
    }
    case "number":
      return ["double precision", "numeric", ...json];
    case "boolean":
      return ["boolean", ...json];
    default:
      return json;
  }
}

const INTEGERS = [
  { type: "integer", low: -(2 ** 31), high: 2 ** 31 - 1 },
  { type: "smallint", low: -(2 ** 15), high: 2 ** 15 - 1 },
] as const;

function textTypes(
  format: string | undefined,
  inKey: boolean,
  strategy: ReduceStrategy | undefined,
): readonly PgType[] {
  if (typeof strategy === "object" && "sum" in strategy) {
    return [strategy.sum === "decimal" ? "numeric" : "bigint"];
  }
  switch (format) {
    case "date-time":
      return inKey ? [] : ["timestamptz"];
    case "uuid":
      // `min` and `max` go by a UUID's text.
      return inKey || strategy === "min" || strategy === "max" ? [] : ["uuid"];
    case "date":
      return ["date"];
    default:
      return [];
  }
}

/** A type as a configuration names it: `varchar(20)` has a length, which only a declared table gives. */
export function parseType(text: string): { readonly type: string; readonly length: number | undefined } {
  const varchar = /^(?:varchar|character varying)\((\d+)\)$/.exec(text);
  return varchar === null
    ? { type: text, length: undefined }
    : { type: "varchar", length: Number(varchar[1]) };
}

export function sqlType(type: PgType): ColumnType {
  switch (type) {
    case "varchar":
      return "character varying";
    case "timestamptz":
      return "timestamp with time zone";
    default:
      return type;
  }
}

export function isTextual({ type }: { readonly type: ColumnType }): boolean {
  return type === "text" || type === "character varying";
}

/** Of a top-level field whose schema, or its one alternative beside null, names them itself. */
export function boundsOf(schema: JsonSchema, name: string): Bounds {
  const property = member(member(schema, "properties"), name);
  const alternatives = member(property, "anyOf");
  const values = Array.isArray(alternatives)
    ? alternatives.filter((each) => member(each, "type") !== "null")
    : [property];
  if (values.length !== 1) return {};
  const [value] = values;
  const bounds = ["minimum", "maximum", "maxLength"].map((each) => [each, member(value, each)] as const);
  return Object.fromEntries(bounds.filter(([, bound]) => typeof bound === "number"));
}

function member(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  // `Array.isArray` does not narrow readonly arrays away.
  const object = value as JsonSchema;
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
