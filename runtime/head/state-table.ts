import { createHash } from "node:crypto";
import { bufferToKeyValue } from "lmdb";
import { CorruptHeadError, type StateChange } from "./head.ts";
import { CHECKSUM_CHARACTERS, openText, sealText } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";

export type StateKey =
  | [task: number, space: string, key: string]
  | [task: number, space: string, hash: Uint8Array];

export interface StatePage {
  readonly values: readonly StateChange[];
  /** To go on from. */
  readonly last: Uint8Array | undefined;
  readonly isLast: boolean;
}

/** LMDB's limit is 1978 bytes for the whole key. */
const MAX_KEY_CHARACTERS = 400;

/** The tasks' own durable values. Writing is part of the head's transaction. */
export class StateTable {
  readonly #entries: SealedTable<StateKey>;

  constructor(entries: SealedTable<StateKey>) {
    this.#entries = entries;
  }

  get(task: number, space: string, key: string): string | undefined {
    const place = entryKey(task, space, key);
    const sealed = this.#entries.get(place);
    if (sealed === undefined) return undefined;
    const text = openText(placeOf(task, space, key), sealed);
    if (typeof place[2] === "string") return text;
    const [trueKey, value] = JSON.parse(text) as [string, string]; // written by `set`
    if (trueKey !== key) throw new CorruptHeadError(`The head's state of ${key} is that of ${trueKey}.`);
    return value;
  }

  set(task: number, { space, key, value }: StateChange): void {
    const place = entryKey(task, space, key);
    if (value === null) {
      this.#entries.removeSync(place);
      return;
    }
    const text = typeof place[2] === "string" ? value : JSON.stringify([key, value, space]);
    this.#entries.putSync(place, sealText(placeOf(task, space, key), text));
  }

  /** Up to `limit` values of a task, in the order of their entries, from after `last` on. */
  page(task: number, last: Uint8Array | undefined, limit: number): StatePage {
    const entries = this.#entries.page([task], last, limit);
    const values = entries.map(({ key, value: sealed }): StateChange => {
      // A value is an object; what went through a hash is an array with its key.
      if (sealed[CHECKSUM_CHARACTERS] === "[") return this.#hashed(task, sealed);
      const [, space, name] = bufferToKeyValue(Buffer.from(key)) as [number, string, string]; // see `entryKey`
      return { space, key: name, value: openText(placeOf(task, space, name), sealed) };
    });
    return { values, last: entries.at(-1)?.key ?? last, isLast: entries.length < limit };
  }

  /** An entry that went through a hash: the checksum is over the true key, which stands in the entry. */
  #hashed(task: number, sealed: string): StateChange {
    let space: string;
    let key: string;
    try {
      [key, , space] = JSON.parse(sealed.slice(CHECKSUM_CHARACTERS)) as [string, string, string]; // written by `set`
    } catch (cause) {
      throw new CorruptHeadError(`A value of the head's state ${task} is damaged.`, { cause });
    }
    const [, value] = JSON.parse(openText(placeOf(task, space, key), sealed)) as [string, string, string]; // as above
    return { space, key, value };
  }
}

function placeOf(task: number, space: string, key: string): string {
  return `state ${task} ${space} ${key}`;
}

/** As they are go keys that LMDB's encoding tells apart: it does not escape all control characters, nor lone surrogates. */
const PLAIN_KEY = /^\P{Cc}*$/u;

/** A long or odd key goes through a hash. */
function entryKey(task: number, space: string, key: string): StateKey {
  if (key.length <= MAX_KEY_CHARACTERS && key.isWellFormed() && PLAIN_KEY.test(key))
    return [task, space, key];
  return [task, space, createHash("sha256").update(Buffer.from(key, "utf16le")).digest()];
}
