import type { Work, WorkCell } from "./task/work-cell.ts";

/** How often a thread is looked at, ms. */
export const LOOK_MS = 1_000;

/**
 * Tells when a function of the user has had one document for too long. It counts looks rather than asking a clock: a
 * machine that slept, or a process that was stopped for a while, makes no function late.
 */
export class Watchdog {
  readonly #cell: WorkCell;
  /** Looks at one and the same call after which it is too long. */
  readonly #patience: number;
  #step: number | undefined;
  #looks = 0;

  constructor(cell: WorkCell, seconds: number) {
    this.#cell = cell;
    this.#patience = Math.max(1, Math.ceil((seconds * 1000) / LOOK_MS));
  }

  /** To be called every `LOOK_MS`. The call that takes too long, if there is one. */
  look(): Work | undefined {
    const work = this.#cell.look();
    if (work === undefined || work.step !== this.#step) {
      this.#step = work?.step;
      this.#looks = 0;
      return undefined;
    }
    this.#looks++;
    return this.#looks >= this.#patience ? work : undefined;
  }
}
