/**
 * Which keys a table cannot have. A chain of Bloom filters (B. Bloom, "Space/time trade-offs in hash coding with allowable
 * errors", 1970), each twice as large as the one before it: the table may grow to any size, and a small one takes little.
 */
import type { KeyValues } from "../driver.ts";

const HASHES = 5;
const BITS_PER_KEY = 16;
const FIRST_KEYS = 1 << 19;
/** Of all of them. Past some 64 million keys nothing is known to be new any more. */
const MOST_BYTES = 128 * 1024 * 1024;

export class KeyFilter {
  /** The largest last: it takes the new keys. */
  readonly #filters: Bloom[];
  readonly #mostBytes: number;
  readonly #hash = new KeyHash();
  #bytes = 0;

  constructor(firstKeys: number = FIRST_KEYS, mostBytes: number = MOST_BYTES) {
    this.#mostBytes = mostBytes;
    this.#filters = [this.#grown(firstKeys)];
  }

  /** Notes the key. True if it surely was not noted before; of about one key in a hundred it cannot say so. */
  add(key: KeyValues): boolean {
    this.#hash.begin();
    // The parts of a key always have the same types, so that what joins them need not tell these apart.
    for (const value of key) this.#hash.add(`${value}`);
    return this.addHashed(this.#hash);
  }

  /** `add` of the key that was hashed. */
  addHashed(hash: KeyHash): boolean {
    let last = this.#filters.at(-1);
    if (last === undefined) return false;
    const [a, b] = [mixed(hash.a), mixed(hash.b) | 1];
    for (const filter of this.#filters) if (filter.has(a, b)) return false;
    if (last.isFull) {
      if (this.#bytes + 2 * last.bytes > this.#mostBytes) {
        this.#filters.length = 0;
        return false;
      }
      last = this.#grown(2 * last.keys);
      this.#filters.push(last);
    }
    last.add(a, b);
    return true;
  }

  #grown(keys: number): Bloom {
    const filter = new Bloom(keys);
    this.#bytes += filter.bytes;
    return filter;
  }
}

/** Two hashes of a key's parts, one after another. */
export class KeyHash {
  a = 0;
  b = 0;

  begin(): void {
    this.a = 0x811c9dc5 | 0;
    this.b = 0x9747b28c | 0;
  }

  add(text: string): void {
    let { a, b } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995);
    }
    this.#end(a, b);
  }

  /** `add` of a text in UTF-8. False if it has more than ASCII, of which the hash would be another. */
  addAscii(bytes: Uint8Array, from: number, end: number): boolean {
    let { a, b } = this;
    for (let i = from; i < end; i++) {
      const code = bytes[i] ?? 0;
      if (code > 0x7f) return false;
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995);
    }
    this.#end(a, b);
    return true;
  }

  #end(a: number, b: number): void {
    // No half of a character ends a text that Postgres can hold.
    this.a = Math.imul(a ^ 0xdfff, 0x01000193);
    this.b = Math.imul(b ^ 0xdfff, 0x5bd1e995);
  }
}

/** So that all bits of a hash depend on all of the text: the last step of MurmurHash3. */
function mixed(hash: number): number {
  let mixed = hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Two hashes stand for all of them: A. Kirsch and M. Mitzenmacher, "Less hashing, same performance", 2006. */
class Bloom {
  readonly keys: number;
  readonly #bits: Uint32Array;
  #left: number;

  constructor(keys: number) {
    this.keys = keys;
    this.#left = keys;
    this.#bits = new Uint32Array(Math.ceil((keys * BITS_PER_KEY) / 32));
  }

  get bytes(): number {
    return this.#bits.byteLength;
  }

  get isFull(): boolean {
    return this.#left === 0;
  }

  has(a: number, b: number): boolean {
    const bits = this.#bits;
    const size = bits.length * 32;
    for (let i = 0; i < HASHES; i++) {
      const bit = ((a + Math.imul(i, b)) >>> 0) % size;
      if (((bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  add(a: number, b: number): void {
    const bits = this.#bits;
    const size = bits.length * 32;
    for (let i = 0; i < HASHES; i++) {
      const bit = ((a + Math.imul(i, b)) >>> 0) % size;
      bits[bit >>> 5] = (bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
    this.#left--;
  }
}
