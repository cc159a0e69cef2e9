/** The last step of a rebuild, in one transaction of the head: what was made again takes the names of what it replaces. */
import type { CollectionPlan, MaterializationPlan, Plan } from "../../plan/plan.ts";
import { mergeApplied } from "../changes.ts";
import { deadLettersOf, replaysOf } from "../deadletters/names.ts";
import type { Head, Renaming } from "../head/head.ts";
import { APPLIED_PLAN } from "../notes.ts";
import {
  FIRST_GENERATION,
  GENERATIONS,
  type Generation,
  type Generations,
  generationName,
  jsonOf,
  noteOf,
  REBUILD,
  type Rebuild,
  type StaleTarget,
} from "./rebuild.ts";
import { readersOf } from "./running-plan.ts";

/** What swaps have kept, for `weir drop`: a list of `Kept`. */
export const KEPT = "kept";
/** By target, a `StaleTarget`: its rows are of a generation that does not serve any more. */
export const STALE = "stale-targets";

/** What was replaced, or given up before it served. */
export interface Kept {
  /** The name that it had, or was to have. */
  readonly name: string;
  /** The name that it has now: `shop/spend~1`. */
  readonly as: string;
  /** Of a rebuild that was given up: it is dropped without being asked for. */
  readonly abandoned?: true;
  /** Of a target, how its driver finds it. */
  readonly target?: KeptTarget;
}

export interface KeptTarget {
  readonly connector: string;
  readonly mode: "standard" | "delta";
  /** With `EnvReference`s, and without what sets its place apart: see `label`. */
  readonly config: MaterializationPlan["config"];
  /** As `aside` was given it. */
  readonly label: string;
  readonly collection: CollectionPlan;
}

/** What stands in a target's place, or undefined where it is new. */
export function standingBefore({ targets }: Rebuild, applied: Plan, name: string): StaleTarget | undefined {
  return definedTarget(applied, name) ?? targets[name]?.stale;
}

/** A target with the collection that it holds; undefined where the plan does not have both. */
export function definedTarget(plan: Plan, name: string): StaleTarget | undefined {
  const target = plan.materializations[name];
  const collection = target && plan.collections[target.collection];
  return target && collection && { target, collection };
}

export function keptTarget({ target, collection }: StaleTarget, label: string): KeptTarget {
  const { connector, config, mode = "standard" } = target;
  return { connector, mode, config, label, collection };
}

export async function flip(head: Head, rebuild: Rebuild, applied: Plan): Promise<void> {
  const { plan: next, collections, targets } = rebuild;
  const generations = (await noteOf<Generations>(head, GENERATIONS)) ?? {};
  const stale = { ...(await noteOf<Record<string, StaleTarget>>(head, STALE)) };
  const kept = [...((await noteOf<readonly Kept[]>(head, KEPT)) ?? [])];
  const renamed: Renaming[] = [];
  const tasks: Renaming[] = [];
  const existing = new Set((await head.journals()).map(({ collection }) => collection));
  for (const [name, { beside, kept: as, from }] of Object.entries(collections)) {
    if (existing.has(name)) {
      renamed.push({ from: name, to: as });
      kept.push({ name, as });
    }
    renamed.push({ from: beside, to: name });
    if (from === "documents") {
      // Its capture goes on from its cursor; what copied the documents goes with those that it copied.
      tasks.push({ from: beside, to: as });
      continue;
    }
    tasks.push({ from: name, to: as }, { from: beside, to: name });
    for (const own of [deadLettersOf, replaysOf]) {
      renamed.push({ from: own(name), to: own(as) }, { from: own(beside), to: own(name) });
    }
  }
  for (const [name, { kept: as, keptLabel: label }] of Object.entries(targets)) {
    delete stale[name];
    const before = standingBefore(rebuild, applied, name);
    if (before) kept.push({ name, as, target: keptTarget(before, label) });
  }
  const flipped = servingNewest(generations, [...Object.keys(collections), ...Object.keys(targets)]);
  // What was made again has no document of before.
  const others = Object.entries(applied.collections).filter(([name]) => !Object.hasOwn(collections, name));
  const merged = mergeApplied({ ...applied, collections: Object.fromEntries(others) }, next);
  const retired = retire(merged, next, Object.keys(collections), flipped);
  await head.adopt({
    collections: [...renamed, ...retired.renamed],
    tasks: [...tasks, ...retired.renamed],
    homes: retired.homes,
    notes: {
      [APPLIED_PLAN]: jsonOf(retired.applied),
      [REBUILD]: null,
      [KEPT]: jsonOf([...kept, ...retired.renamed.map(({ from, to }) => ({ name: from, as: to }))]),
      [STALE]: jsonOf({ ...stale, ...retired.stale }),
      [GENERATIONS]: jsonOf(retired.generations),
    },
  });
}

interface Retired {
  readonly applied: Plan;
  /** Collections, and the tasks that fill them. */
  readonly renamed: readonly Renaming[];
  readonly homes: Readonly<Record<string, string>>;
  readonly stale: Readonly<Record<string, StaleTarget>>;
  readonly generations: Generations;
}

/**
 * What is not declared now and has read what was replaced leaves the applied plan: declared again, it begins anew. Its
 * documents are kept under another name; a target's rows stay where they are, and are known to be stale.
 */
function retire(applied: Plan, next: Plan, replaced: readonly string[], before: Generations): Retired {
  const collections = { ...applied.collections };
  const derivations = { ...applied.derivations };
  const materializations = { ...applied.materializations };
  const left = { ...applied, collections, derivations, materializations };
  const generations: Record<string, Generation> = { ...before };
  const renamed: Renaming[] = [];
  const homes: Record<string, string> = {};
  const stale: Record<string, StaleTarget> = {};
  const queue = [...replaced];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const readers = readersOf(left, name);
    for (const each of readers.targets.filter((target) => !Object.hasOwn(next.materializations, target))) {
      const defined = definedTarget(left, each);
      if (defined) stale[each] = defined;
      delete materializations[each];
    }
    for (const each of readers.derivations.filter((derived) => !Object.hasOwn(next.collections, derived))) {
      const { serving, newest } = generations[each] ?? FIRST_GENERATION;
      const taken = newest + 1;
      generations[each] = { serving: taken, newest: taken };
      renamed.push({ from: each, to: generationName(each, serving) });
      homes[each] = generationName(each, taken);
      delete derivations[each];
      queue.push(each);
    }
  }
  // Last, since a target's stale rows are described by its collection.
  for (const { from } of renamed) delete collections[from];
  return { applied: left, renamed, homes, stale, generations };
}

/** What was the newest generation serves now. */
function servingNewest(generations: Generations, names: readonly string[]): Generations {
  const flipped = names.map((name) => {
    const newest = generations[name]?.newest ?? FIRST_GENERATION.newest;
    return [name, { serving: newest, newest }] as const;
  });
  return { ...generations, ...Object.fromEntries(flipped) };
}
