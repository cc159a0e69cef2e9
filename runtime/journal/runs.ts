/** Runs of documents as values: cutting, parsing and writing them. */
import { isUtf8 } from "node:buffer";
import { hasRoom, isWhole, joinedLines } from "../../connectors/buffers.ts";
import type { JsonObject } from "../../plan/plan.ts";
import type { Run } from "./run.ts";

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** The part of a run from an offset on. `from` lies in the run. */
export function runFrom(run: Run, from: number): Run {
  if (from <= run.first) return run;
  const skipped = from - run.first;
  const lines = Buffer.from(run.lines.buffer, run.lines.byteOffset, run.lines.byteLength);
  let start = 0;
  for (let i = 0; i < skipped; i++) start = lines.indexOf(NEWLINE, start) + 1;
  return { first: from, count: run.count - skipped, at: run.at, lines: lines.subarray(start) };
}

/** The first `count` documents of a run. */
export function runHead(run: Run, count: number): Run {
  if (count >= run.count) return run;
  const lines = Buffer.from(run.lines.buffer, run.lines.byteOffset, run.lines.byteLength);
  let end = 0;
  for (let i = 0; i < count; i++) end = lines.indexOf(NEWLINE, end) + 1;
  return { first: run.first, count, at: run.at, lines: lines.subarray(0, end) };
}

/** Of lines that are parsed at once. One parse of many lines is faster than one of each, and of too many they grow old. */
const PARSED_BYTES = 64 * 1024;

/** Takes the document whose line begins there, and returns where that ends, at its line break; -1 if it does not take it. */
export type TakeLine = (bytes: Uint8Array, from: number) => number;

/** The documents of a run, in order, each once: made some at a time, when they are asked for. */
export class RunDocuments {
  readonly #run: Run;
  readonly #bytes: Buffer;
  /** Made, and not handed out from `#next` on. */
  #parsed: readonly JsonObject[] = [];
  #next = 0;
  /** Where the lines begin that have not been looked at, and their first document's place in the run. */
  #at = 0;
  #index = 0;
  /** How much to parse next. */
  #ahead = PARSED_BYTES;
  /** Whether the bytes are what their text would be. */
  #isText: boolean | undefined;

  constructor(run: Run) {
    const { lines } = run;
    this.#run = run;
    this.#bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  }

  /** All documents of the run, those that are gone too. */
  get length(): number {
    return this.#run.count;
  }

  /** The next one, which is the caller's. */
  next(): JsonObject {
    if (this.#next === this.#parsed.length) this.#parseOn();
    return this.#parsed[this.#next++] as JsonObject; // at least one was parsed
  }

  /** Whether `take` took the next one. */
  offer(take: TakeLine): boolean {
    if (this.#next < this.#parsed.length) return false;
    this.#isText ??= isUtf8(this.#bytes);
    const end = this.#isText ? take(this.#bytes, this.#at) : -1;
    if (end < 0) {
      // Where one is not taken the next may be: not many are parsed on suspicion.
      this.#ahead = Math.min(2 * this.#ahead, PARSED_BYTES);
      return false;
    }
    this.#ahead = 1;
    this.#moveOn(end + 1, 1);
    return true;
  }

  #parseOn(): void {
    const from = this.#at;
    const end = this.#bytes.indexOf(NEWLINE, Math.min(from + this.#ahead, this.#bytes.length) - 1) + 1;
    this.#parsed = from < end ? parseLines(this.#bytes, from, end) : [];
    this.#next = 0;
    this.#moveOn(end, this.#parsed.length);
  }

  #moveOn(end: number, documents: number): void {
    this.#at = end;
    this.#index += documents;
    const { count, first } = this.#run;
    const isAtEnd = end === this.#bytes.length;
    if (documents === 0 || this.#index > count || (isAtEnd && this.#index < count)) {
      throw new Error(`A run at offset ${first} holds ${this.#index} documents instead of ${count}.`);
    }
  }
}

/** Lines on their way to being parsed, as an array: used again, so that its text is the only string. */
const ROOM: Buffer = Buffer.allocUnsafeSlow(2 * PARSED_BYTES);

/** `end` is behind a line feed. */
function parseLines(bytes: Buffer, from: number, end: number): JsonObject[] {
  const length = end - from + 1;
  const text = length <= ROOM.length ? ROOM.subarray(0, length) : Buffer.allocUnsafeSlow(length);
  text[0] = OPEN;
  bytes.copy(text, 1, from, end - 1);
  text[length - 1] = CLOSE;
  // Raw line breaks stand only between documents: inside JSON strings they are escaped.
  for (let at = text.indexOf(NEWLINE); at >= 0; at = text.indexOf(NEWLINE, at + 1)) text[at] = COMMA;
  return JSON.parse(text.toString()) as JsonObject[];
}

/** All documents of a run, in order. */
export function parseRun(run: Run): JsonObject[] {
  const documents = new RunDocuments(run);
  return Array.from({ length: run.count }, () => documents.next());
}

/** The JSON of one document of a run, as it was appended. */
export function lineOf(run: Run, offset: number): string {
  const { lines } = runFrom(runHead(run, offset - run.first + 1), offset);
  return Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength - 1).toString("utf8");
}

/** A removal travels as the key fields with this marker; schemas may not use the name `_meta`. */
export function isRemoval(document: JsonObject): boolean {
  const meta = document._meta as { removed?: boolean } | undefined;
  return meta?.removed === true;
}

/** The lines in a buffer of their own, so that passing them to another thread moves them and copies nothing. */
export function ownLines(lines: Uint8Array): Uint8Array {
  return isWhole(lines) || hasRoom(lines) ? lines : joinedLines([lines]);
}

/** The lines of each place, in their order, in bytes of their own; `places` has one for each line. */
export function pickLines(
  lines: Uint8Array,
  places: readonly string[],
): { place: string; count: number; lines: Uint8Array }[] {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const parts = new Map<string, Buffer[]>();
  let start = 0;
  for (const place of places) {
    const end = bytes.indexOf(NEWLINE, start) + 1;
    if (end === 0) throw new Error(`${places.length} documents came in fewer lines.`);
    const part = parts.get(place) ?? [];
    parts.set(place, part);
    part.push(bytes.subarray(start, end));
    start = end;
  }
  if (start !== bytes.length) throw new Error(`${places.length} documents came in more lines.`);
  return [...parts].map(([place, part]) => ({ place, count: part.length, lines: joinedLines(part) }));
}

/** Cuts NDJSON into pieces of at most `limit` bytes, between lines. Throws if one line is longer. */
export function splitLines(lines: Uint8Array, limit: number): { count: number; lines: Uint8Array }[] {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const pieces: { count: number; lines: Uint8Array }[] = [];
  let start = 0;
  let end = 0;
  let count = 0;
  while (end < bytes.length) {
    const next = bytes.indexOf(NEWLINE, end) + 1;
    if (next === 0) throw new Error("NDJSON does not end with a line break.");
    if (next - end > limit) {
      throw new RangeError(`A document of ${next - end} bytes is over the limit of ${limit} bytes.`);
    }
    if (next - start > limit) {
      pieces.push({ count, lines: bytes.subarray(start, end) });
      start = end;
      count = 0;
    }
    end = next;
    count++;
  }
  if (count > 0) pieces.push({ count, lines: bytes.subarray(start, end) });
  return pieces;
}
