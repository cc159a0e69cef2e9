/**
 * The codec of fragments. A fragment is one zstd frame with a checksum, holding NDJSON: a closed range of a
 * journal's offsets without a hole, each line the document with `"_meta":{"offset":N,"at":"…Z"}` as its last
 * property. A removal's line has `"_meta":{"removed":true,"offset":N,"at":"…Z"}`.
 *
 * Offset and time are put in and taken out as bytes, without parsing JSON: a line ends in
 * `"offset":N,"at":"2026-11-23T03:40:39.123456Z"}}`, and N is known.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { constants, type ZstdOptions, zstdCompress, zstdDecompress } from "node:zlib";
import { HaltError } from "../../connectors/driver.ts";
import type { Run } from "../journal/run.ts";
import { type FragmentName, fragmentKey, parseFragmentKey } from "./fragment-name.ts";
import { dateOf, parseTime } from "./fragment-time.ts";
import { letGo } from "./let-go.ts";
import { MetaSuffix } from "./meta-suffix.ts";

export interface FragmentSource {
  readonly collection: string;
  /** The logical partition; empty without. */
  readonly logical: string;
  readonly partition: number;
  /** True for a small fragment, which a larger one will replace. */
  readonly tail: boolean;
  readonly epoch: number;
  /** Each begins where the one before ends; `at` never falls; all on one UTC date. Not empty. */
  readonly runs: readonly Run[];
}

export interface EncodedFragment {
  readonly name: FragmentName;
  readonly key: string;
  /** Compressed: what is stored. */
  readonly bytes: Uint8Array;
  readonly uncompressedBytes: number;
  readonly count: number;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface DecodedFragment {
  readonly name: FragmentName;
  readonly first: number;
  readonly count: number;
  /** Neighbours of the same `at` come as one run. Their `lines` are views of one buffer. */
  readonly runs: readonly Run[];
}

/** A fragment is not what its name says. Nothing of it is served, and who reads it halts: repeating does not mend it. */
export class CorruptFragmentError extends HaltError {
  override readonly name: string = "CorruptFragmentError";
  readonly key: string;

  constructor(key: string, reason: string, options?: ErrorOptions) {
    super(
      `The fragment ${key} is damaged: ${reason}. Put the object back from a backup or an earlier version, then start the task again.`,
      options,
    );
    this.key = key;
  }
}

/** More than a fragment should ever hold; keeps a damaged or foreign object from filling the memory. */
export const MAX_UNCOMPRESSED_BYTES = 256 * 1024 * 1024;

const CHUNK = 1024 * 1024;
const LF = 0x0a;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** Ends a removal's line. */
const REMOVED = Buffer.from('"_meta":{"removed":true}}');
const META = Buffer.from('"_meta":{');
const CHECKSUM_FLAG = 0x04;

const compress = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress);

/** Same documents, same epoch: same bytes and name. Throws `RangeError` where the runs break the rules above. */
export async function encodeFragment(source: FragmentSource): Promise<EncodedFragment> {
  const { first, last, date } = checkRuns(source.runs);
  const { text, room } = withMeta(source.runs);
  const uncompressedBytes = text.length;
  const digest = digestOf(text);
  const bytes = await compress(text, {
    chunkSize: CHUNK,
    pledgedSrcSize: uncompressedBytes,
    params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 1 },
  });
  letGo(room.buffer);
  const { collection, logical, partition, tail, epoch } = source;
  const name: FragmentName = { collection, logical, partition, tail, date, first, last, epoch, digest };
  const key = fragmentKey(name);
  if (parseFragmentKey(key) === undefined) throw new RangeError(`A fragment cannot be named ${key}.`);
  return { name, key, bytes, uncompressedBytes, count: last - first + 1, first, last };
}

/**
 * Reads a fragment back, as `encodeFragment` got it, and verifies all of it first: the frame's checksum and
 * extent, and the name's digest, offsets and date. Rejects with `CorruptFragmentError`.
 */
