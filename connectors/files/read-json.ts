import { TextDecoder } from "node:util";
import { JSONParser } from "@streamparser/json";
import { HaltError } from "../driver.ts";
import { byteOrderMarkLength } from "../json-lines.ts";
import type { Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";
import { missingRows, type RowBatch, RowCollector, type RowRules } from "./rows.ts";
import { readText } from "./source-file.ts";

const OPEN_BRACKET = 0x5b;

/**
 * Reads an array of documents, holding one chunk's documents at a time. Rows of an earlier run are parsed
 * again and skipped. Throws `HaltError` at a bad element, after the rows before it.
 */
export async function* readJsonArray(
  file: FoundFile,
  start: Position,
  rules: RowRules,
): AsyncGenerator<RowBatch> {
  const rows = new RowCollector(file, rules, start.row);
  const parser = new JSONParser({ paths: ["$.*"], keepStack: false });
  parser.onValue = ({ value }) => rows.add(value, `row ${rows.seen}`);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let byte = 0;
  let begun = false;
  for await (const chunk of readText(file, 0)) {
    if (!isUtf8Part(decoder, chunk)) rows.failure ??= malformed(file, rows.seen, "the text is not UTF-8");
    else begun = feed(parser, begun ? chunk : beginning(file, chunk, byte === 0), file, rows) || begun;
    yield* rows.take(byte);
    if (rows.failure) throw rows.failure;
    byte += chunk.length;
  }
  if (!parser.isEnded) throw malformed(file, rows.seen, "the array has no end");
  if (rows.seen < start.row) throw missingRows(file, rows.seen, start.row);
}

/** True once something other than white space has been fed. */
function feed(parser: JSONParser, chunk: Buffer, file: FoundFile, rows: RowCollector): boolean {
  if (chunk.length === 0) return false;
  try {
    parser.write(chunk);
  } catch (error) {
    rows.failure ??= malformed(file, rows.seen, error instanceof Error ? error.message : String(error));
  }
  return true;
}

/** Without the white space that it begins with; what follows must be an array. */
function beginning(file: FoundFile, chunk: Buffer, first: boolean): Buffer {
  let at = first ? byteOrderMarkLength(chunk) : 0;
  while (chunk[at] === 0x20 || chunk[at] === 0x09 || chunk[at] === 0x0a || chunk[at] === 0x0d) at++;
  if (at < chunk.length && chunk[at] !== OPEN_BRACKET) {
    throw new HaltError(
      `${file.shown} is not a JSON array. If it holds one document a line, set format: "ndjson".`,
    );
  }
  return chunk.subarray(at);
}

function isUtf8Part(decoder: TextDecoder, chunk: Buffer): boolean {
  try {
    decoder.decode(chunk, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function malformed(file: FoundFile, rows: number, reason: string): HaltError {
  return new HaltError(
    `${file.shown}:row ${rows}: malformed JSON: ${reason}. Correct the file; the rows before are stored, and it goes on after them.`,
  );
}
