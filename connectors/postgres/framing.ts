/** Encoded rows as COPY's text format and as array literals. See the Postgres manual, "COPY" and "Arrays". */
import { COPY_NULL, escapeCopy } from "./copy-text.ts";
import type { EncodedRow } from "./values.ts";

/** Of text that is handed to the connection at a time. */
export const CHUNK_CHARACTERS = 1 << 18;

/** Chunks of COPY's text format: tabs between columns, `\N` for NULL, a line per row. */
export function* copyText(rows: Iterable<EncodedRow>): Generator<Buffer> {
  let text = "";
  for (const row of rows) {
    text += row[0];
    for (let i = 1; i < row.length; i++) {
      const value = row[i];
      text += `\t${value === null || value === undefined ? COPY_NULL : escapeCopy(value)}`;
    }
    text += "\n";
    if (text.length >= CHUNK_CHARACTERS) {
      yield Buffer.from(text);
      text = "";
    }
  }
  if (text !== "") yield Buffer.from(text);
}

/** An array literal: `{"a",NULL}`. Quoting is right for every type. */
export function arrayLiteral(values: readonly (string | null | undefined)[]): string {
  let text = "{";
  for (const value of values) {
    if (text.length > 1) text += ",";
    if (value === null || value === undefined) text += "NULL";
    else text += `"${/["\\]/.test(value) ? value.replace(/["\\]/g, "\\$&") : value}"`;
  }
  return `${text}}`;
}
