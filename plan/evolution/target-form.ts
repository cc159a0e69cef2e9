/** Whether a target that stands can hold a collection whose schema has changed compatibly. */
import { type FieldSchema, fieldAt, fieldsOf, type JsonType } from "../field-schema.ts";
import type { CollectionPlan, Json, MaterializationPlan, ReduceStrategy } from "../plan.ts";
import { own, sameJson } from "./difference.ts";
import { liveFieldsOf } from "./retired-fields.ts";
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

/**
 * A column for each field on top; what is inside of one is JSON. `alter` is what its driver does to a table with rows whatever
 * they are (`connectors/postgres/table-form.ts`). A column whose type is given keeps it; one of a table that is declared
 * elsewhere is altered by that one's migrations, without which its task halts.
 */
function columnMisfits(
  { config, mode }: MaterializationPlan,
  before: CollectionPlan,
  after: CollectionPlan,
): readonly Misfit[] {
  const columns = asObject(config.columns);
  const [old, fields] = [liveFieldsOf(before.schema), fieldsOf(after.schema)];
  const found = [...fields].flatMap(([path, field]): Misfit | readonly Misfit[] => {
    if (columns[path] === false) return [];
    const strategy = own(after.reduce, path);
    const given = asObject(columns[path]).type;
    const is = columnOf(field, { strategy, given });
    if (strategy === "first" && mode !== "delta" && is !== "jsonb" && isNullable(field) && !field.required)
      return lasting(`its column for ${path} does not tell null from a missing field`);
    if (config.primaryKey !== undefined) return [];
    const was = old.get(path);
    if (was === undefined) return newColumn(path, before, after);
    return changedColumn(path, columnOf(was, { strategy, given }), is, { was, field, strategy, mode });
  });
  if (config.primaryKey !== undefined || mode === "delta") return found;
  const gone = [...old].filter(([path, field]) => {
    const type = columnOf(field, { strategy: own(before.reduce, path), given: asObject(columns[path]).type });
    return !fields.has(path) && columns[path] !== false && isNotNull(field, type);
  });
  return [...found, ...gone.map(([path]) => shaped("alter", takesNull(path)))];
}

function shaped(remedy: "alter" | "fill", says: string): Misfit {
  return { says, remedy, isReshaped: true };
}

function takesNull(path: string): string {
  return `its column for ${path} takes NULL from now on`;
}

/** Rows get no value of documents stored before, which therefore must not hold one. */
function newColumn(path: string, before: CollectionPlan, after: CollectionPlan): Misfit {
  if (fieldsOf(before.schema).has(path)) {
    // Its driver finds the column, with values of documents that have been replaced since.
    const says = `it had a field ${path} before, whose values of then it may still hold`;
    return { says, remedy: "fill", isReshaped: false };
  }
  const isKnown = after.schema.additionalProperties === false;
  return shaped(isKnown ? "alter" : "fill", `it gets a column for ${path}`);
}

interface ChangedColumn {
  readonly was: FieldSchema;
  readonly field: FieldSchema;
  readonly strategy: ReduceStrategy | undefined;
  readonly mode: MaterializationPlan["mode"];
}

function changedColumn(
  path: string,
  before: string,
  after: string,
  { was, field, strategy, mode }: ChangedColumn,
): Misfit | readonly Misfit[] {
  const isLog = mode === "delta";
  const wasNotNull = !isLog && isNotNull(was, before);
  const notNull = !isLog && isNotNull(field, after);
  if (before === after) return wasNotNull && !notNull ? shaped("alter", takesNull(path)) : [];
  // A NULL among the rows may be a missing field, or null: only where no more than one of them can be is it known.
  const isTold = wasNotNull || !isNullable(field) || notNull;
  const keeps =
    typeof strategy !== "object" &&
    (after === "double precision" ? before === "bigint" : after === "jsonb" && EXACT.has(before) && isTold);
  return shaped(keeps ? "alter" : "fill", `its column for ${path} gets another type`);
}

/** Columns whose values are in JSON what they were; of numbers that depends on how large they are. */
const EXACT: ReadonlySet<string> = new Set(["text", "boolean"]);

/** What the driver chooses, or the flow has given (`connectors/postgres/column-type.ts`). */
function columnOf(
  { types, format }: FieldSchema,
  { strategy, given }: { readonly strategy: ReduceStrategy | undefined; readonly given: Json | undefined },
): string {
  if (typeof given === "string") return given;
  const [only, ...others] = typesOf({ types });
  if (others.length > 0) return "jsonb";
  switch (only) {
    case "integer":
      return "bigint";
    case "number":
      return "double precision";
    case "boolean":
      return "boolean";
    case "string":
      if (typeof strategy === "object" && "sum" in strategy) return `sum of ${strategy.sum}`;
      // `min` and `max` go by a UUID's text.
      if (format === "uuid" && (strategy === "min" || strategy === "max")) return "text";
      return COLUMN_FORMATS.has(format ?? "") ? `${format}` : "text";
    default:
      return "jsonb";
  }
}

const COLUMN_FORMATS: ReadonlySet<string> = new Set(["date-time", "date", "uuid"]);

/** A JSON null is a value of a JSON column. */
function isNotNull(field: FieldSchema, type: string): boolean {
  return field.required && (type === "jsonb" || !isNullable(field));
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

function typesOf({ types }: Pick<FieldSchema, "types">): readonly JsonType[] {
  return [...types].filter((type) => type !== "null");
}

function isNullable({ types }: FieldSchema): boolean {
  return types.has("null");
}
