import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { deserialize, serialize } from "node:v8";
import { crc32 } from "node:zlib";
import { CorruptHeadError } from "./head.ts";

/** A record begins a page, so that no write touches what another has made durable. */
const PAGE_BYTES = 4096;
/** Of the whole file, which never grows: a flush need not wait for the file system's own notes. */
const LOG_BYTES = 1024 * 1024;

/** Length of the content (u32), CRC-32 of all that follows (u32), epoch (f64), sequence (u32), all big-endian. */
const HEADER_BYTES = 20;
const CHECKED_FROM = 8;

interface LogRecord {
  readonly epoch: number;
  readonly sequence: number;
  readonly content: Buffer;
  readonly pages: number;
}

/**
 * What the head has committed since LMDB's newest transaction, in a file of its own: a record costs one flush of a few
 * pages that are there already, where LMDB takes two and writes a dozen anew. An epoch is the time between two
 * transactions of LMDB; with each the log begins at its beginning again, and what is left there of earlier ones is void.
 */
export class HeadLog {
  readonly #path: string;
  #file: number | undefined;
  #epoch = 0;
  #sequence = 0;
  #end = 0;

  constructor(path: string) {
    this.#path = path;
    const file = openSync(path, existsSync(path) ? "r+" : "w+");
    this.#file = file;
    if (statSync(path).size >= LOG_BYTES) return;
    writeAll(file, Buffer.alloc(LOG_BYTES), 0);
    fsyncSync(file);
    const directory = openSync(dirname(path), "r");
    fsyncSync(directory);
    closeSync(directory);
  }

  /** Records of this epoch that are in the log. */
  get length(): number {
    return this.#sequence;
  }

  /** The contents of an epoch's records, after which it goes on. Throws `CorruptHeadError` where one is missing between others. */
  recover(epoch: number): unknown[] {
    const bytes = readFileSync(this.#path);
    const contents: unknown[] = [];
    this.begin(epoch);
    for (;;) {
      const record = recordAt(bytes, this.#end);
      if (record?.epoch !== epoch || record.sequence !== this.#sequence) break;
      contents.push(deserialize(record.content));
      this.#sequence++;
      this.#end += record.pages * PAGE_BYTES;
    }
    // A record is begun when the one before is on disk, so that only the newest can be torn.
    for (let later = this.#end; later < bytes.length; later += PAGE_BYTES) {
      const record = recordAt(bytes, later);
      if (record?.epoch !== epoch || record.sequence <= this.#sequence) continue;
      throw new CorruptHeadError(`Its log ${this.#path} has lost record ${this.#sequence} of ${epoch}.`);
    }
    return contents;
  }

  begin(epoch: number): void {
    this.#epoch = epoch;
    this.#sequence = 0;
    this.#end = 0;
  }

  /** On disk when it returns; false where there is no room for it before the next epoch. Throws where the disk fails. */
  append(content: unknown): boolean {
    if (this.#file === undefined) throw new Error(`the log ${this.#path} is closed`);
    const bytes = serialize(content);
    const length = Math.ceil((HEADER_BYTES + bytes.length) / PAGE_BYTES) * PAGE_BYTES;
    if (this.#end + length > LOG_BYTES) return false;
    const record = Buffer.alloc(length);
    record.writeUInt32BE(bytes.length, 0);
    record.writeDoubleBE(this.#epoch, 8);
    record.writeUInt32BE(this.#sequence, 16);
    record.set(bytes, HEADER_BYTES);
    record.writeUInt32BE(crc32(record.subarray(CHECKED_FROM, HEADER_BYTES + bytes.length)), 4);
    writeAll(this.#file, record, this.#end);
    fdatasyncSync(this.#file);
    this.#sequence++;
    this.#end += length;
    return true;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Undefined where no whole record begins. */
function recordAt(log: Buffer, at: number): LogRecord | undefined {
  if (at + HEADER_BYTES > log.length) return undefined;
  const end = at + HEADER_BYTES + log.readUInt32BE(at);
  if (end > log.length) return undefined;
  if (log.readUInt32BE(at + 4) !== crc32(log.subarray(at + CHECKED_FROM, end))) return undefined;
  return {
    epoch: log.readDoubleBE(at + 8),
    sequence: log.readUInt32BE(at + 16),
    content: log.subarray(at + HEADER_BYTES, end),
    pages: Math.ceil((end - at) / PAGE_BYTES),
  };
}

function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
  }
}
