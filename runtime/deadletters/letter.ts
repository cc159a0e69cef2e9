import type { Json, JsonObject } from "../../plan/plan.ts";
import type { JournalId } from "../head/head.ts";

/** A document, or a row of a file, that its task could not work on. The line of a dead-letter journal. */
export interface Letter {
  /** Stable, and unique among the task's letters: what is set aside again after a replay has the same. */
  readonly id: string;
  readonly error: LetterError;
  readonly place: DocumentPlace | RowPlace;
  /**
   * Of a source that is read reduced: what the function was to get. The reduced document has taken the change in, so
   * a replay hands this out and reduces nothing. Absent where the document itself could not be reduced.
   */
  readonly change?: LetterChange;
  /** The document, a removal with its marker; of a row that is no JSON object its text. */
  readonly original: Json;
  /** Of the plan under which it was set aside. */
  readonly planHash: string;
}

export interface LetterError {
  readonly message: string;
  /** Lines of the stack that are of the flow's own source. */
  readonly stack: readonly string[];
}

/** At least one of the two is there. */
export interface LetterChange {
  readonly before?: JsonObject;
  readonly after?: JsonObject;
}

export interface DocumentPlace {
  readonly collection: string;
  /** Its name in the derivation's `from`; absent where there is but one source. */
  readonly source?: string;
  readonly journal: JournalId;
  /** The journal's path: `country=NL/p=00`. */
  readonly partition: string;
  readonly offset: number;
  /** Commit time of the document, `2026-11-23T03:40:39.123456Z`. */
  readonly at: string;
}

export interface RowPlace {
  readonly collection: string;
  /** Relative to the glob's fixed part. */
  readonly file: string;
  /** From 0. */
  readonly row: number;
  /** From 1; absent where rows are no lines. */
  readonly line?: number;
}

export function isRowPlace(place: DocumentPlace | RowPlace): place is RowPlace {
  return "file" in place;
}

/** `orders:country=NL/p=00:17`; without the name where there is but one source. */
export function documentId(source: string | undefined, partition: string, offset: number): string {
  return `${source === undefined ? "" : `${source}:`}${partition}:${offset}`;
}

/** `2026/orders.ndjson:12`. */
export function rowId({ file, row }: Pick<RowPlace, "file" | "row">): string {
  return `${file}:${row}`;
}

/** The letter's line; `original` is JSON. */
export function letterLine(letter: Omit<Letter, "original">, original: string): string {
  const { id, error, place, change, planHash } = letter;
  // Not the last property: a line that ends in a removal's marker is a removal.
  return `${JSON.stringify({ id, error, place, change }).slice(0, -1)},"original":${original},"planHash":${JSON.stringify(planHash)}}`;
}

/** The line that takes a letter away. */
export function removalLine(id: string): string {
  return JSON.stringify({ id, _meta: { removed: true } });
}
