import { HaltError } from "../driver.ts";
import { byteOrderMarkLength, parseLines } from "../json-lines.ts";
import type { Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";
import { lineChunks } from "./line-chunks.ts";
import { badRow, ROWS_PER_BATCH, type RowBatch, type RowRules } from "./rows.ts";
import { readText } from "./source-file.ts";

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads one document a line, from a position on. With `endedLinesOnly` a last line without a line feed is
 * left for later: it may still be being written. Throws `HaltError` at a bad line, after the rows before it.
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
    while (at < bytes.length) {
      const first = position.row;
      const { amend, validate } = rules;
      const parsed = parseLines(bytes, at, {
        validate,
        amend: amend && ((document, index) => amend(document, first + index)),
        maxDocuments: ROWS_PER_BATCH,
      });
      at = parsed.end;
      position = {
        row: position.row + parsed.batch.values.length,
        byte: position.byte + at - consumed,
        // A line without an end is counted when its line feed is read, as the end of a blank rest.
        line: position.line + parsed.lineCount - (!ended && at === bytes.length ? 1 : 0),
      };
      consumed = at;
      if (parsed.batch.values.length > 0) yield { batch: parsed.batch, position };
      if (parsed.problem) throw badRow(file, position.line + 1, parsed.problem);
    }
  }
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
