/** Values of documents as Postgres' text input takes them, and back. */
import type { Json, JsonObject } from "../../plan/plan.ts";
import { type DeltaDocument, HaltError, type KeyValues, type RowChange } from "../driver.ts";
import type { Column, TableColumns } from "./columns.ts";
import { COPY_NULL, escapeCopy } from "./copy-text.ts";

/** What is done with a row: a change, or, in a log, its addition. */
export type RowOp = RowChange["op"] | "append";

/** A row as text: its op, then a text or null (SQL's NULL) per column. */
export type EncodedRow = readonly [op: RowOp, ...values: (string | null)[]];

/** Throws `HaltError`, naming key and field, where Postgres cannot hold a value. */
export function encodeChange(columns: TableColumns, change: RowChange): EncodedRow {
  if (change.op === "remove") {
    const values = columns.all.map((column) => {
      const at = columns.key.indexOf(column);
      return at < 0 ? null : encode(column, change.key[at], change.key);
    });
    return ["remove", ...values];
  }
  const { document, key } = change;
  return [change.op, ...columns.all.map((column) => encode(column, valueAt(document, column.path), key))];
}

/** A document of a log. Throws `HaltError`, naming journal, offset and field, where Postgres cannot hold a value. */
export function encodeDelta(columns: TableColumns, delta: DeltaDocument): EncodedRow {
  const { journal, offset, at, removed, document } = delta;
  const values = columns.all
    .filter(({ path }) => path.length > 0)
    .map((column) => encode(column, valueAt(document, column.path), [journal, offset]));
  return ["append", ...values, journal, String(offset), encodeTime(at), removed ? "t" : "f"];
}

function encodeTime(micros: number): string {
  const iso = new Date(Math.floor(micros / 1000)).toISOString();
  return iso.replace("Z", `${String(micros % 1000).padStart(3, "0")}Z`);
}

export function encodeKeys(columns: TableColumns, keys: readonly KeyValues[]): (string | null)[][] {
  return columns.key.map((column, i) => keys.map((key) => encode(column, key[i], key)));
}

function valueAt(document: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    // `Array.isArray` does not narrow readonly arrays away. A name from Object.prototype is no field.
    const object = value as JsonObject;
    value = Object.hasOwn(object, name) ? object[name] : undefined;
  }
  return value;
}

/** Of a whole document. */
export function keyOf(columns: TableColumns, document: JsonObject): KeyValues {
  return columns.key.map(({ path }) => valueAt(document, path) as KeyValues[number]); // required scalars
}

/**
 * A document as a line of COPY's text format: tabs between the columns, `\\N` for NULL. See the Postgres manual, "COPY".
 * Throws `HaltError`, naming key and field, where Postgres cannot hold a value.
 */
export function compileCopyLine(columns: TableColumns): (document: JsonObject) => string {
  const [first = () => "", ...rest] = columns.all.map((column) => compileCopyField(columns, column));
  return (document) => {
    let line = first(document);
    for (const field of rest) line += `\t${field(document)}`;
    return `${line}\n`;
  };
}

/** What is not rare comes first; `encode` knows all of it. */
function compileCopyField(columns: TableColumns, column: Column): (document: JsonObject) => string {
  const slowly = (document: JsonObject, value: Json | undefined) => {
    const text = encode(column, value, keyOf(columns, document));
    return text === null ? COPY_NULL : escapeCopy(text);
  };
  const [name = ""] = column.path;
  const read: (document: JsonObject) => Json | undefined =
    column.path.length === 1 && !(name in Object.prototype)
      ? (document) => document[name]
      : (document) => valueAt(document, column.path);
  switch (column.type) {
    case "boolean":
      return (document) => {
        const value = read(document);
        return value === true ? "t" : value === false ? "f" : slowly(document, value);
      };
    case "bigint":
    case "integer":
    case "smallint":
      return (document) => {
        const value = read(document);
        return Number.isSafeInteger(value) ? `${value as number}` : slowly(document, value);
      };
    case "jsonb":
    case "numeric":
    case "double precision":
      return (document) => slowly(document, read(document));
    default:
      return (document) => {
        const value = read(document);
        return typeof value === "string" && !NOT_PLAIN.test(value) ? value : slowly(document, value);
      };
  }
}

/** What COPY's text format escapes, and what Postgres cannot store or might not. */
const NOT_PLAIN = /[\0\t\n\r\\\ud800-\udfff]/;

