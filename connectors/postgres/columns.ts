/** Which column holds which field of a collection, and as what type. */
import { type FieldSchema, fieldAt, fieldsOf, type JsonType } from "../../plan/field-schema.ts";
import type { CollectionPlan, ReduceStrategy } from "../../plan/plan.ts";
import { HaltError } from "../driver.ts";
import { checkIdentifier } from "./identifiers.ts";

/** Names the op of a change beside the columns of its row. */
export const OP_COLUMN = "weir_op";

export type ColumnType =
  | "text"
  | "timestamp with time zone"
  | "date"
  | "uuid"
  | "bigint"
  | "numeric"
  | "double precision"
  | "boolean"
  | "jsonb";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Where its value is in a document; of one name, but for a nested key field. */
  readonly path: readonly string[];
  readonly field: FieldSchema;
  readonly inKey: boolean;
  readonly notNull: boolean;
  readonly strategy: ReduceStrategy | undefined;
}

export interface TableColumns {
  /** All of them: the top-level fields in the schema's order, then nested key fields. */
  readonly all: readonly Column[];
  /** Those of the primary key, in the order of the collection's key. */
  readonly key: readonly Column[];
}

/** Throws `HaltError` where a table cannot hold the collection. */
export function planColumns(collection: CollectionPlan): TableColumns {
  const { schema, key, reduce } = collection;
  const all: Column[] = [];
  for (const [name, field] of fieldsOf(schema)) {
    all.push(column(name, [name], field, key.includes(name), reduce[name]));
  }
  for (const path of key.filter((each) => each.includes("."))) {
    const field = fieldAt(schema, path);
    if (field === undefined) throw new HaltError(`The schema has no field "${path}", which the key names.`);
    all.push(column(path.replaceAll(".", "_"), path.split("."), field, true, undefined));
  }
  const seen = new Map<string, Column>();
  for (const each of all) {
    checkIdentifier(each.name, "column");
    if (each.name === OP_COLUMN)
      throw new HaltError(`"${OP_COLUMN}" is a name of Weir's own; rename that field.`);
    const other = seen.get(each.name);
    if (other !== undefined) {
      throw new HaltError(
        `The fields "${other.path.join(".")}" and "${each.path.join(".")}" would both be the column "${each.name}"; rename one of them in a derivation.`,
      );
    }
    seen.set(each.name, each);
  }
  const keyColumns = key.map((path) => {
    const found = all.find((each) => each.inKey && each.path.join(".") === path);
    if (found === undefined) throw new HaltError(`The schema has no field "${path}", which the key names.`);
    if (found.type === "jsonb" || !found.notNull) {
      throw new HaltError(`The key field "${path}" must be a required string, integer, number or boolean.`);
    }
    return found;
  });
  return { all, key: keyColumns };
}

function column(
  name: string,
  path: readonly string[],
  field: FieldSchema,
  inKey: boolean,
  strategy: ReduceStrategy | undefined,
): Column {
  const type = columnType(field, inKey, strategy);
  const nullable = field.types.has("null");
  if (strategy === "first" && nullable && !field.required && type !== "jsonb") {
    throw new HaltError(
      `Field "${name}" may be null and may be missing, which "first" tells apart and a column does not; make it required or not nullable.`,
    );
  }
  // A JSON null is a value of jsonb; of the other types it is SQL's NULL.
  const notNull = field.required && (type === "jsonb" || !nullable);
  return { name, type, path, field, inKey, notNull, strategy };
}

function columnType(field: FieldSchema, inKey: boolean, strategy: ReduceStrategy | undefined): ColumnType {
  const types = new Set<JsonType>(field.types);
  types.delete("null");
  const [only] = types;
  if (types.size !== 1) return "jsonb";
  switch (only) {
    case "string":
      if (typeof strategy === "object" && "sum" in strategy) {
        return strategy.sum === "decimal" ? "numeric" : "bigint";
      }
      return textType(field.format, inKey, strategy);
    case "integer":
      return "bigint";
    case "number":
      return "double precision";
    case "boolean":
      return "boolean";
    default:
      return "jsonb";
  }
}

/**
 * Two texts of one instant, or of one UUID in capitals and small letters, are two keys to Weir and would be one to
 * Postgres, and `min` and `max` go by a UUID's text: there the column keeps the text.
 */
function textType(
  format: string | undefined,
  inKey: boolean,
  strategy: ReduceStrategy | undefined,
): ColumnType {
  switch (format) {
    case "date-time":
      return inKey ? "text" : "timestamp with time zone";
    case "uuid":
      return inKey || strategy === "min" || strategy === "max" ? "text" : "uuid";
    case "date":
      return "date";
    default:
      return "text";
  }
}
