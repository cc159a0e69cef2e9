/** The body of a request, as documents. Pure: bytes and content type in, documents or the first violation out. */
import { isUtf8 } from "node:buffer";
import type { JsonObject } from "../../plan/plan.ts";
import type { CapturedBatch, DocumentViolation, Recogniser } from "../driver.ts";
import {
  byteOrderMarkLength,
  INVALID_UTF8,
  type LineOptions,
  parseDocument,
  parseLines,
} from "../json-lines.ts";

/** `line` counts from 1. */
export type Refusal = DocumentViolation & { readonly line: number };

export type ParsedBody =
  | { readonly kind: "accepted"; readonly batch: CapturedBatch }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unsupported" };

/** How documents are checked, as in `CaptureContext`. */
export interface DocumentCheck {
  readonly validate: (document: JsonObject) => DocumentViolation | undefined;
  readonly recognise: Recogniser | undefined;
}

const LINE_TYPES: readonly string[] = [
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonl",
  "application/jsonlines",
  "application/x-jsonlines",
  "application/json-lines",
  "text/x-ndjson",
  "text/jsonl",
];

const OPEN = 0x7b;

/**
 * NDJSON where the content type says so. Otherwise one document, however it is laid out; or, where it is not
 * one but its first line is, NDJSON all the same. A content type that is not JSON is overlooked where the
 * body begins with a brace: `curl -d` calls everything a form.
 */
export function parseBody(body: Buffer, contentType: string | undefined, check: DocumentCheck): ParsedBody {
  const bytes = body.subarray(byteOrderMarkLength(body));
  const mediaType = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (LINE_TYPES.includes(mediaType)) return parseNdjson(bytes, check);
  const isJson = mediaType === "application/json" || mediaType === "text/json" || mediaType.endsWith("+json");
  if (!isJson && firstByte(bytes) !== OPEN)
    return mediaType === "" && isBlank(bytes) ? EMPTY : { kind: "unsupported" };
  if (!hasInnerLineBreak(bytes)) return parseNdjson(bytes, check);
  return parseLaidOut(bytes, check);
}

const EMPTY: ParsedBody = {
  kind: "refused",
  refusal: { line: 1, path: "", rule: "the body holds no document" },
};

function parseNdjson(bytes: Buffer, check: DocumentCheck): ParsedBody {
  const options: LineOptions = {
    validate: (document) => check.validate(document),
    recognise: check.recognise,
    maxDocuments: Number.POSITIVE_INFINITY,
  };
  const { batch, lineCount, problem } = parseLines(bytes, 0, options);
  if (problem) return { kind: "refused", refusal: { line: lineCount + 1, ...problem } };
  return batch.count === 0 ? EMPTY : { kind: "accepted", batch };
}

/** Several lines, and not said to be NDJSON: one document on several lines, or NDJSON after all. */
function parseLaidOut(bytes: Buffer, check: DocumentCheck): ParsedBody {
  if (!isUtf8(bytes)) return parseNdjsonOr(bytes, check, INVALID_UTF8, 1);
  const parsed = parseDocument(bytes.toString("utf8"));
  if ("violation" in parsed) {
    const line = /\(line (\d+) column/.exec(parsed.violation.rule)?.[1];
    return parseNdjsonOr(bytes, check, parsed.violation, Number(line ?? 1));
  }
  const violation = check.validate(parsed.document);
  if (violation) return { kind: "refused", refusal: { line: 1, ...violation } };
  const lines = Buffer.from(`${JSON.stringify(parsed.document)}\n`);
  return { kind: "accepted", batch: { count: 1, values: [parsed.document], lines } };
}

function parseNdjsonOr(
  bytes: Buffer,
  check: DocumentCheck,
  violation: DocumentViolation,
  line: number,
): ParsedBody {
  const first = parseLines(bytes, 0, { validate: () => undefined, maxDocuments: 1 });
  return first.batch.count === 1
    ? parseNdjson(bytes, check)
    : { kind: "refused", refusal: { line, ...violation } };
}

function firstByte(bytes: Buffer): number | undefined {
  return bytes.find((byte) => !isSpace(byte));
}

function isBlank(bytes: Buffer): boolean {
  return firstByte(bytes) === undefined;
}

/** Whether a line feed or a carriage return stands before the last byte that is not white space. */
function hasInnerLineBreak(bytes: Buffer): boolean {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1])) end--;
  let start = 0;
  while (start < end && isSpace(bytes[start])) start++;
  const inner = bytes.subarray(start, end);
  return inner.includes(0x0a) || inner.includes(0x0d);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
