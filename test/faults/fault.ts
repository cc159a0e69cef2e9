/** What is done to a runtime. Types only: `preload.ts` loads this in every thread of it. */

/**
 * `back-fill`: no new task has passed from fragments to the head. `cutover`: counted from the moment that the first one
 * does. `any`: counted from arming; the harness arms it when the phase that it means has begun.
 */
export type Phase = "back-fill" | "cutover" | "any";

export interface Fault {
  /** A protocol point; a seeded defect may bring its own. */
  readonly point: string;
  readonly phase: Phase;
  /** At the n-th passing by one thread, from 1. */
  readonly occurrence: number;
  /** SIGKILL, or SIGSTOP. */
  readonly action: "kill" | "stop";
}

/** A text of one production module is replaced by another as the module loads. It must be there exactly once. */
export interface Edit {
  /** Path from the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
