import { openJson, sealJson } from "./sealed.ts";
import type { SealedTable } from "./sealed-table.ts";

const ENTRY = "clock";

/**
 * The head's clock, µs since 1970 UTC: the wall clock, but never at or below a time that it gave or told before.
 * It is stored with each group of commits, so that what was committed because of a told time is never followed
 * by an earlier one, even where the wall clock is set back while nothing runs.
 */
export class CommitClock {
  readonly #entries: SealedTable<string>;
  readonly #now: () => number;
  #last = 0;

  constructor(entries: SealedTable<string>, now: () => number) {
    this.#entries = entries;
    this.#now = now;
    const sealed = entries.get(ENTRY);
    if (sealed !== undefined) this.isPast(openJson(ENTRY, sealed) as number); // written by `store`
  }

  /** Tells it a time that has been. */
  isPast(at: number): void {
    this.#last = Math.max(this.#last, at);
  }

  /** A commit's time. */
  next(): number {
    this.#last = Math.max(this.#now(), this.#last + 1);
    return this.#last;
  }

  /** A time that everything committed until now has, and nothing committed later. */
  tell(): number {
    this.#last = Math.max(this.#now(), this.#last);
    return this.#last;
  }

  /** Within the transaction of the commits. */
  store(): void {
    this.#entries.putSync(ENTRY, sealJson(ENTRY, this.#last));
  }
}
