/**
 * A task's own values, one for each key, as its next document must find them: what the head has, under what the task
 * has changed since, committed or not. Bounded; a value stays here until the transaction that changed it is durable.
 */
import type { JsonObject } from "../../../plan/plan.ts";
import type { Head, StateChange } from "../../head/head.ts";

/** What may stay in memory once it is durable. */
export interface CacheLimits {
  readonly keys: number;
  /** Of the values' JSON and their keys, roughly. */
  readonly bytes: number;
}

interface Entry {
  /** Never written to: a change is another object. Undefined where there is none. */
  value: JsonObject | undefined;
  /** Whether the head has a value, once all that was drained is durable. */
  stored: boolean;
  /** Rough size, as it was when the value was last read or drained. */
  bytes: number;
  /** The newest transaction that changes it; 0 for none. */
  changedIn: number;
}

/** What an entry takes besides its text. */
const ENTRY_BYTES = 100;

export class DurableValues {
  readonly #head: Pick<Head, "readState">;
  readonly #task: string;
  readonly #space: string;
  readonly #limits: CacheLimits;
  /** The one used longest ago is first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #changed = new Map<string, Entry>();
  #changedBytes = 0;
  /** The transaction in the making, and the newest that is durable. */
  #transaction = 1;
  #durable = 0;

  constructor(head: Pick<Head, "readState">, task: string, space: string, limits: CacheLimits) {
    this.#head = head;
    this.#task = task;
    this.#space = space;
    this.#limits = limits;
  }

  /** Makes these keys ready for `get` and `set`, until the next `load`. */
  async load(keys: ReadonlySet<string>): Promise<void> {
    this.#evict();
    const missing: string[] = [];
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined) {
        missing.push(key);
        continue;
      }
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    if (missing.length === 0) return;
    const texts = await this.#head.readState(this.#task, this.#space, missing);
    missing.forEach((key, i) => {
      const text = texts[i];
      // Written by `drain`, and checked by the head's checksum.
      const value = text === undefined ? undefined : (JSON.parse(text) as JsonObject);
      const bytes = ENTRY_BYTES + key.length + (text?.length ?? 0);
      this.#bytes += bytes;
      this.#entries.set(key, { value, stored: text !== undefined, bytes, changedIn: 0 });
    });
  }

  get(key: string): JsonObject | undefined {
    return this.#entry(key).value;
  }

  /** Takes the value over. Undefined removes it. */
  set(key: string, value: JsonObject | undefined): void {
    const entry = this.#entry(key);
    entry.value = value;
    if (entry.changedIn === this.#transaction) return;
    entry.changedIn = this.#transaction;
    this.#changed.set(key, entry);
    this.#changedBytes += entry.bytes;
  }

  /** Keys that the transaction in the making changes. */
  get changed(): number {
    return this.#changed.size;
  }

  /** What they take, as it was before the changes. */
  get changedBytes(): number {
    return this.#changedBytes;
  }

  /** Ends the transaction in the making: its changes, which `committed` must follow once they are durable. */
  drain(): StateChange[] {
    const changes: StateChange[] = [];
    for (const [key, entry] of this.#changed) {
      const value = entry.value === undefined ? null : JSON.stringify(entry.value);
      if (value === null && !entry.stored) continue;
      entry.stored = value !== null;
      const bytes = ENTRY_BYTES + key.length + (value?.length ?? 0);
      this.#bytes += bytes - entry.bytes;
      entry.bytes = bytes;
      changes.push({ space: this.#space, key, value });
    }
    this.#changed = new Map();
    this.#changedBytes = 0;
    this.#transaction++;
    return changes;
  }

  /** The oldest drained transaction is durable now. */
  committed(): void {
    this.#durable++;
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error(`The ${this.#space} of ${key} was not loaded.`);
    return entry;
  }

  #evict(): void {
    if (!this.#isOver()) return;
    for (const [key, entry] of this.#entries) {
      if (entry.changedIn > this.#durable) continue; // the head would answer with an older value
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
      if (!this.#isOver()) return;
    }
  }

  #isOver(): boolean {
    return this.#entries.size > this.#limits.keys || this.#bytes > this.#limits.bytes;
  }
}
