/** What a files capture remembers, committed with the documents: how far each file has been read. */
import type { Json } from "../../plan/plan.ts";
import { HaltError } from "../driver.ts";

/** How far a file has been read. Counts are of its text, unpacked. */
export interface Position {
  /** Rows read, those that were set aside too. */
  readonly row: number;
  /** Bytes read. For a JSON array a lower bound: documents inside a chunk have no known place. */
  readonly byte: number;
  /** Lines read; 0 for a JSON array. */
  readonly line: number;
}

export const START: Position = { row: 0, byte: 0, line: 0 };

export interface FileProgress extends Position {
  /** Of the first `headLength` bytes read: a file that begins otherwise is another file. */
  readonly headLength: number;
  /** First 16 hex digits of their SHA-256. */
  readonly head: string;
  /** Size of the file on disk when its end was read; absent before. */
  readonly endedAt?: number;
}

export interface Cursor {
  /** Every file up to this name, in byte order, is finished for good, but for those among `files`. */
  readonly doneUpTo: string | undefined;
  /** How many files `doneUpTo` stood for. */
  readonly doneFiles: number;
  readonly files: ReadonlyMap<string, FileProgress>;
}

export const EMPTY_CURSOR: Cursor = { doneUpTo: undefined, doneFiles: 0, files: new Map() };

type StoredProgress = readonly [
  row: number,
  byte: number,
  line: number,
  headLength: number,
  head: string,
  endedAt?: number,
];

export function encodeCursor({ doneUpTo, doneFiles, files }: Cursor): Json {
  const stored: Record<string, Json> = Object.create(null);
  for (const [name, { row, byte, line, headLength, head, endedAt }] of files) {
    stored[name] = [row, byte, line, headLength, head, ...(endedAt === undefined ? [] : [endedAt])];
  }
  return { format: 1, ...(doneUpTo !== undefined && { doneUpTo, doneFiles }), files: { ...stored } };
}

export function decodeCursor(stored: Json | undefined): Cursor {
  if (stored === undefined) return EMPTY_CURSOR;
  // Only `encodeCursor` writes it, and the head keeps a checksum over it.
  const cursor = stored as {
    readonly format?: number;
    readonly doneUpTo?: string;
    readonly doneFiles?: number;
    readonly files?: Readonly<Record<string, StoredProgress>>;
  };
  if (cursor?.format !== 1 || cursor.files === undefined) {
    throw new HaltError(
      "The capture's cursor is not one of a files capture. Give the collection a new name.",
    );
  }
  const files = new Map(
    Object.entries(cursor.files).map(
      ([name, [row, byte, line, headLength, head, endedAt]]): [string, FileProgress] => [
        name,
        { row, byte, line, headLength, head, ...(endedAt !== undefined && { endedAt }) },
      ],
    ),
  );
  return { doneUpTo: cursor.doneUpTo, doneFiles: cursor.doneFiles ?? 0, files };
}

/** Order of file names: by their UTF-8 bytes, wherever it is run. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
