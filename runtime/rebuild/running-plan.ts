/**
 * What runs while a rebuild is under way: what serves, under its definition from before; what is made again, under its new
 * definition and the name of its generation; and all that the change does not concern. Pure.
 */
import { withoutRetiredFields } from "../../plan/evolution/retired-fields.ts";
import type {
  CollectionView,
  DerivationPlan,
  JsonObject,
  MaterializationPlan,
  Plan,
} from "../../plan/plan.ts";
import type { Rebuild } from "./rebuild.ts";

/** The name of the bundle that hands every document on as it is. No build has it: names of bundles are hashes. */
export const IDENTITY_BUNDLE = "identity";

/** The part of it that a step of the swap leaves running. */
export type Part = "all" | "without-serving" | "without-both";

export interface RunningPlan {
  readonly plan: Plan;
  /** By task that fills a target beside: the name under which it will serve. */
  readonly serves: ReadonlyMap<string, string>;
  /** Captures that are there to tell their senders to come again, and take in nothing. */
  readonly paused: ReadonlySet<string>;
}

/** A captured collection that is made of the documents it has: each of them, in their order. */
export function isCopy({ sources }: DerivationPlan): boolean {
  return sources[0]?.transform.bundle === IDENTITY_BUNDLE;
}

export type Aside = (target: string, config: JsonObject, label: string) => JsonObject;

/** `applied`: the definitions that what stands was made under, with the names of now. */
export function runningPlan(rebuild: Rebuild, applied: Plan, aside: Aside, part: Part = "all"): RunningPlan {
  const { plan: next, collections: rebuilt, targets } = rebuild;
  const running: MutablePlan = {
    formatVersion: next.formatVersion,
    collections: {},
    captures: {},
    derivations: {},
    materializations: {},
  };
  const serves = new Map<string, string>();
  const paused = new Set<string>();
  for (const name of Object.keys(next.collections)) {
    if (!Object.hasOwn(rebuilt, name)) copyCollection(name, next, running);
    else {
      addBeside(name, rebuild, running, part);
      addServing(name, rebuild, applied, running, part);
      const capture = applied.captures[name];
      if (part === "all" || capture === undefined) continue;
      running.captures[name] = capture;
      paused.add(name);
    }
  }
  for (const [name, target] of Object.entries(next.materializations)) {
    const own = targets[name];
    if (own === undefined) {
      running.materializations[name] = target;
      continue;
    }
    const reading = moved(target, rebuilt);
    if (own.state === "swapped" && part !== "without-both") running.materializations[name] = reading;
    if (own.state !== "filling") continue;
    if (part !== "without-both") {
      // Under its own name it is no renamed one: what stands there has been renamed, or will be swapped with it.
      const { renamedFrom: _, ...definition } = reading;
      const config = aside(name, target.config, own.besideLabel);
      running.materializations[own.beside] = { ...definition, config };
      serves.set(own.beside, name);
    }
    const before = applied.materializations[name];
    if (before === undefined || part !== "all") continue;
    running.materializations[name] = before;
    addServing(before.collection, rebuild, applied, running, part);
  }
  return { plan: running, serves, paused };
}

type MutablePlan = {
  -readonly [P in keyof Plan]: Plan[P] extends Readonly<Record<string, infer T>>
    ? Record<string, T>
    : Plan[P];
};

function copyCollection(name: string, from: Plan, to: MutablePlan, as = name): void {
  const [collection, capture, derivation] = [
    from.collections[name],
    from.captures[name],
    from.derivations[name],
  ];
  if (collection) to.collections[as] = collection;
  if (capture) to.captures[as] = capture;
  if (derivation) to.derivations[as] = derivation;
}

function addBeside(
  name: string,
  { plan: next, collections: rebuilt }: Rebuild,
  running: MutablePlan,
  part: Part,
): void {
  const { beside, from } = rebuilt[name] ?? { beside: name, from: "definition" };
  const collection = next.collections[name];
  if (collection) running.collections[beside] = collection;
  if (part === "without-both") return;
  if (from === "documents") {
    const identity: DerivationPlan = {
      sources: [{ collection: name, transform: { bundle: IDENTITY_BUNDLE } }],
      params: {},
      shards: 1,
    };
    running.derivations[beside] = identity;
    return;
  }
  copyCollection(name, next, running, beside);
  const derivation = next.derivations[name];
  if (derivation === undefined) return;
  const sources = derivation.sources.map((source) => moved(source, rebuilt));
  running.derivations[beside] = { ...derivation, sources };
}

function moved<T extends CollectionView>(view: T, rebuilt: Rebuild["collections"]): T {
  return { ...view, collection: rebuilt[view.collection]?.beside ?? view.collection };
}

/** What stands, with the task that fills it and all that this reads, though it is not declared any more. */
function addServing(name: string, rebuild: Rebuild, applied: Plan, running: MutablePlan, part: Part): void {
  if (Object.hasOwn(running.collections, name)) return;
  const found = applied.collections[name];
  if (found === undefined) return;
  const collection = { ...found, schema: withoutRetiredFields(found.schema) };
  // Without what fills it, its journals are read on: what is made of its documents has still to reach their end.
  if (part === "all") copyCollection(name, applied, running);
  running.collections[name] = collection;
  if (part !== "all") return;
  for (const source of applied.derivations[name]?.sources ?? []) {
    addServing(source.collection, rebuild, applied, running, part);
  }
}

/** The targets and derivations of a plan, by what they read. */
export function readersOf(plan: Plan, collection: string): { derivations: string[]; targets: string[] } {
  const reads = (views: readonly CollectionView[]) => views.some((view) => view.collection === collection);
  return {
    derivations: Object.entries(plan.derivations).flatMap(([name, { sources }]) =>
      reads(sources) ? [name] : [],
    ),
    targets: Object.entries(plan.materializations).flatMap(([name, target]: [string, MaterializationPlan]) =>
      reads([target]) ? [name] : [],
    ),
  };
}
