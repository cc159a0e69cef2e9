/** Whether a target that stands can hold a collection whose schema has changed compatibly. */
import { type FieldSchema, fieldAt, fieldsOf, type JsonType } from "../field-schema.ts";
import type { CollectionPlan, Json, JsonSchema, MaterializationPlan } from "../plan.ts";
import { meaningOf } from "../schema-meaning.ts";
import { own, sameJson } from "./difference.ts";
import { asObject } from "./schema-shape.ts";

export interface Misfit {
  /** A clause: `its column for note takes no NULL`. */
  readonly says: string;
  /** Its driver alters it where it stands, with its rows; it is filled again; or it can hold the new schema in no way. */
  readonly remedy: "alter" | "fill" | "refused";
  /** Whether the target takes the field once it is emptied and given another form, which its driver then does. */
  readonly isReshaped: boolean;
}

/** One for each field that stands in the way; none where the target can stay as it is. */
export function misfitsOf(
  target: MaterializationPlan,
  before: CollectionPlan,
  after: CollectionPlan,
): readonly Misfit[] {
  const key = after.key.filter((path) => {
    const [was, is] = [fieldAt(before.schema, path), fieldAt(after.schema, path)];
    return !sameJson(formOf(was), formOf(is));
  });
  if (key.length > 0)
    return key.map((path) => {
      const says = `its rows are told apart by ${path}, which takes other values`;
      return { says, remedy: "fill", isReshaped: false };
    });
  switch (target.connector) {
    case "postgres":
      return columnMisfits(target, before, after);
    case "redis":
      // Its rows have no form of their own: what they cannot tell apart, they cannot after a back-fill either.
      return redisMisfits(target.config.as ?? "hash", before, after).map(lasting);
    default:
      return [lasting("whether it can hold the new schema is not known")];
  }
}

function lasting(says: string): Misfit {
  return { says, remedy: "refused", isReshaped: false };
}

/** A column for each field on top; what is inside of one is JSON. The driver alters a table only if it empties it. */
function columnMisfits(
  { config, mode }: MaterializationPlan,
  before: CollectionPlan,
  after: CollectionPlan,
): readonly Misfit[] {
  const old = fieldsOf(before.schema);
  const columns = asObject(config.columns);
  /** One that is declared elsewhere is altered by its own migrations. */
  const declared = config.primaryKey !== undefined;
  const isReshaped = !declared;
  /** A column's own migrations come first. */
  const alter = declared ? "fill" : "alter";
  const fields = fieldsOf(after.schema);
  const gone = [...old].filter(([name]) => !fields.has(name) && columns[name] !== false);
  const lacking = gone.filter(([, field]) => mode !== "delta" && isNotNull(field, undefined));
  const found = [...fields].flatMap(([name, field]): Misfit | readonly Misfit[] => {
    const was = old.get(name);
    if (columns[name] === false) return [];
    if (was === undefined) {
      return declared ? [] : { says: `it gets a column for ${name}`, remedy: "alter", isReshaped };
    }
    const { type } = asObject(columns[name]);
    const changed =
      type !== undefined
        ? !sameJson(meaningAt(before.schema, name), meaningAt(after.schema, name))
        : columnOf(was) !== columnOf(field);
    if (changed)
      return { says: `its column for ${name} has a type for other values`, remedy: "fill", isReshaped };
    if (mode === "delta") return [];
    if (isNotNull(was, type) && !isNotNull(field, type))
      return { says: `its column for ${name} takes NULL from now on`, remedy: alter, isReshaped };
    return own(after.reduce, name) === "first" && isNullable(field) && !field.required
      ? lasting(`its column for ${name} does not tell null from a missing field`)
      : [];
  });
  return [
    ...found,
    ...lacking.map(([name]): Misfit => {
      return { says: `its column for ${name} takes NULL from now on`, remedy: alter, isReshaped };
    }),
  ];
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
function isNotNull(field: FieldSchema, type: Json | undefined): boolean {
  return field.required && (type === "jsonb" || columnOf(field) === "json" || !isNullable(field));
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
