/**
 * The interface of everything that `npm run test:faults` runs. A scenario does harm to real processes, compares what they
 * leave with an oracle, and says what it found. It throws only where the harness itself fails.
 */
import { crc32 } from "node:zlib";
import type { History } from "./history.ts";
import type { Servers } from "./servers.ts";

export interface ScenarioContext {
  /** Repeats the scenario, with the same scenario's name. */
  readonly seed: number;
  /** From the seed: the only source of chance, 0 (inclusive) to 1. */
  readonly random: () => number;
  readonly servers: Servers;
  /** A project with a history, made once in a run for each kind of store; to be copied, never run. */
  history(store: "directory" | "s3"): Promise<History>;
  /** For what helps to read a failure. */
  log(message: string): void;
}

export interface Outcome {
  /** Faults that were done: kills, pauses, cuts. */
  readonly fired: number;
  /** Faults that were meant and did not happen, and edits that were not loaded: each fails the run. */
  readonly missed: readonly string[];
  /** What the oracle says is wrong, a sentence each. */
  readonly differences: readonly string[];
}

export interface Scenario {
  /** Unique: `kill archive.trim.after, directory`. */
  readonly name: string;
  /** With a seeded defect, the scenario passes if there *are* differences. Its name says what is broken. */
  readonly defect?: boolean;
  run(context: ScenarioContext): Promise<Outcome>;
}

/** Mulberry32: small, seeded, good enough to choose moments. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Another seed for each name, so that a scenario alone does what it did among others. */
export function seedOf(seed: number, name: string): number {
  return crc32(name, seed >>> 0) >>> 1;
}

/** A whole number from `from` to `to`, both included. */
export function integer(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

export function oneOf<T>(random: () => number, values: readonly T[]): T {
  const chosen = values[Math.floor(random() * values.length)];
  if (chosen === undefined) throw new Error("There is nothing to choose from.");
  return chosen;
}
