import { createHash } from "node:crypto";
import { createZstdDecompress } from "node:zlib";
import { letGo } from "../../connectors/buffers.ts";
import { viewOf } from "../../connectors/short-bytes.ts";
import type { Run } from "../journal/run.ts";
import { CorruptFragmentError } from "./corrupt-fragment.ts";
import { isRemovalCut, keptEnd, LF, putKept } from "./fragment-line.ts";
import { type FragmentName, parseFragmentKey } from "./fragment-name.ts";
import { dateOf, parseTime } from "./fragment-time.ts";
import { digestOf, type KnownObject } from "./known-object.ts";
import { MetaSuffix } from "./meta-suffix.ts";

/** More than a fragment should ever hold; keeps a damaged or foreign object from being read for ever. */
export const MAX_UNCOMPRESSED_BYTES = 256 * 1024 * 1024;

/** Of text that is decompressed at a time. */
const PART_BYTES = 1024 * 1024;
/** What a reader that has begun holds beside the object: zstd's window and tables, a part being read and the next one. */
const STREAM_BYTES = 5 * 1024 * 1024;
const CHECKSUM_FLAG = 0x04;
/** Of a line, from where its time begins to its last two braces and quotation mark. */
const TIME_FROM_END = 30;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A fragment's documents, some at a time. An object that is not known is decompressed twice: first to verify all of it, and
 * then, as it is read, so that its text is never in memory as a whole.
 */
export class FragmentReader {
  readonly name: FragmentName;
  /** The object. */
  readonly bytes: Uint8Array;
  /** What it holds in memory until it is closed, roughly. */
  readonly heldBytes: number;
  readonly #key: string;
  /** Documents before it are passed over. */
  readonly #from: number;
  readonly #parts: AsyncGenerator<Buffer>;
  /** Uncompressed bytes that have not been looked at. */
  #left: number;
  /** What is looked at, from `#at` on, and what comes after it. */
  #text: Buffer = NOTHING;
  #view: DataView = viewOf(NOTHING);
  #at = 0;
  #rest: Buffer = NOTHING;
  /** Of the next line. */
  #offset: number;
  #suffix: MetaSuffix | undefined;
  /** Of the last line, µs since 1970 UTC. */
  #time = 0;

  private constructor(bytes: Uint8Array, key: string, name: FragmentName, size: number, from: number) {
    this.name = name;
    this.bytes = bytes;
    this.heldBytes = bytes.byteLength + STREAM_BYTES;
    this.#key = key;
    this.#from = from;
    this.#parts = decompress(bytes, key);
    this.#left = size;
    this.#offset = name.first;
  }

  /**
   * Verifies the frame's checksum and extent, and the digest of all documents; each line's offset and time are verified as
   * it is read. An object that is as it was put needs no look at its text. `from` is an offset. Rejects with
   * `CorruptFragmentError`.
   */
  static async open(
    bytes: Uint8Array,
    key: string,
    from = 0,
    known?: KnownObject,
    maxUncompressedBytes: number = MAX_UNCOMPRESSED_BYTES,
  ): Promise<FragmentReader> {
    const name = parseFragmentKey(key);
    if (name === undefined) throw new CorruptFragmentError(key, "its name is not that of a fragment");
    // Another object of that name may hold the same documents, compressed otherwise.
    const isKnown = known !== undefined && known.digest === digestOf(bytes);
    const size = isKnown ? known.textBytes : await verify(bytes, key, name, maxUncompressedBytes);
    return new FragmentReader(bytes, key, name, size, from);
  }

