import { openJson, sealJson } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";

const ENTRY = "clock";

/** While the wall clock is behind, the head's goes on at this rate, so that the two meet again. */
const RATE_WHILE_BEHIND = 0.5;

/**
 * The head's clock, µs since 1970 UTC: the wall clock, but never at or below a time that it gave or told before. Where
 * the wall clock is set back, it goes on more slowly than time until it is caught up with: what waits for a time must
 * not wait for as long as the clock was set back. It is stored with each group of commits, so that what was committed
 * because of a told time is never followed by an earlier one, even where the wall clock is set back while nothing runs.
 */
export class CommitClock {
  readonly #entries: SealedTable<string>;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  #last = 0;
  /** Since when the wall clock has been behind. */
  #behind: { readonly last: number; readonly monotonic: number } | undefined;

  /** Both in µs; the second counts from anywhere and is never set. */
  constructor(entries: SealedTable<string>, now: () => number, monotonic: () => number) {
    this.#entries = entries;
    this.#now = now;
    this.#monotonic = monotonic;
    const sealed = entries.get(ENTRY);
    if (sealed !== undefined) this.isPast(openJson(ENTRY, sealed) as number); // written by `store`
  }

  /** Tells it a time that has been. */
  isPast(at: number): void {
    this.#last = Math.max(this.#last, at);
  }

  /** A commit's time. */
  next(): number {
    this.#last = Math.max(this.#time(), this.#last + 1);
    return this.#last;
  }

  /** A time that everything committed until now has, and nothing committed later. */
  tell(): number {
    this.#last = Math.max(this.#time(), this.#last);
    return this.#last;
  }

  #time(): number {
    const wall = this.#now();
    if (this.#behind === undefined && wall >= this.#last) return wall;
    const monotonic = this.#monotonic();
    this.#behind ??= { last: this.#last, monotonic };
    const slow = this.#behind.last + Math.floor((monotonic - this.#behind.monotonic) * RATE_WHILE_BEHIND);
    if (wall < slow) return slow;
    this.#behind = undefined;
    return wall;
  }

  /** Within the transaction of the commits. */
  store(): void {
    this.#entries.putSync(ENTRY, sealJson(ENTRY, this.#last));
  }
}
