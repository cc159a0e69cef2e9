/**
 * NDJSON as sources send it, to documents and the bytes that a journal keeps. A line's own bytes are kept
 * where they can be, white space around it cut off; blank lines are skipped.
 */
import { isUtf8 } from "node:buffer";
import type { JsonObject } from "../plan/plan.ts";
import { joinedLines } from "./buffers.ts";
import type { CapturedBatch, DocumentViolation, Recogniser } from "./driver.ts";

export interface LineOptions {
  /** Undefined if the document is good. */
  readonly validate: (document: JsonObject) => DocumentViolation | undefined;
  /** As in `CaptureContext`. What it recognises is not parsed, so that the batch comes without its values. Not with `amend`. */
  readonly recognise?: Recogniser | undefined;
  /** Fills fields in before validation. `index` counts the documents of this call. */
  readonly amend?: ((document: JsonObject, index: number) => Amended) | undefined;
  /** Stop after so many documents. */
  readonly maxDocuments: number;
}

export interface Amended {
  readonly document: JsonObject;
  /** JSON of the properties that were added after those of the line, `"file":"a","row":1`; undefined if some were there before. */
  readonly added: string | undefined;
}

export interface ParsedLines {
  /** The good documents before the first bad line, or before the limit. */
  readonly batch: CapturedBatch;
  /** Where in `bytes` the lines end that were consumed. */
  readonly end: number;
  /** Number of lines consumed, blank ones included. */
  readonly lineCount: number;
  /** What is wrong with the line after those consumed. */
  readonly problem: DocumentViolation | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Reads the lines from `from` on; the last one need not end in a line feed. */
export function parseLines(bytes: Buffer, from: number, options: LineOptions): ParsedLines {
  const valid = isUtf8(from === 0 ? bytes : bytes.subarray(from));
  const recognise = valid ? options.recognise : undefined;
  const values: JsonObject[] = [];
  const kept = new KeptLines(bytes);
  /** Of the lines that are parsed; there are none in those that are recognised. */
  let hasReturns: boolean | undefined;
  let at = from;
  let count = 0;
  let lineCount = 0;
  let problem: DocumentViolation | undefined;
  const isDone = () => at === bytes.length || count === options.maxDocuments;
  while (!isDone()) {
    const recognised = recognise?.(bytes, at, options.maxDocuments - count);
    if (recognised && recognised.count > 0) {
      const { end } = recognised;
      kept.addRange(at, end, bytes[end - 1] === LF);
      at = end;
      count += recognised.count;
      lineCount += recognised.count;
      if (isDone()) break;
    }
    hasReturns ??= bytes.indexOf(CR, at) >= 0;
    const feed = bytes.indexOf(LF, at);
    const next = feed < 0 ? bytes.length : feed + 1;
    const end = feed < 0 ? bytes.length : feed;
    const clean = !hasReturns && feed >= 0 && bytes[at] === OPEN && bytes[end - 1] === CLOSE;
    const [start, stop] = clean ? [at, end] : trimmed(bytes, at, end);
    if (start < stop) {
      if (!valid && !isUtf8(bytes.subarray(start, stop))) {
        problem = INVALID_UTF8;
        break;
      }
      const text = bytes.toString("utf8", start, stop);
      const parsed = parseDocument(text);
      if ("violation" in parsed) {
        problem = parsed.violation;
        break;
      }
      const amended = options.amend?.(parsed.document, count);
      const document = amended?.document ?? parsed.document;
      problem = options.validate(document);
      if (problem) break;
      if (!options.recognise) values.push(document);
      count++;
      const hasReturn = hasReturns && bytes.subarray(start, stop).includes(CR);
      if (hasReturn || (amended && amended.added === undefined))
        kept.addText(`${JSON.stringify(document)}\n`);
      else if (amended) kept.addText(`${text.slice(0, -1)}${isEmpty(text) ? "" : ","}${amended.added}}\n`);
      else kept.addRange(start, clean ? next : stop, clean);
    }
    at = next;
    lineCount++;
  }
  const batch = { count, lines: kept.join(), ...(options.recognise ? {} : { values }) };
  return { batch, end: at, lineCount, problem };
}

export const INVALID_UTF8: DocumentViolation = { path: "", rule: "the text is not UTF-8" };

/** One JSON text as a document; anything but an object is a violation, and so is the property `_meta`, which is Weir's. */
export function parseDocument(text: string): { document: JsonObject } | { violation: DocumentViolation } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {
      violation: {
        path: "",
        rule: `malformed JSON: ${error instanceof Error ? error.message : String(error)}`,
      },
    };
  }
  return asDocument(value);
}

/** The same for a value that is parsed already. */
export function asDocument(value: unknown): { document: JsonObject } | { violation: DocumentViolation } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { violation: { path: "", rule: `type: a document is a JSON object, not ${describe(value)}` } };
  }
  if (Object.hasOwn(value, "_meta")) {
    return {
      violation: {
        path: "/_meta",
        rule: 'reserved: Weir keeps offset and time under "_meta"; rename the property',
      },
    };
  }
  // It came from JSON, or is made of JSON values.
  return { document: value as JsonObject };
}

/** A batch of documents whose own bytes are not at hand. */
export function serialize(values: readonly JsonObject[]): CapturedBatch {
  let text = "";
  for (const value of values) text += `${JSON.stringify(value)}\n`;
  return { count: values.length, values, lines: Buffer.from(text) };
}

/** Bytes of a byte order mark at the beginning: 3 or 0. */
export function byteOrderMarkLength(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** What is kept of the input: as few ranges of it as possible, or one if all of it is. */
class KeptLines {
  readonly #bytes: Buffer;
  readonly #parts: Uint8Array[] = [];
  #start = 0;
  #end = 0;
  #text = "";

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  addRange(start: number, end: number, ended: boolean): void {
    if (start !== this.#end || this.#text !== "") {
      this.#flush();
      this.#start = start;
    }
    this.#end = end;
    if (!ended) this.#push(FEED);
  }

  addText(text: string): void {
    if (this.#text === "") this.#flush();
    this.#text += text;
  }

  join(): Uint8Array {
    this.#flush();
    return this.#parts.length === 1 && this.#parts[0] ? this.#parts[0] : joinedLines(this.#parts);
  }

  #push(part: Uint8Array): void {
    this.#flush();
    this.#parts.push(part);
  }

  #flush(): void {
    if (this.#text !== "") this.#parts.push(Buffer.from(this.#text));
    this.#text = "";
    if (this.#end > this.#start) this.#parts.push(this.#bytes.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

const FEED = Buffer.from("\n");

/** Whether the object's text has no property. */
function isEmpty(text: string): boolean {
  return text.length === 2 || text.slice(1, -1).trim() === "";
}

function trimmed(bytes: Buffer, from: number, to: number): [start: number, end: number] {
  let start = from;
  let end = to;
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return [start, end];
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === CR || byte === LF;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
