/** LMDB keeps no checksums, so what the head stores carries its own, over the value and the place it belongs to. */
import { crc32 } from "node:zlib";
import { BEFORE_LINES, hasRoom, linesBehindRoom } from "../../connectors/buffers.ts";
import type { Json } from "../../plan/plan.ts";
import type { Run } from "../journal/run.ts";
import { CorruptHeadError, type SealedBatch } from "./head.ts";

/** Bytes before the lines of a batch: CRC-32 (u32), count (u32), commit time in µs (f64), all big-endian. */
export const BATCH_HEADER_BYTES = BEFORE_LINES;

export interface Batch {
  readonly count: number;
  readonly at: number;
  readonly lines: Uint8Array;
}

/** The lines' own buffer, where they have one as `roomForLines` gives it; else a copy. */
export function sealBatch(journal: number, first: number, { count, at, lines }: Batch): Buffer {
  const sealed = hasRoom(lines) ? Buffer.from(lines.buffer) : copyBehindRoom(lines);
  sealed.writeUInt32BE(count, 4);
  sealed.writeDoubleBE(at, 8);
  sealed.writeUInt32BE(batchChecksum(journal, first, sealed), 0);
  return sealed;
}

function copyBehindRoom(lines: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(BATCH_HEADER_BYTES + lines.byteLength);
  copy.set(lines, BATCH_HEADER_BYTES);
  return copy;
}

/** The lines are a view of `sealed`. Throws `CorruptHeadError` if it is not what `sealBatch` made for this place. */
export function openBatch(journal: number, first: number, sealed: Buffer): Batch {
  if (
    sealed.length < BATCH_HEADER_BYTES ||
    sealed.readUInt32BE(0) !== batchChecksum(journal, first, sealed)
  ) {
    throw new CorruptHeadError(
      `The head's batch at journal ${journal}, offset ${first} fails its checksum; it is not served.`,
    );
  }
  return {
    count: sealed.readUInt32BE(4),
    at: sealed.readDoubleBE(8),
    lines: sealed.subarray(BATCH_HEADER_BYTES),
  };
}

/** Its documents, in its own bytes. Throws as `openBatch` does. */
export function openRun({ journal, first, sealed }: SealedBatch): Run {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const { count, at } = openBatch(journal, first, bytes);
  return { first, count, at, lines: linesBehindRoom(bytes) };
}

/** Of a batch that has not been verified. */
export function countOf(sealed: Buffer): number {
  return sealed.readUInt32BE(4);
}

function batchChecksum(journal: number, first: number, sealed: Buffer): number {
  return crc32(sealed.subarray(4), crc32(`${journal}/${first}`));
}

/** Hexadecimal, at the beginning of a sealed text. */
export const CHECKSUM_CHARACTERS = 8;

export function sealText(place: string, text: string): string {
  return crc32(text, crc32(place)).toString(16).padStart(CHECKSUM_CHARACTERS, "0") + text;
}

export function openText(place: string, sealed: string): string {
  if (!isSealedAt(place, sealed)) {
    throw new CorruptHeadError(`The head's entry "${place}" fails its checksum; it is not used.`);
  }
  return sealed.slice(CHECKSUM_CHARACTERS);
}

export function isSealedAt(place: string, sealed: string): boolean {
  const text = sealed.slice(CHECKSUM_CHARACTERS);
  return crc32(text, crc32(place)) === Number.parseInt(sealed.slice(0, CHECKSUM_CHARACTERS), 16);
}

export function sealJson(place: string, value: Json): string {
  return sealText(place, JSON.stringify(value));
}

export function openJson(place: string, sealed: string): Json {
  // What JSON.parse gives back is what sealJson was given: the checksum says so.
  return JSON.parse(openText(place, sealed)) as Json;
}
