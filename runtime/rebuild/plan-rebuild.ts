/** What of a changed plan is made again beside what stands. Pure. */
import type { EffectOn, Effects } from "../../plan/evolution/effects.ts";
import { collectionsInOrder } from "../../plan/order.ts";
import type { CollectionView, Plan } from "../../plan/plan.ts";
import {
  FIRST_GENERATION,
  type Generation,
  type Generations,
  generationName,
  type Rebuild,
  type RebuiltCollection,
  type RebuiltTarget,
  type StaleTarget,
} from "./rebuild.ts";

export interface RebuildParts {
  readonly effects: Effects;
  readonly next: Plan;
  readonly planHash: string;
  readonly generations: Generations;
  /** Targets whose rows are of collections that were made again while they were not declared. */
  readonly stale: Readonly<Record<string, StaleTarget>>;
  /** Whether a target's connector can fill it beside. */
  readonly canStandBeside: (target: string) => boolean;
}

export interface PlannedRebuild {
  /** Undefined where nothing is made again. */
  readonly rebuild: Rebuild | undefined;
  /** With the generations that the rebuild takes. */
  readonly generations: Generations;
}

/**
 * Whatever has changed its meaning, and all that reads it: also what is new, so that a rebuild that is given up leaves
 * nothing that has read it.
 */
export function planRebuild(parts: RebuildParts): PlannedRebuild {
  const { effects, next, planHash, stale, canStandBeside } = parts;
  const { base } = effects.evolution;
  const generations: Record<string, Generation> = { ...parts.generations };
  const collections: Record<string, RebuiltCollection> = {};
  const targets: Record<string, RebuiltTarget> = {};
  const take = (name: string) => {
    const { serving, newest } = generations[name] ?? FIRST_GENERATION;
    generations[name] = { serving, newest: newest + 1 };
    return { serving, taken: newest + 1 };
  };
  for (const name of collectionsInOrder(next)) {
    const sources = next.derivations[name]?.sources ?? [];
    const follows = sources.some(({ collection }) => Object.hasOwn(collections, collection));
    const effect = effects.collections.get(name);
    if (!follows && !effect?.rebuilt) continue;
    const { serving, taken } = take(name);
    collections[name] = {
      beside: generationName(name, taken),
      kept: generationName(name, serving),
      from: isMadeOfItsDocuments(name, base, next, effect?.found ?? []) ? "documents" : "definition",
    };
  }
  for (const [name, { collection }] of Object.entries(next.materializations)) {
    const follows = Object.hasOwn(collections, collection);
    if (!follows && !isFilledBeside(effects.targets.get(name)) && !Object.hasOwn(stale, name)) continue;
    if (!canStandBeside(name)) continue;
    const { serving, taken } = take(name);
    targets[name] = {
      beside: generationName(name, taken),
      besideLabel: String(taken),
      kept: generationName(name, serving),
      keptLabel: String(serving),
      state: "filling",
      ...(stale[name] === undefined ? {} : { stale: stale[name] }),
    };
  }
  const none = Object.keys(collections).length === 0 && Object.keys(targets).length === 0;
  const awaited = newAbove(next, base, [
    ...Object.keys(collections).flatMap((name) => next.derivations[name]?.sources ?? []),
    ...Object.keys(targets).flatMap((name) => next.materializations[name] ?? []),
  ]).filter((name) => !Object.hasOwn(collections, name));
  return { rebuild: none ? undefined : { plan: next, planHash, collections, targets, awaited }, generations };
}

/** Those of the collections that are read, and of all that these are derived from, that did not stand before. */
function newAbove(next: Plan, base: Plan, read: readonly CollectionView[]): readonly string[] {
  const found = new Set<string>();
  const queue = read.map(({ collection }) => collection);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name) || Object.hasOwn(base.collections, name)) continue;
    found.add(name);
    queue.push(...(next.derivations[name]?.sources ?? []).map(({ collection }) => collection));
  }
  return [...found];
}

/** Not where its flow asks for it to be emptied and filled where it stands. */
function isFilledBeside(effect: EffectOn | undefined): boolean {
  if (!effect?.rebuilt) return false;
  return (
    effect.upstream !== undefined ||
    effect.found.some(({ effect: own, inPlace }) => own === "rebuild" && !inPlace)
  );
}

/** A captured collection that stays one of the same source: its documents are its history. */
function isMadeOfItsDocuments(
  name: string,
  base: Plan,
  next: Plan,
  found: readonly { readonly effect: string; readonly fields: readonly { readonly aspect: string }[] }[],
): boolean {
  if (!Object.hasOwn(base.captures, name) || !Object.hasOwn(next.captures, name)) return false;
  return found.every(
    ({ effect, fields }) => effect !== "rebuild" || fields.every(({ aspect }) => aspect !== "source"),
  );
}
