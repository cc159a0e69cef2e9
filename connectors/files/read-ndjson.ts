import { isUtf8 } from "node:buffer";
import { joinedLines } from "../buffers.ts";
import { type CapturedBatch, type DocumentViolation, HaltError, type RefusedRow } from "../driver.ts";
import { byteOrderMarkLength, parseDocument, parseLines } from "../json-lines.ts";
import type { Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";
import { lineChunks } from "./line-chunks.ts";
import { badRow, ROWS_PER_BATCH, type RowBatch, type RowRules } from "./rows.ts";
import { readText } from "./source-file.ts";

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads one document a line, from a position on. With `endedLinesOnly` a last line without a line feed is
 * left for later: it may still be being written. Throws `HaltError` at a bad line, after the rows before it, unless bad
 * lines are set aside.
 */
export async function* readNdjson(
  file: FoundFile,
  start: Position,
  rules: RowRules,
  endedLinesOnly: boolean,
): AsyncGenerator<RowBatch> {
  let position = start;
  for await (const { bytes, ended } of lineChunks(file, resumedText(file, start))) {
    if (!ended && endedLinesOnly) return;
    let at = position.byte === 0 ? byteOrderMarkLength(bytes) : 0;
    let consumed = 0;
    const parts = new Parts();
    const moveTo = (end: number, rows: number, lines: number) => {
      position = {
        row: position.row + rows,
        byte: position.byte + end - consumed,
        // A line without an end is counted when its line feed is read, as the end of a blank rest.
        line: position.line + lines - (!ended && end === bytes.length ? 1 : 0),
      };
      at = end;
      consumed = end;
    };
    while (at < bytes.length) {
      const first = position.row;
      const { amend, recognise, validate } = rules;
      const parsed = parseLines(bytes, at, {
        validate,
        recognise,
        amend: amend && ((document, index) => amend(document, first + index)),
        maxDocuments: ROWS_PER_BATCH - parts.rows,
      });
      moveTo(parsed.end, parsed.batch.count, parsed.lineCount);
      parts.add(parsed.batch);
      if (parsed.problem && rules.setsAside) {
        const end = bytes.indexOf(LF, at) + 1 || bytes.length;
        parts.addRefused(refusedLine(file, bytes.subarray(at, end), parsed.problem, position, rules));
        moveTo(end, 1, 1);
        if (parts.rows < ROWS_PER_BATCH && at < bytes.length) continue;
      }
      if (parts.rows > 0) yield { batch: parts.take(), position };
      if (parsed.problem && !rules.setsAside) throw badRow(file, position.line + 1, parsed.problem);
    }
  }
}

/** What is read between two bad lines, until there is enough of it for a batch. */
class Parts {
  #batches: CapturedBatch[] = [];
  #refused: RefusedRow[] = [];
  rows = 0;

  add(batch: CapturedBatch): void {
    if (batch.count === 0) return;
    this.#batches.push(batch);
    this.rows += batch.count;
  }

  addRefused(row: RefusedRow): void {
    this.#refused.push(row);
    this.rows++;
  }

  take(): CapturedBatch {
    const [batches, refused] = [this.#batches, this.#refused];
    this.#batches = [];
    this.#refused = [];
    this.rows = 0;
    const [only] = batches;
    if (only && batches.length === 1 && refused.length === 0) return only;
    return {
      count: batches.reduce((sum, { count }) => sum + count, 0),
      // Either all of them have their values, or none.
      ...(only?.values ? { values: batches.flatMap(({ values = [] }) => values) } : {}),
      lines: joinedLines(batches.map(({ lines }) => lines)),
      refused,
    };
  }
}

/** `position` is before the line. */
function refusedLine(
  file: FoundFile,
  bytes: Buffer,
  violation: DocumentViolation,
  { row, line }: Position,
  { amend }: RowRules,
): RefusedRow {
  const text = bytes.toString("utf8").trim();
  // With what is not UTF-8 it would be another document.
  const parsed = isUtf8(bytes) ? parseDocument(text) : { violation };
  const original =
    "violation" in parsed ? text : amend ? amend(parsed.document, row).document : parsed.document;
  return { file: file.name, row, line: line + 1, violation, original };
}

/** The text from the position on; halts if the line before it has been made longer. */
async function* resumedText(file: FoundFile, start: Position): AsyncGenerator<Buffer> {
  if (start.byte === 0) {
    yield* readText(file, 0);
    return;
  }
  let previous: number | undefined;
  for await (const chunk of readText(file, start.byte - 1)) {
    if (previous !== undefined) {
      yield chunk;
      continue;
    }
    previous = chunk[0];
    const next = chunk[1];
    if (previous !== LF && next !== undefined && next !== LF && next !== CR) {
      throw new HaltError(
        `${file.shown}:${start.line + 1}: the line was made longer after it was read. Restore it, and put what is new on a line of its own.`,
      );
    }
    yield chunk.subarray(1);
  }
}
