/**
 * Which keys a table cannot have. A chain of Bloom filters (B. Bloom, "Space/time trade-offs in hash coding with allowable
 * errors", 1970), each twice as large as the one before it: the table may grow to any size, and a small one takes little. They are
 * not looked at for a key that comes after all others, as most do where keys count up; and as long as all do, they are not filled.
 */
import type { KeyValues } from "../driver.ts";

const BITS_PER_KEY = 16;
/** Of 32 bits: a line of the processor's cache. */
const WORDS_PER_BLOCK = 16;
const FIRST_KEYS = 1 << 19;
/** Of all of them. Past some 64 million keys nothing is known to be new any more. */
const MOST_BYTES = 128 * 1024 * 1024;
/** Of a key's text: longer ones are not compared. */
const MOST_UNITS = 64;
/** That came after all others, and are set in the filters together. */
const KEYS_AT_ONCE = 256;
/** Stands behind each part of a key: no half of a character ends a text that Postgres can hold. */
const PART_END = 0xdfff;

export class KeyFilter {
  /** The largest last: it takes the new keys. */
  readonly #filters: Bloom[];
  readonly #mostBytes: number;
  readonly #text = new KeyText();
  /** Of all keys that were noted and are not too long, the last in the order of `KeyText.isAfter`. */
  readonly #greatest = new KeyText();
  /**
   * Pairs of hashes of keys that are noted in `#greatest` alone. As long as all have come in its order: of all keys, and without room
   * once these are too many.
   */
  #unset = new Int32Array(2 * KEYS_AT_ONCE);
  #unsetLength = 0;
  readonly #mostUnset: number;
  #isInOrder = true;
  /** Of keys in order that were too many, the last, once others have come: of no key before it is anything known. */
  readonly #lastForgotten = new KeyText();
  #bytes = 0;

  /** `firstKeys` is a power of two from 32 on. As many that come in order are remembered, and some hundreds at least. */
  constructor(firstKeys: number = FIRST_KEYS, mostBytes: number = MOST_BYTES) {
    this.#mostUnset = 2 * firstKeys;
    this.#mostBytes = mostBytes;
    this.#filters = [this.#grown(firstKeys)];
  }

  /**
   * Notes the key. True if it surely was not noted before; of about one key in a hundred it cannot say so, nor of any that comes
   * after a great many keys in order, and before the last of them.
   */
  add(key: KeyValues): boolean {
    this.#text.begin();
    // The parts of a key always have the same types, so that what joins them need not tell these apart.
    for (const value of key) this.#text.add(`${value}`);
    return this.addText(this.#text);
  }

  /** `add` of the key whose text it is. */
  addText(text: KeyText): boolean {
    if (text.isAfter(this.#greatest)) {
      this.#greatest.become(text);
      if (!this.#areForgotten) this.#addGreatest(text);
      return true;
    }
    if (this.#isInOrder) this.#endOrder();
    if (!text.isTooLong && !text.isAfter(this.#lastForgotten)) return false;
    return this.#addIfNew(mixed(text.a), mixed(text.b), mixed(text.a ^ mixed(text.b)));
  }

  /** Whether all keys have come in order until now, and were too many. */
  get #areForgotten(): boolean {
    return this.#unset.length === 0;
  }

  #addGreatest({ a, b }: KeyText): void {
    this.#unset[this.#unsetLength++] = a;
    this.#unset[this.#unsetLength++] = b;
    if (this.#unsetLength < this.#unset.length) return;
    if (!this.#isInOrder) this.#setGreatest();
    else if (this.#unsetLength < this.#mostUnset) this.#resizeUnset(2 * this.#unsetLength);
    else this.#forget();
  }

  #forget(): void {
    this.#unsetLength = 0;
    this.#resizeUnset(0);
  }

  #endOrder(): void {
    if (this.#areForgotten) this.#lastForgotten.become(this.#greatest);
    this.#isInOrder = false;
    this.#setGreatest();
    this.#resizeUnset(2 * KEYS_AT_ONCE);
  }

  #resizeUnset(length: number): void {
    const unset = this.#unset.subarray(0, this.#unsetLength);
    this.#unset = new Int32Array(length);
    this.#unset.set(unset);
  }

  #addIfNew(block: number, bits: number, more: number): boolean {
    this.#setGreatest();
    for (const filter of this.#filters) if (filter.has(block, bits, more)) return false;
    return this.#set(block, bits, more);
  }

  /** One after another, so that the processor waits for the memory of several at once. */
  #setGreatest(): void {
    for (let i = 0; i < this.#unsetLength; i += 2) {
      const a = this.#unset[i] ?? 0;
      const bits = mixed(this.#unset[i + 1] ?? 0);
      this.#set(mixed(a), bits, mixed(a ^ bits));
    }
    this.#unsetLength = 0;
  }

  /** False once there is no room for it: then nothing is known of any key but the greatest. */
  #set(block: number, bits: number, more: number): boolean {
    let last = this.#filters.at(-1);
    if (last === undefined) return false;
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

/** The text of a key's parts, one after another, and two hashes of all of it. */
export class KeyText {
  a = 0;
  b = 0;
  readonly #units = new Uint16Array(MOST_UNITS);
  /** More than `MOST_UNITS` of one that is too long to be compared. */
  #length = 0;

  get isTooLong(): boolean {
    return this.#length > MOST_UNITS;
  }

  begin(): void {
    this.a = 0x811c9dc5 | 0;
    this.b = 0x9747b28c | 0;
    this.#length = 0;
  }

  add(text: string): void {
    let { a, b } = this;
    const units = this.#units;
    const from = this.#length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x5bd1e995);
      units[from + i] = unit; // nothing happens beyond its end
    }
    this.#end(a, b, from + text.length);
  }

  /** `add` of a text in UTF-8. False if it has more than ASCII, which would be another in UTF-16. */
  addAscii(bytes: Uint8Array, from: number, end: number): boolean {
    let { a, b } = this;
    const units = this.#units;
    let to = this.#length;
    for (let i = from; i < end; i++) {
      const unit = bytes[i] ?? 0;
      if (unit > 0x7f) return false;
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x5bd1e995);
      units[to++] = unit;
    }
    this.#end(a, b, to);
    return true;
  }

  #end(a: number, b: number, length: number): void {
    this.a = Math.imul(a ^ PART_END, 0x01000193);
    this.b = Math.imul(b ^ PART_END, 0x5bd1e995);
    this.#units[length] = PART_END;
    this.#length = length + 1;
  }

  /** Whether it comes after the other: the longer one does, or, of two that are as long, the one with the greater unit first. */
  isAfter(other: KeyText): boolean {
    const length = this.#length;
    if (this.isTooLong) return false;
    if (length !== other.#length) return length > other.#length;
    const mine = this.#units;
    const others = other.#units;
    for (let i = 0; i < length; i++) {
      const unit = mine[i] ?? 0;
      const than = others[i] ?? 0;
      if (unit !== than) return unit > than;
    }
    return false;
  }

  /** Takes the other's text, which is not too long. */
  become(other: KeyText): void {
    for (let i = 0; i < other.#length; i++) this.#units[i] = other.#units[i] ?? 0;
    this.#length = other.#length;
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