export async function decodeFragment(
  bytes: Uint8Array,
  key: string,
  maxUncompressedBytes: number = MAX_UNCOMPRESSED_BYTES,
): Promise<DecodedFragment> {
  const name = parseFragmentKey(key);
  if (name === undefined) throw new CorruptFragmentError(key, "its name is not that of a fragment");
  const text = await decompressFrame(bytes, key, maxUncompressedBytes);
  const digest = digestOf(text);
  if (digest !== name.digest) {
    throw new CorruptFragmentError(key, `the SHA-256 of its documents begins ${digest}, not ${name.digest}`);
  }
  const runs = withoutMeta(text, name, key);
  return { name, first: name.first, count: name.last - name.first + 1, runs };
}

function checkRuns(runs: readonly Run[]): { first: number; last: number; date: string } {
  const [head] = runs;
  if (head === undefined) throw new RangeError("A fragment needs at least one document.");
  const date = dateOf(head.at);
  let next = head.first;
  let at = head.at;
  for (const run of runs) {
    if (run.first !== next)
      throw new RangeError(`A fragment's offsets have no hole: expected ${next}, got ${run.first}.`);
    if (run.count < 1) throw new RangeError(`The run at offset ${run.first} holds no document.`);
    if (run.at < at) throw new RangeError(`The run at offset ${run.first} is older than the one before it.`);
    if (dateOf(run.at) !== date) {
      throw new RangeError(
        `A fragment never crosses a UTC date: ${date} and ${dateOf(run.at)} at offset ${run.first}.`,
      );
    }
    next = run.first + run.count;
    at = run.at;
  }
  if (head.first < 0 || !Number.isSafeInteger(next))
    throw new RangeError(`The offset ${next} is out of range.`);
  return { first: head.first, last: next - 1, date };
}

/** `text` is the beginning of `room`, which nobody else uses. */
function withMeta(runs: readonly Run[]): { text: Buffer; room: Buffer } {
  let most = 0;
  for (const run of runs) most += run.lines.length + run.count * (META.length + 1 + MetaSuffix.maxLength);
  const text = Buffer.allocUnsafeSlow(most);
  let to = 0;
  for (const run of runs) {
    const lines = asBuffer(run.lines);
    const suffix = new MetaSuffix(run.first, run.at);
    let from = 0;
    let count = 0;
    while (from < lines.length) {
      const end = lines.indexOf(LF, from);
      if (end < from + 2 || lines[from] !== OPEN || lines[end - 1] !== CLOSE) {
        throw new RangeError(
          `The line at offset ${run.first + count} is not a JSON object ended by a line feed.`,
        );
      }
      if (isRemoval(lines, from, end)) {
        lines.copy(text, to, from, end - 2);
        to += end - 2 - from;
        text[to++] = COMMA;
      } else {
        lines.copy(text, to, from, end - 1);
        to += end - 1 - from;
        if (!isEmptyObject(lines, from, end)) text[to++] = COMMA;
        to += META.copy(text, to);
      }
      to += suffix.bytes.copy(text, to, 0, suffix.length);
      text[to++] = LF;
      suffix.increment();
      count++;
      from = end + 1;
    }
    if (count !== run.count)
      throw new RangeError(`The run at offset ${run.first} holds ${count} lines, not ${run.count}.`);
  }
  return { text: text.subarray(0, to), room: text };
}

/** `lines[from…end)` is one line. A removal's ends in REMOVED, as the document's last property, not as the end of a longer name. */
function isRemoval(lines: Buffer, from: number, end: number): boolean {
  if (lines[end - 2] !== CLOSE || lines[end - 3] !== 0x65) return false;
  const start = end - REMOVED.length;
  if (start <= from || lines.compare(REMOVED, 0, REMOVED.length, start, end) !== 0) return false;
  return lines[start - 1] === COMMA || lines[start - 1] === OPEN;
}

/** Whether nothing but white space stands between the line's braces. */
function isEmptyObject(lines: Buffer, from: number, end: number): boolean {
  let at = end - 2;
  while (at > from && (lines[at] === 0x20 || lines[at] === 0x09 || lines[at] === 0x0d)) at--;
  return at === from;
}

