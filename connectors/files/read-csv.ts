import { isUtf8 } from "node:buffer";
import { once } from "node:events";
import { type Parser, parse } from "csv-parse";
import type { JsonSchema } from "../../plan/plan.ts";
import { HaltError } from "../driver.ts";
import { INVALID_UTF8 } from "../json-lines.ts";
import { type RowToDocument, rowToDocument } from "./csv-columns.ts";
import type { Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";
import { lineChunks } from "./line-chunks.ts";
import { badRow, missingRows, type RowBatch, RowCollector, type RowRules } from "./rows.ts";
import { readText } from "./source-file.ts";

const LF = 0x0a;

/**
 * Reads rows under a header, separated by commas, quoted as RFC 4180 says; blank lines are skipped. Rows of
 * an earlier run are parsed again and skipped. Throws `HaltError` at a bad row, after the rows before it.
 */
export async function* readCsv(
  file: FoundFile,
  start: Position,
  rules: RowRules,
  schema: JsonSchema,
): AsyncGenerator<RowBatch> {
  const rows = new RowCollector(file, rules, start.row);
  let toDocument: RowToDocument | undefined;
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    // Both, also in one file: what is found in the first line need not hold for all.
    record_delimiter: ["\r\n", "\n"],
    // Rows are taken here, not from the stream: an error of the stream would drop those before it.
    on_record: (cells: readonly string[], { lines }) => {
      if (toDocument === undefined) toDocument = rowToDocument(checkedHeader(file, cells), schema);
      else rows.add(rows.skips ? undefined : toDocument(cells), lines);
      return null;
    },
  });
  parser.resume();
  let byte = 0;
  let line = 0;
  for await (const { bytes } of lineChunks(file, readText(file, 0))) {
    const good = utf8Lines(bytes);
    await write(parser, good, file, rows);
    line += countLines(good);
    if (good.length < bytes.length) {
      // The parser holds the last row back until it has seen what follows.
      await write(parser, undefined, file, rows);
      rows.failure ??= badRow(file, line + 1, INVALID_UTF8);
    }
    yield* rows.take(byte);
    if (rows.failure) throw rows.failure;
    byte += bytes.length;
  }
  await write(parser, undefined, file, rows);
  yield* rows.take(byte);
  if (rows.failure) throw rows.failure;
  if (rows.seen < start.row) throw missingRows(file, rows.seen, start.row);
}

/** Resolves when the parser has taken the chunk, or, without one, the end. Its failure goes to `rows`. */
async function write(
  parser: Parser,
  chunk: Buffer | undefined,
  file: FoundFile,
  rows: RowCollector,
): Promise<void> {
  if (rows.failure || chunk?.length === 0) return;
  try {
    if (chunk === undefined) {
      const ended = once(parser, "end");
      parser.end();
      await ended;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    parser.once("error", reject);
    parser.write(chunk, (error) => (error ? reject(error) : resolve()));
    await promise;
    parser.off("error", reject);
  } catch (error) {
    if (error instanceof HaltError) rows.failure = error;
    else
      rows.failure ??= badRow(file, lineOf(error), { path: "", rule: `malformed CSV: ${messageOf(error)}` });
  }
}

function checkedHeader(file: FoundFile, cells: readonly string[]): readonly string[] {
  const header = cells.map((cell) => cell.trim());
  const repeated = header.find((name, index) => header.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new HaltError(
      `${file.shown}:1: the header names the column ${JSON.stringify(repeated)} twice. Name each column once.`,
    );
  }
  const empty = header.indexOf("");
  if (empty >= 0)
    throw new HaltError(`${file.shown}:1: column ${empty + 1} of the header has no name. Give it one.`);
  return header;
}

/** The lines before the first that is not UTF-8. */
function utf8Lines(bytes: Buffer): Buffer {
  if (isUtf8(bytes)) return bytes;
  let at = 0;
  while (at < bytes.length) {
    const next = bytes.indexOf(LF, at) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(at, next))) break;
    at = next;
  }
  return bytes.subarray(0, at);
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

function lineOf(error: unknown): number {
  return error instanceof Error && "lines" in error && typeof error.lines === "number" ? error.lines : 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