  /**
   * The next documents, of at most so many bytes but at least one; none at the fragment's end. Neighbours of the same
   * time come as one run. Their lines are views of one buffer, which is the caller's. Rejects with `CorruptFragmentError`.
   */
  async next(maxBytes: number): Promise<Run[]> {
    const room = new Room(Math.min(maxBytes, this.#left));
    while (!this.#fill(room)) {
      if (await this.#readOn()) continue;
      this.#checkEnd();
      break;
    }
    return room.runs();
  }

  /** Whether the whole fragment has been read. */
  get isAtEnd(): boolean {
    return this.#offset > this.name.last && this.#left === 0;
  }

  /** Gives back what it holds. Where all was read, nobody looks at `bytes` any more. */
  async close(): Promise<void> {
    if (this.isAtEnd) await this.#parts.next(); // zlib looks for more until it says so
    await this.#parts.return(undefined);
  }

  /** Takes whole lines out of the text. True once the room is full. */
  #fill(room: Room): boolean {
    const text = this.#text;
    const view = this.#view;
    for (;;) {
      const from = this.#at;
      const end = text.indexOf(LF, from);
      if (end < 0) return false;
      if (this.#offset > this.name.last) this.#refuse(`it holds more than ${this.#count} documents`);
      const suffix = this.#suffix?.endsLine(view, from, end) ? this.#suffix : this.#newTime(text, from, end);
      const cut = end - suffix.length;
      const kept = keptEnd(text, from, cut);
      if (kept < 0) this.#refuse(`the _meta of offset ${this.#offset} is malformed`);
      if (this.#offset >= this.#from) {
        const isRemoval = isRemovalCut(text, cut);
        if (!room.take(text, from, kept, isRemoval, this.#offset, this.#time)) return true;
      }
      suffix.increment();
      this.#offset++;
      this.#at = end + 1;
      this.#left -= end + 1 - from;
    }
  }

  /** The line is not of the time of the one before it. */
  #newTime(text: Buffer, from: number, end: number): MetaSuffix {
    const { first, date } = this.name;
    const time = parseTime(text.toString("latin1", Math.max(from, end - TIME_FROM_END), end - 3));
    const suffix = new MetaSuffix(this.#offset, time ?? 0);
    if (time === undefined || !suffix.endsLine(this.#view, from, end)) {
      this.#refuse(`the line after ${this.#offset - first} others is not that of offset ${this.#offset}`);
    }
    if (time < this.#time || dateOf(time) !== date) {
      this.#refuse(`offset ${this.#offset} has a time before its predecessor's, or not of ${date}`);
    }
    this.#time = time;
    this.#suffix = suffix;
    return suffix;
  }

  /** After the whole lines that are there comes the next part, in which the line under way ends. False at the end. */
  async #readOn(): Promise<boolean> {
    const begun = Buffer.from(this.#text.subarray(this.#at));
    let part = this.#rest;
    if (part.length === 0) {
      const { value, done } = await this.#parts.next();
      if (done) return false;
      part = value;
    }
    this.#at = 0;
    if (begun.length === 0) {
      this.#text = part;
      this.#rest = NOTHING;
    } else {
      const end = part.indexOf(LF) + 1 || part.length;
      this.#text = Buffer.concat([begun, part.subarray(0, end)]);
      this.#rest = part.subarray(end);
    }
    this.#view = viewOf(this.#text);
    return true;
  }

  /** Of the whole fragment. */
  get #count(): number {
    return this.name.last - this.name.first + 1;
  }

  #checkEnd(): void {
    const { first, last } = this.name;
    if (this.#at < this.#text.length) this.#refuse(`the line of offset ${this.#offset} has no end`);
    if (this.#offset <= last) {
      this.#refuse(`it holds ${this.#offset - first} documents, not ${this.#count}`);
    }
  }

  #refuse(reason: string): never {
    throw new CorruptFragmentError(this.#key, reason);
  }
}

/** Lines side by side in one buffer, as runs. */
class Room {
  #bytes: Buffer;
  #used = 0;
  readonly #runs: Run[] = [];
  /** Of the run under way. */
  #first = 0;
  #count = 0;
  #time = -1;
  #start = 0;

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
  }

  /** False, and nothing done, where it does not fit; the first line always does. See `putKept`. */
  take(text: Buffer, from: number, kept: number, isRemoval: boolean, offset: number, time: number): boolean {
    const bytes = kept - from + (isRemoval ? 3 : 2);
    if (this.#used + bytes > this.#bytes.length) {
      if (this.#used > 0) return false;
      this.#bytes = Buffer.allocUnsafeSlow(bytes);
    }
    if (time !== this.#time) {
      this.#endRun();
      this.#first = offset;
      this.#time = time;
    }
    this.#used = putKept(text, from, kept, isRemoval, this.#bytes, this.#used);
    this.#count++;
    return true;
  }

  #endRun(): void {
    if (this.#count > 0) {
      const lines = this.#bytes.subarray(this.#start, this.#used);
      this.#runs.push({ first: this.#first, at: this.#time, count: this.#count, lines });
    }
    this.#start = this.#used;
    this.#count = 0;
  }

  runs(): Run[] {
    this.#endRun();
    return this.#runs;
  }
}

/** Returns the size of the text. Rejects with `CorruptFragmentError`. */
async function verify(bytes: Uint8Array, key: string, name: FragmentName, most: number): Promise<number> {
  // Without its checksum a damaged frame could be read as another text.
  if (bytes.length < 5 || ((bytes[4] ?? 0) & CHECKSUM_FLAG) === 0) {
    throw new CorruptFragmentError(key, "it is not a zstd frame with a checksum");
  }
  const hash = createHash("sha256");
  let size = 0;
  for await (const part of decompress(bytes, key)) {
    size += part.length;
    if (size > most) throw new CorruptFragmentError(key, `it holds more than ${most} bytes`);
    hash.update(part);
  }
  const digest = hash.digest("hex").slice(0, name.digest.length);
  if (digest !== name.digest) {
    throw new CorruptFragmentError(key, `the SHA-256 of its documents begins ${digest}, not ${name.digest}`);
  }
  return size;
}

/** Each part is the receiver's until it asks for the next one. */
async function* decompress(bytes: Uint8Array, key: string): AsyncGenerator<Buffer> {
  const zstd = createZstdDecompress({ chunkSize: PART_BYTES });
  zstd.end(bytes);
  try {
    for await (const read of zstd) {
      const part = read as Buffer; // no encoding is set
      yield part;
      // Else zlib goes on in the rest of it.
      if (part.byteOffset + part.byteLength === part.buffer.byteLength) letGo(part.buffer);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CorruptFragmentError(key, reason, { cause });
  }
  // Node reads the first of several frames and is silent about the rest.
  if (zstd.bytesWritten !== bytes.length)
    throw new CorruptFragmentError(key, `${bytes.length - zstd.bytesWritten} bytes follow its frame`);
}
