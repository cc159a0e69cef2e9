/**
 * What a change of plan does to each thing that both plans have, with what follows from the things upstream of it. The diff
 * tells it, and the runtime does it.
 */
import { collectionsInOrder, compareText } from "../order.ts";
import type { Plan } from "../plan.ts";
import type { Difference } from "./difference.ts";
import { type Evolution, evolutionOf } from "./evolution.ts";

export interface Effects {
  readonly evolution: Evolution;
  /** By name, in the order of the data's way. Only what has changed, or follows from a change. */
  readonly collections: ReadonlyMap<string, EffectOn>;
  /** By resource. Only what has changed, or follows from a change. */
  readonly targets: ReadonlyMap<string, EffectOn>;
}

export interface EffectOn {
  /** Of its own definition. */
  readonly found: readonly Difference[];
  /** Where all of what it reads is made again: names through the graph, from the cause to what it reads. */
  readonly upstream: readonly string[] | undefined;
  /** Whether what is stored of it is made again. */
  readonly rebuilt: boolean;
  /** Names through the graph, from what caused the change to the thing itself. */
  readonly because: readonly string[];
}

type Ripple = readonly string[];

export function effectsOf(earlier: Plan, next: Plan): Effects {
  const evolution = evolutionOf(earlier, next);
  const { base } = evolution;
  const collections = new Map<string, EffectOn>();
  const targets = new Map<string, EffectOn>();
  /** By collection: what all that reads it follows, what its targets, and what those that have its documents reduced. */
  const ripples = {
    all: new Map<string, Ripple>(),
    targets: new Map<string, Ripple>(),
    reduced: new Map<string, Ripple>(),
  };
  for (const name of collectionsInOrder(next)) {
    if (!Object.hasOwn(base.collections, name)) continue;
    const captured = Object.hasOwn(next.captures, name);
    const reads = captured ? [] : (next.derivations[name]?.sources ?? []);
    const upstream = reads.flatMap(({ collection, reduced }) => {
      const ripple = ripples.all.get(collection) ?? (reduced && ripples.reduced.get(collection));
      return ripple === undefined ? [] : [ripple];
    })[0];
    const effect = effectOn(name, evolution.collection(name), upstream);
    if (effect === undefined) continue;
    collections.set(name, effect);
    if (effect.rebuilt) {
      ripples.all.set(name, effect.because);
      continue;
    }
    for (const { readers } of effect.found) {
      if (readers === undefined) continue;
      ripples.reduced.set(name, [name]);
      if (readers === "targets") ripples.targets.set(name, [name]);
    }
  }
  for (const name of Object.keys(next.materializations).sort(compareText)) {
    const target = next.materializations[name];
    if (target === undefined || !Object.hasOwn(base.materializations, name)) continue;
    const { collection, mode } = target;
    const upstream =
      ripples.all.get(collection) ??
      ripples.targets.get(collection) ??
      (mode === "delta" ? undefined : ripples.reduced.get(collection));
    const effect = effectOn(name, evolution.target(name), upstream);
    if (effect !== undefined) targets.set(name, effect);
  }
  return { evolution, collections, targets };
}

function effectOn(
  name: string,
  all: readonly Difference[],
  upstream: Ripple | undefined,
): EffectOn | undefined {
  // Where all of it is made again, what a wider schema alone would ask for is in that, and nothing that was derived stays.
  const own = all.filter((each) => each.upstream === undefined);
  const found = upstream === undefined ? all : own.map((each) => each.whenRebuilt ?? each);
  if (found.length === 0 && upstream === undefined) return undefined;
  const rebuilds = found.filter(isRebuild);
  return {
    found,
    upstream,
    rebuilt: rebuilds.length > 0 || upstream !== undefined,
    // What a flow continues is rebuilt only because of what it reads.
    because: becauseOf(name, found, upstream === undefined ? rebuilds : own.filter(isRebuild), upstream),
  };
}

function isRebuild({ effect }: Difference): boolean {
  return effect === "rebuild";
}

/** What is its own counts before what it follows; of that, what is rebuilt before what is widened. */
function becauseOf(
  name: string,
  found: readonly Difference[],
  rebuilds: readonly Difference[],
  upstream: Ripple | undefined,
): readonly string[] {
  if (upstream !== undefined) return rebuilds.length > 0 ? [name] : [...upstream, name];
  const causes = rebuilds.length > 0 ? rebuilds : found;
  const from = causes.every((each) => each.upstream !== undefined) ? causes[0]?.upstream : undefined;
  return from === undefined ? [name] : [from, name];
}