function encode(column: Column, value: Json | undefined, key: KeyValues): string | null {
  if (value === undefined) return null;
  if (column.type === "jsonb") return encodeJson(column, value, key);
  if (value === null) return null;
  switch (column.type) {
    case "bigint":
      if (isText(column)) {
        if (typeof value === "string" && isInt64(value)) return value;
        break;
      }
      if (typeof value === "number" && Number.isInteger(value)) return encodeInteger(column, value, key);
      break;
    case "integer":
    case "smallint":
      if (typeof value === "number" && Number.isInteger(value)) return String(value);
      break;
    case "numeric":
      if (typeof value === "number") return String(value);
      // Postgres would also take NaN, exponents and white space, which the runtime's sum does not.
      if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return value;
      break;
    case "double precision":
      if (typeof value === "number") return String(value);
      break;
    case "boolean":
      if (typeof value === "boolean") return value ? "t" : "f";
      break;
    default:
      if (typeof value === "string") return encodeText(column, value, key);
  }
  throw refusal(
    column,
    key,
    `is ${JSON.stringify(value).slice(0, 40)}, which its column, ${column.type}, cannot hold`,
  );
}

function encodeInteger(column: Column, value: number, key: KeyValues): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (value >= -(2 ** 63) && value < 2 ** 63) return String(BigInt(value));
  throw refusal(column, key, `is ${value}, beyond bigint`);
}

/** A column of numbers whose field is a string of digits. */
function isText(column: Column): boolean {
  return column.field.types.has("string");
}

function isInt64(text: string): boolean {
  if (!/^-?\d+$/.test(text)) return false;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 63n;
}

function encodeText(column: Column, value: string, key: KeyValues): string {
  if (value.includes("\0"))
    throw refusal(column, key, "holds the character U+0000, which Postgres cannot store");
  if (!value.isWellFormed())
    throw refusal(column, key, "holds half of a surrogate pair, which is no Unicode text");
  return value;
}

/** `JSON.stringify` escapes exactly control characters and lone surrogates; a doubled backslash begins no escape. */
const NOT_IN_JSONB = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

function encodeJson(column: Column, value: Json, key: KeyValues): string {
  const json = JSON.stringify(value);
  if (json.includes("\\u") && NOT_IN_JSONB.test(json)) {
    throw refusal(column, key, "holds U+0000 or half of a surrogate pair, which jsonb cannot store");
  }
  return json;
}

function refusal(column: Column, key: KeyValues, what: string): HaltError {
  const shown = key.map((value) => JSON.stringify(value)).join(", ");
  return new HaltError(
    `Field "${column.path.join(".")}" of key ${shown} ${what}; change it in a derivation, or leave the document out.`,
  );
}

/** The document of a row that Postgres gave as text. A NULL is null only where the field is never missing. */
export function decodeRow(columns: TableColumns, row: readonly (string | null)[]): JsonObject {
  const document: { [name: string]: Json } = {};
  for (const [i, column] of columns.all.entries()) {
    const [name] = column.path;
    // A nested key field is in its object, which has a column of its own.
    if (column.path.length > 1 || name === undefined) continue;
    const text = row[i] ?? null;
    const value = text === null ? undefined : decode(column, text);
    if (value !== undefined) setOwn(document, name, value);
    else if (column.field.required) setOwn(document, name, null);
  }
  return document;
}

/** Unlike an assignment, sets a field named `__proto__` too. */
function setOwn(document: { [name: string]: Json }, name: string, value: Json): void {
  if (name !== "__proto__") document[name] = value;
  else Object.defineProperty(document, name, { value, enumerable: true, writable: true, configurable: true });
}

function decode(column: Column, text: string): Json {
  switch (column.type) {
    case "bigint":
    case "numeric":
      return isText(column) ? text : Number(text);
    case "double precision":
    case "integer":
    case "smallint":
      return Number(text);
    case "boolean":
      return text === "t";
    case "jsonb":
      return JSON.parse(text);
    case "timestamp with time zone":
      return decodeInstant(text);
    default:
      return text;
  }
}

/** From `2026-01-01 00:00:00.5+00`, as a session in UTC with ISO dates prints it, to RFC 3339 in milli- or microseconds. */
function decodeInstant(text: string): string {
  const match = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  if (match === null)
    throw new HaltError(`The timestamp ${text} is outside the years 1 to 9999 that JSON's format allows.`);
  const fraction = match[3] ?? "";
  return `${match[1]}T${match[2]}.${fraction.padEnd(fraction.length > 3 ? 6 : 3, "0")}Z`;
}
