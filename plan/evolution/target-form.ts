/** Whether a target that stands can hold a collection whose schema has changed compatibly. */
import { type FieldSchema, fieldAt, fieldsOf, type JsonType } from "../field-schema.ts";
import type { CollectionPlan, Json, JsonSchema, MaterializationPlan } from "../plan.ts";
import { meaningOf } from "../schema-meaning.ts";
import { own, sameJson } from "./difference.ts";
import { asObject } from "./schema-shape.ts";

/** A clause for each field that stands in the way; none where the target can stay as it is. */
export function misfitsOf(
  target: MaterializationPlan,
  before: CollectionPlan,
  after: CollectionPlan,
): readonly string[] {
  const key = after.key.filter((path) => {
    const [was, is] = [fieldAt(before.schema, path), fieldAt(after.schema, path)];
    return !sameJson(formOf(was), formOf(is));
  });
  if (key.length > 0)
    return key.map((path) => `its rows are told apart by ${path}, which takes other values`);
  switch (target.connector) {
    case "postgres":
      return columnMisfits(target, before, after);
    case "redis":
      return redisMisfits(target.config.as ?? "hash", before, after);
    default:
      return ["whether it can hold the new schema is not known"];
  }
}

/** A column for each field on top; what is inside of one is JSON. The driver makes tables, and alters none. */
function columnMisfits(
  { config, mode }: MaterializationPlan,
  before: CollectionPlan,
  after: CollectionPlan,
): readonly string[] {
  const old = fieldsOf(before.schema);
  const columns = asObject(config.columns);
  /** One that is declared elsewhere is altered by its own migrations. */
  const declared = config.primaryKey !== undefined;
  return [...fieldsOf(after.schema)].flatMap(([name, field]) => {
    const was = old.get(name);
    if (columns[name] === false) return [];
    if (was === undefined) {
      return declared
        ? []
        : [`its table has no column for ${name} (columns: { ${name}: false } leaves it out)`];
    }
    const given = asObject(columns[name]).type !== undefined;
    const changed = given
      ? !sameJson(meaningAt(before.schema, name), meaningAt(after.schema, name))
      : columnOf(was) !== columnOf(field);
    if (changed) return [`its column for ${name} has a type for other values`];
    if (mode === "delta") return [];
    if (isNotNull(was) && !isNotNull(field)) return [`its column for ${name} takes no NULL`];
    return own(after.reduce, name) === "first" && isNullable(field) && !field.required
      ? [`its column for ${name} does not tell null from a missing field`]
      : [];
  });
}

function meaningAt(schema: JsonSchema, name: string): Json {
  return meaningOf(asObject(schema.properties)[name] ?? null);
}

/** What the types and the format come to. Finer than the driver's choice, where that depends on more. */
function columnOf(field: FieldSchema): string {
  const types = typesOf(field);
  const [only] = types;
  if (types.length !== 1 || only === "array" || only === "object" || only === undefined) return "json";
  const format = only === "string" && COLUMN_FORMATS.has(field.format ?? "") ? ` ${field.format}` : "";
  return `${only}${format}`;
}

const COLUMN_FORMATS: ReadonlySet<string> = new Set(["date-time", "date", "uuid"]);

/** A JSON null is a value of a JSON column. */
function isNotNull(field: FieldSchema): boolean {
  return field.required && (columnOf(field) === "json" || !isNullable(field));
}

function redisMisfits(as: Json, before: CollectionPlan, after: CollectionPlan): readonly string[] {
  if (as === "json") return [];
  if (as !== "hash") {
    const path = asObject(asObject(as).sortedSet).score;
    const score = typeof path === "string" ? fieldAt(after.schema, path) : undefined;
    const isNumber =
      score?.required && typesOf(score).every((each) => each === "integer" || each === "number");
    return isNumber && !isNullable(score) ? [] : [`its score ${String(path)} would be no required number`];
  }
  const old = fieldsOf(before.schema);
  return [...fieldsOf(after.schema)].flatMap(([name, field]) => {
    const was = old.get(name);
    // A string is stored as it is, anything else as JSON, and a string's null is left out.
    if (!field.types.has("string")) return [];
    if (typesOf(field).length > 1 || (was !== undefined && !was.types.has("string")))
      return [`its hashes do not tell a string in ${name} from something else`];
    return isNullable(field) && !field.required ? [`its hashes do not tell null from a missing ${name}`] : [];
  });
}

function formOf(field: FieldSchema | undefined) {
  return field && { types: [...field.types].sort(), format: field.format, required: field.required };
}

function typesOf({ types }: FieldSchema): readonly JsonType[] {
  return [...types].filter((type) => type !== "null");
}

function isNullable({ types }: FieldSchema): boolean {
  return types.has("null");
}
