/** Cells of a CSV file, which are text, to the values that a collection's schema asks for. */
import { type FieldSchema, fieldsOf } from "../../plan/field-schema.ts";
import type { Json, JsonObject, JsonSchema } from "../../plan/plan.ts";

export type RowToDocument = (cells: readonly string[]) => JsonObject;

/**
 * Integers, numbers and booleans (`true`, `false`) are converted where the field takes no string; text that is
 * none stays text, and validation says so. An empty cell is an absent field where that is allowed, else null
 * where that is, else the empty text. Columns that the schema does not name stay text.
 */
export function rowToDocument(header: readonly string[], schema: JsonSchema): RowToDocument {
  const fields = fieldsOf(schema);
  const columns = header.map((name) => ({ name, convert: converter(fields.get(name)) }));
  return (cells) => {
    const document: Record<string, Json> = {};
    for (const [index, { name, convert }] of columns.entries()) {
      const value = convert(cells[index] ?? "");
      if (value !== undefined) document[name] = value;
    }
    return document;
  };
}

type Convert = (cell: string) => Json | undefined;

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

function converter(field: FieldSchema | undefined): Convert {
  if (field === undefined) return (cell) => cell;
  const { types, required } = field;
  const empty = !required ? undefined : types.has("null") ? null : "";
  const isText = types.has("string");
  const isNumber = types.has("number");
  const isInteger = types.has("integer");
  const isBoolean = types.has("boolean");
  return (cell) => {
    if (cell === "") return empty;
    if (isText) return cell;
    const text = cell.trim();
    if (isNumber && NUMBER.test(text)) return finite(Number(text), cell);
    // Past 2^53 the text would become another number; left as text it is refused.
    if (isInteger && INTEGER.test(text)) return Number.isSafeInteger(Number(text)) ? Number(text) : cell;
    if (isBoolean && /^(?:true|false)$/i.test(text)) return text.toLowerCase() === "true";
    return cell;
  };
}

function finite(value: number, cell: string): Json {
  return Number.isFinite(value) ? value : cell;
}
