/**
 * How many bytes of bodies a port has under way: of requests that are being received, checked, or stored. What does not fit
 * is refused before its body is read, so that the sources feel the load and memory does not.
 */

/** Over how long the rate at which bytes are done with is measured, ms. */
const RATE_WINDOW_MS = 10_000;
/** Said where nothing was done with yet, s. */
const UNMEASURED_SECONDS = 5;
const LONGEST_SECONDS = 60;

/** Bytes of one request. */
export interface Reservation {
  /** False, and nothing is added, where there is no room. */
  grow(bytes: number): boolean;
  /** The request is answered. `stored`: its bytes count for the rate. */
  release(stored: boolean): void;
}

export class InFlight {
  readonly #now: () => number;
  /** What any path may use, and what each path has besides for itself, so that no path can keep another out. */
  readonly #sharedLimit: number;
  readonly #ownLimit: number;
  readonly #used = new Map<string, number>();
  #total = 0;
  /** Bytes beyond the paths' own. */
  #shared = 0;
  /** Bytes stored, each weighed down by its age. */
  #stored = 0;
  #storedAt: number;
  readonly #since: number;

  /** Half of `maxBytes` is for whoever comes, the other half is divided among the paths. `now` gives ms. */
  constructor(maxBytes: number, paths: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#sharedLimit = maxBytes / 2;
    this.#ownLimit = maxBytes / 2 / Math.max(paths, 1);
    this.#since = now();
    this.#storedAt = this.#since;
  }

  get bytes(): number {
    return this.#total;
  }

  /** Undefined where there is no room. A request always fits where nothing else is under way, however large it is. */
  reserve(path: string, bytes: number): Reservation | undefined {
    let held = 0;
    let open = true;
    const grow = (more: number): boolean => {
      const alone = this.#total === held;
      if (!this.#take(path, more, alone)) return false;
      held += more;
      return true;
    };
    if (!grow(bytes)) return undefined;
    return {
      grow,
      release: (stored) => {
        if (!open) return;
        open = false;
        this.#give(path, held);
        if (stored) this.#measure(held);
      },
    };
  }

  /** Whole seconds, at least 1, after which what is under way now will have been stored at the rate measured. */
  retryAfterSeconds(): number {
    const elapsed = this.#now() - this.#since;
    // As much as a steady rate would have gathered by now.
    const window = RATE_WINDOW_MS * (1 - Math.exp(-elapsed / RATE_WINDOW_MS));
    const rate = window === 0 ? 0 : (this.#decayed() / window) * 1000;
    // A rate of next to nothing is that of a time long ago.
    if (rate < 1) return UNMEASURED_SECONDS;
    return Math.min(Math.max(Math.ceil(this.#total / rate), 1), LONGEST_SECONDS);
  }

  #take(path: string, bytes: number, alone: boolean): boolean {
    const used = this.#used.get(path) ?? 0;
    const shared = this.#shared + this.#beyond(used + bytes) - this.#beyond(used);
    if (shared > this.#sharedLimit && bytes > 0 && !alone && this.#beyond(used + bytes) > 0) return false;
    this.#used.set(path, used + bytes);
    this.#total += bytes;
    this.#shared = shared;
    return true;
  }

  #give(path: string, bytes: number): void {
    const used = this.#used.get(path) ?? 0;
    this.#shared += this.#beyond(used - bytes) - this.#beyond(used);
    this.#used.set(path, used - bytes);
    this.#total -= bytes;
  }

  #beyond(used: number): number {
    return Math.max(0, used - this.#ownLimit);
  }

  #measure(bytes: number): void {
    this.#stored = this.#decayed() + bytes;
    this.#storedAt = this.#now();
  }

  #decayed(): number {
    return this.#stored * Math.exp((this.#storedAt - this.#now()) / RATE_WINDOW_MS);
  }
}
