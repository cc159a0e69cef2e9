import { createHash } from "node:crypto";
import { CorruptHeadError, type StateChange } from "./head.ts";
import { CHECKSUM_CHARACTERS, isSealedAt, openText, sealText } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";

export type StateKey =
  | [task: number, space: string, key: string]
  | [task: number, space: string, hash: Uint8Array];

export interface StatePage {
  readonly values: readonly StateChange[];
  /** To go on from. */
  readonly last: StateKey | undefined;
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
    const text = typeof place[2] === "string" ? value : JSON.stringify([key, value]);
    this.#entries.putSync(place, sealText(placeOf(task, space, key), text));
  }

  /** Up to `limit` values of a task, in the order of their entries, from after `last` on. */
  page(task: number, last: StateKey | undefined, limit: number): StatePage {
    const range = { start: last ?? [task], end: [task + 1], limit, exclusiveStart: last !== undefined };
    const values: StateChange[] = [];
    for (const { key: place, value: sealed } of this.#entries.getRange(range)) {
      const [, space, name] = place as [number, string, string]; // a hash comes as a text, not as the bytes that it was
      values.push({ space, ...this.#entryOf(task, space, name, sealed) });
    }
    const newest = values.at(-1);
    return {
      values,
      last: newest ? entryKey(task, newest.space, newest.key) : last,
      isLast: values.length < limit,
    };
  }

  /** The checksum tells a key that stands for itself from the hash of one that stands in the entry. */
  #entryOf(task: number, space: string, name: string, sealed: string): { key: string; value: string } {
    if (isSealedAt(placeOf(task, space, name), sealed)) {
      return { key: name, value: sealed.slice(CHECKSUM_CHARACTERS) };
    }
    let key: string;
    try {
      [key] = JSON.parse(sealed.slice(CHECKSUM_CHARACTERS)) as [string, string]; // written by `set`
    } catch (cause) {
      throw new CorruptHeadError(`A value of the head's state ${task} ${space} is damaged.`, { cause });
    }
    const [, value] = JSON.parse(openText(placeOf(task, space, key), sealed)) as [string, string]; // as above
    return { key, value };
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
