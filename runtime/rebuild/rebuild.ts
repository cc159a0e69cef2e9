/**
 * A rebuild: collections and targets that are made again beside those that serve, under names of their own, and take
 * their places once they have caught up. A note of the head says what is under way, so that any crash leaves either the old
 * ones or the new ones in their places, and the next start goes on.
 */
import type { CollectionPlan, Json, JsonObject, MaterializationPlan, Plan } from "../../plan/plan.ts";
import type { Head } from "../head/head.ts";

/** The head's note of the rebuild that is under way; null where there is none. */
export const REBUILD = "rebuild";
/** By collection and target, how often it was made again. */
export const GENERATIONS = "generations";

export interface Rebuild {
  /** The plan that is being applied. */
  readonly plan: Plan;
  readonly planHash: string;
  /** By name. */
  readonly collections: Readonly<Record<string, RebuiltCollection>>;
  /** By resource. */
  readonly targets: Readonly<Record<string, RebuiltTarget>>;
  /** Collections that are new and that some of this reads: until they have caught up too, it would show less than what serves. */
  readonly awaited: readonly string[];
}

export interface RebuiltCollection {
  /** Its name until it takes its place: `shop/spend~2`. */
  readonly beside: string;
  /** The name under which what it replaces is kept: `shop/spend~1`. */
  readonly kept: string;
  /**
   * `definition`: its task makes it again, a derivation from its sources, a capture from its source. `documents`: a captured
   * collection is made of the documents that it has.
   */
  readonly from: "definition" | "documents";
}

/** A target that was filled before its collection was made again while it was not declared. */
export interface StaleTarget {
  readonly target: MaterializationPlan;
  readonly collection: CollectionPlan;
}

export interface RebuiltTarget {
  /** Its task's name until it takes its place: `postgres:spend~2`. */
  readonly beside: string;
  readonly besideLabel: string;
  readonly kept: string;
  readonly keptLabel: string;
  /**
   * `swapping` is noted before the target is asked for it, so that after a crash nothing is opened whose rows may have been
   * exchanged; `swapped` follows.
   */
  readonly state: "filling" | "swapping" | "swapped";
  /** What stands in its place where that does not serve. */
  readonly stale?: StaleTarget;
}

/** How often a collection or a target was made again: the one that serves, and the newest that there ever was. */
export interface Generation {
  readonly serving: number;
  readonly newest: number;
}

export type Generations = Readonly<Record<string, Generation>>;

export const FIRST_GENERATION: Generation = { serving: 1, newest: 1 };

/** The name of one generation of a collection or target. No user's name has a `~`. */
export function generationName(name: string, generation: number): string {
  return `${name}~${generation}`;
}

export interface RebuildStatus {
  /** Collections and targets, by the names under which they will serve. */
  readonly names: readonly string[];
  /** Why it cannot be ended without a person; null where it only takes its time. */
  readonly stuck: string | null;
}

export function namesOf({ collections, targets }: Rebuild): readonly string[] {
  return [...Object.keys(collections), ...Object.keys(targets)];
}

/** Of a data directory that no process runs. */
export async function rebuildAtRest(head: Pick<Head, "getNote">): Promise<RebuildStatus | null> {
  const rebuild = await noteOf<Rebuild>(head, REBUILD);
  return rebuild ? { names: namesOf(rebuild), stuck: null } : null;
}

export async function noteOf<T>(head: Pick<Head, "getNote">, name: string): Promise<T | undefined> {
  // Every note has one writer, which writes what it reads.
  return ((await head.getNote(name)) ?? undefined) as unknown as T | undefined;
}

/** What is a plan, or holds plans, as the head stores it. */
export function jsonOf(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
