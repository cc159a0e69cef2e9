/**
 * Rows right from the bytes of a document's JSON: texts, numbers and booleans stand there as COPY takes them, so that most
 * documents need not become objects. What is not plain is left to whoever parses it.
 */
import type { JsonObject } from "../../plan/plan.ts";
import { hasBytes, viewOf } from "../short-bytes.ts";
import type { Column, TableColumns } from "./columns.ts";
import type { KeyText } from "./key-filter.ts";

const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, LF, TAB] = [0x22, 0x5c, 0x2c, 0x7b, 0x7d, 0x0a, 0x09];
const [MINUS, DOT, ZERO, NINE] = [0x2d, 0x2e, 0x30, 0x39];
const [LOWER_F, LOWER_N, LOWER_T, UPPER_N] = [0x66, 0x6e, 0x74, 0x4e];
/** Up to so many a double has all of them. */
const MOST_DIGITS = 15;
/** How often the order of fields is learnt anew. */
const MOST_LESSONS = 20;

type Kind = "text" | "integer" | "number" | "boolean" | "any";

interface Field {
  readonly name: string;
  /** `"name":` */
  readonly bytes: DataView;
  readonly length: number;
  /** Index among the columns; -1 where it has none. */
  readonly column: number;
  readonly kind: Kind;
}

export class JsonLineReader {
  readonly #keys: readonly number[];
  /** In the order in which documents have them. */
  #fields: readonly Field[];
  /** Of the last line read: where each column's value is; -1 for NULL. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #lessons = 0;
  /** The bytes of the last line read. */
  #bytes: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#bytes);

  private constructor(columns: TableColumns) {
    this.#keys = columns.key.map((column) => columns.all.indexOf(column));
    this.#fields = columns.all.map((column, i) => fieldOf(column.path[0] ?? "", i, column));
    this.#starts = new Int32Array(columns.all.length);
    this.#ends = new Int32Array(columns.all.length);
  }

  /** Undefined where a column's values are not as they stand in JSON. */
  static of(columns: TableColumns): JsonLineReader | undefined {
    const isPlain = columns.all.every((column) => column.path.length === 1 && kindOf(column) !== undefined);
    return isPlain ? new JsonLineReader(columns) : undefined;
  }

  /** Reads the line that begins there, and returns its end, where its line break is. -1 if it is not plain. */
  read(bytes: Uint8Array, from: number): number {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    const fields = this.#fields;
    const view = this.#view;
    this.#starts.fill(-1);
    let at = from;
    let next = 0;
    if (bytes[at++] !== OPEN) return -1;
    for (;;) {
      const field = fieldAt(fields, next, view, bytes.length, at);
      if (field < 0) return -1;
      const { length, column, kind } = fields[field] as Field; // an index of one
      next = field + 1;
      at += length;
      const first = bytes[at];
      let start = at;
      let end: number;
      if (first === QUOTE) {
        if (kind !== "text" && kind !== "any") return -1;
        start = ++at;
        end = textEnd(bytes, at);
        at = end + 1;
      } else if (first === LOWER_N) {
        start = -1;
        end = at += 4;
      } else if (first === LOWER_T || first === LOWER_F) {
        if (kind !== "boolean" && kind !== "any") return -1;
        end = start + 1;
        at += first === LOWER_T ? 4 : 5;
      } else {
        if (kind === "text" || kind === "boolean") return -1;
        end = at = numberEnd(bytes, at, kind === "integer");
      }
      if (end < 0) return -1;
      if (column >= 0) {
        this.#starts[column] = start;
        this.#ends[column] = end;
      }
      const after = bytes[at++];
      if (after === COMMA) continue;
      return after === CLOSE && bytes[at] === LF ? at : -1;
    }
  }

  /** Of the key of the last line read. False where its text is not the same in UTF-8 and in UTF-16. */
  readKey(bytes: Uint8Array, text: KeyText): boolean {
    text.begin();
    for (const key of this.#keys) {
      const start = this.#starts[key] ?? -1;
      if (start < 0 || !text.addAscii(bytes, start, this.#ends[key] ?? 0)) return false;
    }
    return true;
  }

  /** Writes the last line read as a line of COPY. Returns where that ends. It takes up to `widthOf` bytes. */
  write(bytes: Uint8Array, out: Uint8Array, from: number): number {
    let at = from;
    for (let column = 0; column < this.#starts.length; column++) {
      if (column > 0) out[at++] = TAB;
      const start = this.#starts[column] ?? -1;
      if (start < 0) {
        out[at++] = BACKSLASH;
        out[at++] = UPPER_N;
        continue;
      }
      const end = this.#ends[column] ?? 0;
      for (let i = start; i < end; i++) out[at++] = bytes[i] ?? 0;
    }
    out[at++] = LF;
    return at;
  }

  /** The most bytes that a line of so many takes. */
  widthOf(bytes: number): number {
    return bytes + 3 * this.#starts.length + 1;
  }

  /** To be called with a document whose line was not plain: it may have its fields in another order, or more of them. */
  learn(document: JsonObject): void {
    if (this.#lessons >= MOST_LESSONS) return;
    this.#lessons++;
    const known = new Map(this.#fields.map((field) => [field.name, field]));
    const names = Object.keys(document);
    const fields = names.map((name) => known.get(name) ?? fieldOf(name, -1, undefined));
    this.#fields = [...fields, ...this.#fields.filter(({ name }) => !names.includes(name))];
  }
}

function fieldOf(name: string, column: number, of: Column | undefined): Field {
  const bytes = viewOf(Buffer.from(`${JSON.stringify(name)}:`));
  return { name, bytes, length: bytes.byteLength, column, kind: (of && kindOf(of)) ?? "any" };
}

function kindOf({ type, field }: Column): Kind | undefined {
  switch (type) {
    case "boolean":
      return "boolean";
    case "bigint":
    case "integer":
    case "smallint":
      return field.types.has("string") ? undefined : "integer";
    case "double precision":
      return "number";
    case "jsonb":
    case "numeric":
      return undefined;
    default:
      return "text";
  }
}

/** The first of the fields from `next` on whose name is there; -1 if none. `end`: of the text. */
function fieldAt(fields: readonly Field[], next: number, text: DataView, end: number, at: number): number {
  for (let field = next; field < fields.length; field++) {
    const { bytes, length } = fields[field] as Field; // field < fields.length
    if (at + length <= end && hasBytes(text, at, bytes, 0, length)) return field;
  }
  return -1;
}

/** Where the text's last quotation mark is; -1 if it has escapes. */
function textEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at]) {
    if (byte === BACKSLASH || byte === undefined) return -1;
  }
  return at;
}

/** Of a number as JavaScript would write it, of few digits and without exponent; -1 for any other. */
function numberEnd(bytes: Uint8Array, from: number, isInteger: boolean): number {
  let at = from;
  if (bytes[at] === MINUS) {
    at++;
    if (bytes[at] === ZERO && bytes[at + 1] !== DOT) return -1; // -0 is stored as 0
  }
  let digits = 0;
  let dot = -1;
  for (let byte = bytes[at]; byte !== COMMA && byte !== CLOSE; byte = bytes[++at]) {
    if (byte === DOT) dot = at;
    else if (byte === undefined || byte < ZERO || byte > NINE) return -1;
    else digits++;
  }
  if (digits === 0 || digits > MOST_DIGITS) return -1;
  if (dot >= 0 && (isInteger || bytes[at - 1] === ZERO)) return -1;
  return at;
}
