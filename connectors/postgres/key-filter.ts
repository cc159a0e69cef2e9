/**
 * Which keys a table cannot have. A chain of Bloom filters (B. Bloom, "Space/time trade-offs in hash coding with allowable
 * errors", 1970), each twice as large as the one before it: the table may grow to any size, and a small one takes little.
 */
import type { KeyValues } from "../driver.ts";

const BITS_PER_KEY = 16;
/** Of 32 bits: a line of the processor's cache. */
const WORDS_PER_BLOCK = 16;
const FIRST_KEYS = 1 << 19;
/** Of all of them. Past some 64 million keys nothing is known to be new any more. */
const MOST_BYTES = 128 * 1024 * 1024;

export class KeyFilter {
  /** The largest last: it takes the new keys. */
  readonly #filters: Bloom[];
  readonly #mostBytes: number;
  readonly #hash = new KeyHash();
  #bytes = 0;

  /** `firstKeys` is a power of two from 32 on. */
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
    const block = mixed(hash.a);
    const bits = mixed(hash.b);
    const more = mixed(hash.a ^ bits);
    for (const filter of this.#filters) if (filter.has(block, bits, more)) return false;
    if (last.isFull) {
      if (this.#bytes + 2 * last.bytes > this.#mostBytes) {
        this.#filters.length = 0;
        return false;
      }
      last = this.#grown(2 * last.keys);
      this.#filters.push(last);
    }
    last.add(block, bits, more);
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

/**
 * All bits of a key are of one block, which the processor fetches at once: F. Putze, P. Sanders and J. Singler, "Cache-, hash-
 * and space-efficient Bloom filters", 2007.
 */
class Bloom {
  readonly keys: number;
  readonly #words: Uint32Array;
  readonly #lastBlock: number;
  #left: number;

  /** `keys` is a power of two. */
  constructor(keys: number) {
    this.keys = keys;
    this.#left = keys;
    const blocks = Math.ceil((keys * BITS_PER_KEY) / (32 * WORDS_PER_BLOCK));
    this.#words = new Uint32Array(blocks * WORDS_PER_BLOCK);
    this.#lastBlock = blocks - 1;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  get isFull(): boolean {
    return this.#left === 0;
  }

  has(block: number, bits: number, more: number): boolean {
    const from = this.#wordsOf(block);
    return (
      this.#isSet(from, bits) &&
      this.#isSet(from, bits >>> 9) &&
      this.#isSet(from, bits >>> 18) &&
      this.#isSet(from, more) &&
      this.#isSet(from, more >>> 9)
    );
  }

  add(block: number, bits: number, more: number): void {
    const from = this.#wordsOf(block);
    this.#set(from, bits);
    this.#set(from, bits >>> 9);
    this.#set(from, bits >>> 18);
    this.#set(from, more);
    this.#set(from, more >>> 9);
    this.#left--;
  }

  #wordsOf(block: number): number {
    return (block & this.#lastBlock) * WORDS_PER_BLOCK;
  }

  /** Nine bits say which of the 512 of a block it is. */
  #isSet(from: number, bit: number): boolean {
    return ((this.#words[from + ((bit >>> 5) & 15)] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  #set(from: number, bit: number): void {
    const word = from + ((bit >>> 5) & 15);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (bit & 31));
  }
}
