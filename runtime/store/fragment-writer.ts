import { createHash } from "node:crypto";
import { constants, createZstdCompress } from "node:zlib";
import { letGo } from "../../connectors/buffers.ts";
import type { Run } from "../journal/run.ts";
import { isObject, LF, MOST_META_BYTES, putLine } from "./fragment-line.ts";
import { type FragmentName, fragmentKey, parseFragmentKey } from "./fragment-name.ts";
import { dateOf } from "./fragment-time.ts";
import { MetaSuffix } from "./meta-suffix.ts";

export interface FragmentSource {
  readonly collection: string;
  /** The logical partition; empty without. */
  readonly logical: string;
  readonly partition: number;
  /** True for a small fragment, which a larger one will replace. */
  readonly tail: boolean;
  readonly epoch: number;
  /** Each begins where the one before ends; `at` never falls; all on one UTC date. Not empty. Read once, one at a time. */
  readonly runs: Iterable<Run> | AsyncIterable<Run>;
}

export interface EncodedFragment {
  readonly name: FragmentName;
  readonly key: string;
  /** Compressed: what is stored. */
  readonly bytes: Uint8Array;
  readonly uncompressedBytes: number;
  /** Of the lines as they came, without offsets and times. */
  readonly documentBytes: number;
  readonly count: number;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  /** Commit time of the last document, µs since 1970 UTC. */
  readonly lastAt: number;
}

/** Of text that is compressed at a time. */
const PIECE_BYTES = 1024 * 1024;
/** zstd's quickest that is not wasteful: lines that are much alike come out as small as with its default of 3, for a fifth less time. */
const LEVEL = 1;
/** Of what comes out. */
const CHUNK_BYTES = 256 * 1024;

/** Makes a fragment of runs that are given one after the other. It holds a piece of their text and what it is compressed to. */
export class FragmentWriter {
  readonly #zstd = createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
      [constants.ZSTD_c_contentSizeFlag]: 1,
    },
  });
  readonly #compressed: Buffer[] = [];
  readonly #ended: Promise<void>;
  readonly #hash = createHash("sha256");
  /** The piece under way. It ends between two lines, which depend on the documents alone: so do the bytes of the object. */
  #piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #used = 0;
  #uncompressedBytes = 0;
  #documentBytes = 0;
  #first: number | undefined;
  #next = 0;
  #at = 0;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#zstd.on("data", (chunk: Buffer) => this.#compressed.push(chunk));
    this.#zstd.once("end", resolve);
    this.#zstd.once("error", reject);
    promise.catch(() => {}); // it is awaited at the end; a write reports it, too
    this.#ended = promise;
  }

  /** Once it resolves, the run's lines are not looked at any more. Rejects with `RangeError`, see `FragmentSource`. */
  async add(run: Run): Promise<void> {
    this.#check(run);
    const lines = Buffer.from(run.lines.buffer, run.lines.byteOffset, run.lines.byteLength);
    const suffix = new MetaSuffix(run.first, run.at);
    let from = 0;
    let count = 0;
    while (from < lines.length) {
      const end = lines.indexOf(LF, from);
      if (!isObject(lines, from, end)) {
        throw new RangeError(
          `The line at offset ${run.first + count} is not a JSON object ended by a line feed.`,
        );
      }
      const most = end - from + MOST_META_BYTES + 1;
      if (this.#used + most > this.#piece.length) await this.#makeRoom(most);
      this.#used = putLine(lines, from, end, suffix, this.#piece, this.#used);
      suffix.increment();
      count++;
      from = end + 1;
    }
    if (count !== run.count)
      throw new RangeError(`The run at offset ${run.first} holds ${count} lines, not ${run.count}.`);
    this.#documentBytes += lines.length;
  }

  /** `place` is of the fragment whose runs were added. Rejects with `RangeError` where there were none. */
  async end(place: Omit<FragmentSource, "runs">): Promise<EncodedFragment> {
    const first = this.#first;
    if (first === undefined) throw new RangeError("A fragment needs at least one document.");
    this.#zstd.end(this.#takePiece());
    await this.#ended;
    letGo(this.#piece.buffer);
    const last = this.#next - 1;
    const digest = this.#hash.digest("hex").slice(0, 16);
    const { collection, logical, partition, tail, epoch } = place;
    const date = dateOf(this.#at);
    const name: FragmentName = { collection, logical, partition, tail, date, first, last, epoch, digest };
    const key = fragmentKey(name);
    if (parseFragmentKey(key) === undefined) throw new RangeError(`A fragment cannot be named ${key}.`);
    return {
      name,
      key,
      bytes: this.#joined(),
      uncompressedBytes: this.#uncompressedBytes,
      documentBytes: this.#documentBytes,
      count: last - first + 1,
      first,
      last,
      lastAt: this.#at,
    };
  }

  /** Gives back what it holds, whether it has ended or not. */
  close(): void {
    this.#zstd.destroy();
  }

  #check(run: Run): void {
    if (run.count < 1) throw new RangeError(`The run at offset ${run.first} holds no document.`);
    if (this.#first === undefined) {
      this.#first = run.first;
    } else if (run.first !== this.#next) {
      throw new RangeError(`A fragment's offsets have no hole: expected ${this.#next}, got ${run.first}.`);
    } else if (run.at < this.#at) {
      throw new RangeError(`The run at offset ${run.first} is older than the one before it.`);
    } else if (dateOf(run.at) !== dateOf(this.#at)) {
      throw new RangeError(
        `A fragment never crosses a UTC date: ${dateOf(this.#at)} and ${dateOf(run.at)} at offset ${run.first}.`,
      );
    }
    this.#next = run.first + run.count;
    this.#at = run.at;
    if (run.first < 0 || !Number.isSafeInteger(this.#next))
      throw new RangeError(`The offset ${this.#next} is out of range.`);
  }

  async #makeRoom(bytes: number): Promise<void> {
    if (this.#used > 0) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#zstd.write(this.#takePiece(), (error) => (error ? reject(error) : resolve()));
      await promise;
    }
    if (bytes > this.#piece.length) this.#piece = Buffer.allocUnsafeSlow(bytes);
  }

  #joined(): Buffer {
    const chunks = this.#compressed.splice(0);
    const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0));
    let to = 0;
    for (const chunk of chunks) {
      to += chunk.copy(bytes, to);
      if (chunk.byteOffset + chunk.length === chunk.buffer.byteLength) letGo(chunk.buffer);
    }
    return bytes;
  }

  #takePiece(): Buffer {
    const piece = this.#piece.subarray(0, this.#used);
    this.#hash.update(piece);
    this.#uncompressedBytes += piece.length;
    this.#used = 0;
    return piece;
  }
}
