/** What all readers of files share: how a row becomes a document, and how reading ends at a bad one. */
import type { Json, JsonObject } from "../../plan/plan.ts";
import {
  type CapturedBatch,
  type DocumentViolation,
  HaltError,
  type Recogniser,
  type RefusedRow,
} from "../driver.ts";
import { type Amended, asDocument, serialize } from "../json-lines.ts";
import type { Position } from "./cursor.ts";
import type { FoundFile } from "./find-files.ts";

export const ROWS_PER_BATCH = 5_000;

/** Documents of one file, in order, and the position after them. */
export interface RowBatch {
  readonly batch: CapturedBatch;
  readonly position: Position;
}

export interface RowRules {
  readonly validate: (document: JsonObject) => DocumentViolation | undefined;
  /** As in `CaptureContext`. Undefined also where `amend` is not: every document must be at hand then. */
  readonly recognise: Recogniser | undefined;
  /** Fills the provenance fields in; undefined where none were asked for. `row` counts from 0 in its file. */
  readonly amend: ((document: JsonObject, row: number) => Amended) | undefined;
  /** Whether a bad row is set aside, and reading goes on after it. */
  readonly setsAside: boolean;
}

/** `place` is a line (`12`) or a row (`row 12`). */
export function badRow(
  file: FoundFile,
  place: string | number,
  { path, rule }: DocumentViolation,
): HaltError {
  const where = path === "" ? "" : `${path}: `;
  return new HaltError(
    `${file.shown}:${place}: ${where}${rule}. Correct the file, or widen the schema; all rows before this one are stored, and it goes on here.`,
  );
}

/** Where fewer rows are found than were read before. */
export function missingRows(file: FoundFile, found: number, read: number): HaltError {
  return new HaltError(
    `${file.shown} holds ${found} rows, though ${read} were read from it. Put the old file back, or give the new one another name.`,
  );
}

/** Collects values that were parsed elsewhere; skips those of an earlier run. */
export class RowCollector {
  readonly #file: FoundFile;
  readonly #rules: RowRules;
  readonly #firstRow: number;
  /** Documents and rows that are none, in their order. */
  #rows: ({ readonly document: JsonObject } | { readonly refused: RefusedRow })[] = [];
  /** Rows seen in the file so far. */
  seen = 0;
  failure: HaltError | undefined;

  constructor(file: FoundFile, rules: RowRules, firstRow: number) {
    this.#file = file;
    this.#rules = rules;
    this.#firstRow = firstRow;
  }

  /** True if the next row was read by an earlier run. */
  get skips(): boolean {
    return this.seen < this.#firstRow;
  }

  /** After a failure nothing more is taken. */
  add(value: unknown, place: string | number): void {
    if (this.failure) return;
    const row = this.seen;
    if (row < this.#firstRow) {
      this.seen++;
      return;
    }
    const parsed = asDocument(value);
    if ("violation" in parsed) {
      this.#refuse(place, parsed.violation, value as Json); // parsed from the file, or made of its cells
      return;
    }
    const document = this.#rules.amend ? this.#rules.amend(parsed.document, row).document : parsed.document;
    const violation = this.#rules.validate(document);
    if (violation) {
      this.#refuse(place, violation, document);
      return;
    }
    this.#rows.push({ document });
    this.seen++;
  }

  #refuse(place: string | number, violation: DocumentViolation, original: Json): void {
    if (!this.#rules.setsAside) {
      this.failure = badRow(this.#file, place, violation);
      return;
    }
    const line = typeof place === "number" ? { line: place } : {};
    this.#rows.push({ refused: { file: this.#file.name, row: this.seen, ...line, violation, original } });
    this.seen++;
  }

  /** What was collected, in batches; `byte` is a lower bound of what has been read. */
  *take(byte: number): Generator<RowBatch> {
    const rows = this.#rows;
    this.#rows = [];
    const first = this.seen - rows.length;
    for (let at = 0; at < rows.length; at += ROWS_PER_BATCH) {
      const part = rows.slice(at, at + ROWS_PER_BATCH);
      const batch = serialize(part.flatMap((row) => ("document" in row ? [row.document] : [])));
      const refused = part.flatMap((row) => ("refused" in row ? [row.refused] : []));
      yield {
        batch: refused.length === 0 ? batch : { ...batch, refused },
        position: { row: first + at + part.length, byte, line: 0 },
      };
    }
  }
}