/** Takes offset and time out again, in place: what is left of a line is never longer than the line. */
function withoutMeta(text: Buffer, name: FragmentName, key: string): Run[] {
  const runs: Run[] = [];
  let suffix: MetaSuffix | undefined;
  let at = 0;
  let runFirst = name.first;
  let runStart = 0;
  let offset = name.first;
  let from = 0;
  let to = 0;
  const endRun = () => {
    if (offset > runFirst)
      runs.push({ first: runFirst, at, count: offset - runFirst, lines: text.subarray(runStart, to) });
    runFirst = offset;
    runStart = to;
  };
  while (from < text.length) {
    const end = text.indexOf(LF, from);
    if (end < 0) throw new CorruptFragmentError(key, `the line of offset ${offset} has no end`);
    if (suffix === undefined || !suffix.endsLine(text, from, end)) {
      endRun();
      const time = parseTime(text.toString("latin1", Math.max(from, end - 30), end - 3));
      suffix = new MetaSuffix(offset, time ?? 0);
      if (time === undefined || !suffix.endsLine(text, from, end)) {
        throw new CorruptFragmentError(
          key,
          `the line after ${offset - name.first} others is not that of offset ${offset}`,
        );
      }
      if (time < at || dateOf(time) !== name.date) {
        throw new CorruptFragmentError(
          key,
          `offset ${offset} has a time before its predecessor's, or not of ${name.date}`,
        );
      }
      at = time;
    }
    to = stripLine(text, from, end - suffix.length, to);
    if (to < 0) throw new CorruptFragmentError(key, `the _meta of offset ${offset} is malformed`);
    suffix.increment();
    offset++;
    from = end + 1;
  }
  endRun();
  if (offset !== name.last + 1) {
    throw new CorruptFragmentError(
      key,
      `it holds ${offset - name.first} documents, not ${name.last - name.first + 1}`,
    );
  }
  return runs;
}

/** Moves the line that starts at `from`, whose `"offset":…` starts at `cut`, to `to`; returns where it ends, or -1. */
function stripLine(text: Buffer, from: number, cut: number, to: number): number {
  let end: number;
  let removed = false;
  if (text[cut - 1] === OPEN) {
    end = cut - META.length;
    if (end <= from || text.compare(META, 0, META.length, end, cut) !== 0) return -1;
    if (text[end - 1] === COMMA) end--;
  } else {
    removed = true;
    end = cut - 1;
    const start = end - (REMOVED.length - 2);
    if (
      text[end] !== COMMA ||
      start <= from ||
      text.compare(REMOVED, 0, REMOVED.length - 2, start, end) !== 0
    )
      return -1;
  }
  text.copyWithin(to, from, end);
  let next = to + end - from;
  text[next++] = CLOSE;
  if (removed) text[next++] = CLOSE;
  text[next++] = LF;
  return next;
}

async function decompressFrame(bytes: Uint8Array, key: string, maxOutputLength: number): Promise<Buffer> {
  // Without its checksum a damaged frame could be read as another text.
  if (bytes.length < 5 || ((bytes[4] ?? 0) & CHECKSUM_FLAG) === 0) {
    throw new CorruptFragmentError(key, "it is not a zstd frame with a checksum");
  }
  const { buffer, consumed } = await decompress(bytes, maxOutputLength).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    throw new CorruptFragmentError(key, tooLarge ? `it holds more than ${maxOutputLength} bytes` : reason, {
      cause: error,
    });
  });
  // Node reads the first of several frames and is silent about the rest.
  if (consumed !== bytes.length)
    throw new CorruptFragmentError(key, `${bytes.length - consumed} bytes follow its frame`);
  return buffer;
}

function decompress(
  bytes: Uint8Array,
  maxOutputLength: number,
): Promise<{ buffer: Buffer; consumed: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ buffer: Buffer; consumed: number }>();
  // In one piece where it is known how large it gets: pieces would have to be joined, which takes twice the memory.
  const size = contentSize(bytes) ?? CHUNK;
  const chunkSize = Math.max(Math.min(size, maxOutputLength) + 64, 1024);
  zstdDecompress(bytes, { chunkSize, maxOutputLength, info: true }, (error, result) => {
    if (error) return reject(error);
    // With `info: true` the result also names the engine, which @types/node does not know.
    const info = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    resolve({ buffer: info.buffer, consumed: info.engine.bytesWritten });
  });
  return promise;
}

/** What the frame's header says (RFC 8878, section 3.1.1.1); undefined where it does not, or as one byte. */
function contentSize(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 18) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  switch (descriptor >> 6) {
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    case 3:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

function digestOf(text: Uint8Array): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
