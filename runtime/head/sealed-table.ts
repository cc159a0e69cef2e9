import { crc32 } from "node:zlib";
import { type Database, type Key, keyValueToBuffer, type RangeOptions, type RootDatabase } from "lmdb";
import { CorruptHeadError } from "./head.ts";
import { CHECKSUM_CHARACTERS } from "./sealed.ts";

declare module "lmdb" {
  // Of the package's own exports, not of its types.
  function keyValueToBuffer(key: import("lmdb").Key): Buffer;
  function bufferToKeyValue(key: Buffer): import("lmdb").Key;
  interface DatabaseOptions {
    keyEncoder?: {
      writeKey(key: Uint8Array, target: Uint8Array, start: number): number;
      readKey(target: Uint8Array, start: number, end: number): Uint8Array;
    };
  }
}

/**
 * Keys as the bytes that they are stored as: those that hold a hash cannot be decoded. LMDB compares eight bytes at a
 * time, so what follows a key must be zero, which `keyEncoding: "binary"` does not see to.
 */
const UNDECODED = {
  writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
    const end = start + key.length;
    target.set(key, start);
    target.fill(0, end, end + 8);
    return end;
  },
  readKey: (target: Uint8Array, start: number, end: number) =>
    Uint8Array.prototype.slice.call(target, start, end),
};

/** How many entries a table has, and a sum over their keys and checksums: two tables that agree in it hold the same entries. */
export interface Tally {
  readonly count: number;
  readonly sum: number;
}

const MODULUS = 2 ** 48;

/**
 * A table of sealed entries that knows what it should hold. A seal tells a changed entry; only the tally tells one that
 * is missing, or that is an older one of its own: damage in LMDB's inner pages makes both.
 */
export class SealedTable<K extends Key> {
  readonly name: string;
  readonly #entries: Database<string, K>;
  readonly #undecoded: Database<string, Uint8Array>;
  #count = 0;
  #sum = 0;

  constructor(root: RootDatabase<Buffer, string>, name: string) {
    this.name = name;
    this.#entries = root.openDB(name, { encoding: "string" });
    this.#undecoded = root.openDB(name, { encoding: "string", keyEncoder: UNDECODED });
  }

  get tally(): Tally {
    return { count: this.#count, sum: this.#sum };
  }

  set tally({ count, sum }: Tally) {
    this.#count = count;
    this.#sum = sum;
  }

  get(key: K): string | undefined {
    return this.#reading(() => this.#entries.get(key));
  }

  /** Keys come decoded; a hash in one does not come as the bytes that it was. Bounds may be beginnings of keys. */
  getRange(range: RangeOptions = {}): { key: K; value: string }[] {
    return this.#reading(() => [...this.#entries.getRange(range)]);
  }

  keys(): K[] {
    return this.#reading(() => [...this.#entries.getKeys()]);
  }

  /**
   * Up to `limit` entries whose keys begin with these parts, in the order of their keys, from after `last` on. Keys come as
   * they are stored: those that hold a hash cannot be decoded.
   */
  page(beginning: Key, last: Uint8Array | undefined, limit: number): { key: Uint8Array; value: string }[] {
    const start = last ?? keyValueToBuffer(beginning);
    return this.#reading(() => {
      const found: { key: Uint8Array; value: string }[] = [];
      const prefix = keyValueToBuffer(beginning);
      for (const { key, value } of this.#undecoded.getRange({ start, exclusiveStart: last !== undefined })) {
        if (found.length === limit || Buffer.compare(key.subarray(0, prefix.length), prefix) !== 0) break;
        found.push({ key: Uint8Array.from(key), value });
      }
      return found;
    });
  }

  /** Of what is there. Throws `CorruptHeadError` where an entry would not be found by its key. */
  countAll(): Tally {
    return this.#reading(() => {
      let count = 0;
      let sum = 0;
      for (const { key, value } of this.#undecoded.getRange()) {
        if (this.#undecoded.get(key) !== value) {
          throw new CorruptHeadError(`The head's table "${this.name}" does not find an entry that it holds.`);
        }
        count++;
        sum = (sum + weightOf(key, value)) % MODULUS;
      }
      return { count, sum };
    });
  }

  putSync(key: K, sealed: string): void {
    const bytes = keyValueToBuffer(key);
    this.#take(bytes);
    this.#count++;
    this.#sum = (this.#sum + weightOf(bytes, sealed)) % MODULUS;
    this.#entries.putSync(key, sealed);
  }

  removeSync(key: K): void {
    if (this.#take(keyValueToBuffer(key))) this.#entries.removeSync(key);
  }

  /** Takes what is stored there out of the tally. */
  #take(key: Buffer): boolean {
    const former = this.#reading(() => this.#undecoded.get(key));
    if (former === undefined) return false;
    this.#count--;
    this.#sum = (this.#sum + MODULUS - weightOf(key, former)) % MODULUS;
    return true;
  }

  #reading<T>(read: () => T): T {
    return readingHead(`table "${this.name}"`, read);
  }
}

/** Of the key as it is stored, and of the text's own checksum. */
function weightOf(key: Uint8Array, sealed: string): number {
  const checksum = Number.parseInt(sealed.slice(0, CHECKSUM_CHARACTERS), 16);
  if (Number.isNaN(checksum)) throw new CorruptHeadError("An entry of the head has no checksum.");
  return crc32(key, checksum);
}

/** What LMDB itself says of a damaged page becomes an error that names the place. */
export function readingHead<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CorruptHeadError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CorruptHeadError(`The head's ${place} cannot be read: ${reason}.`, { cause: error });
  }
}
