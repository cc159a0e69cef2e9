import { crc32 } from "node:zlib";
import { type Database, type Key, keyValueToBuffer, type RangeOptions, type RootDatabase } from "lmdb";
import { CorruptHeadError } from "./head.ts";
import type { LoggedTable } from "./logged-table.ts";
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

/** Undefined where the entry is removed. */
type Write<K> = readonly [key: K, sealed: string | undefined];

/**
 * A table of sealed entries that knows what it should hold. A seal tells a changed entry; only the tally tells one that
 * is missing, or that is an older one of its own: damage in LMDB's inner pages makes both.
 */
export class SealedTable<K extends Key> implements LoggedTable {
  readonly name: string;
  readonly #entries: Database<string, K>;
  readonly #undecoded: Database<string, Uint8Array>;
  /** Logged and not yet in LMDB, by `idOf` of their keys. */
  #held = new Map<string, Write<K>>();
  /** Of the transaction that is being logged. */
  #open: Map<string, Write<K>> | undefined;
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
    if (this.#held.size > 0 || this.#open) {
      const id = idOf(key);
      const write = this.#open?.get(id) ?? this.#held.get(id);
      if (write) return write[1];
    }
    return this.#reading(() => this.#entries.get(key));
  }

  /**
   * Keys come decoded; a hash in one does not come as the bytes that it was. Bounds may be beginnings of keys. What the log
   * holds must be settled.
   */
  getRange(range: RangeOptions): { key: K; value: string }[] {
    if (this.#held.size > 0) throw new Error(`The head's table "${this.name}" is to be settled first.`);
    return this.#reading(() => [...this.#entries.getRange(range)]);
  }

  /** Keys come decoded. In no order where the log holds some. */
  getAll(): { key: K; value: string }[] {
    const stored = this.#reading(() => [...this.#entries.getRange()]);
    if (this.#held.size === 0) return stored;
    const held = [...this.#held.values()].flatMap(([key, value]) =>
      value === undefined ? [] : [{ key, value }],
    );
    return [...stored.filter(({ key }) => !this.#held.has(idOf(key))), ...held];
  }

  keys(): K[] {
    return this.getAll().map(({ key }) => key);
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
    if (this.#open) this.#open.set(idOf(key), [key, sealed]);
    else this.#put(key, sealed);
  }

  removeSync(key: K): void {
    if (this.#open) this.#open.set(idOf(key), [key, undefined]);
    else this.#remove(key);
  }

  open(): void {
    this.#open = new Map();
  }

  close(): readonly Write<K>[] {
    const writes = [...(this.#open?.values() ?? [])];
    this.#open = undefined;
    return writes;
  }

  hold(writes: readonly Write<K>[]): void {
    for (const write of writes) this.#held.set(idOf(write[0]), write);
  }

  write(writes: readonly Write<K>[]): void {
    for (const [key, sealed] of writes) {
      if (sealed === undefined) this.#remove(key);
      else this.#put(key, sealed);
    }
  }

  settle(): () => void {
    const held = this.#held;
    this.write([...held.values()]);
    this.#held = new Map();
    return () => {
      this.#held = held;
    };
  }

  #put(key: K, sealed: string): void {
    const bytes = keyValueToBuffer(key);
    this.#take(bytes);
    this.#count++;
    this.#sum = (this.#sum + weightOf(bytes, sealed)) % MODULUS;
    this.#entries.putSync(key, sealed);
  }

  #remove(key: K): void {
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

function idOf(key: Key): string {
  return keyValueToBuffer(key).toString("latin1");
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
