import type { Plan } from "../plan.ts";

/**
 * The plan without the collections that have never had a document, and what fills and reads them: nothing was made under
 * their definitions, so they may change as if they were new. One of which a derivation makes something from other
 * documents stays.
 */
export function withoutEmpty(plan: Plan, isEmpty: (collection: string) => boolean): Plan {
  const dropped = new Set(Object.keys(plan.collections).filter(isEmpty));
  const derivations = Object.entries(plan.derivations).map(
    ([name, { sources }]) => [name, sources.map(({ collection }) => collection)] as const,
  );
  for (let before = -1; before !== dropped.size; ) {
    before = dropped.size;
    for (const [name, sources] of derivations) {
      if (dropped.has(name) && sources.every((source) => dropped.has(source))) continue;
      dropped.delete(name);
      for (const source of sources) dropped.delete(source);
    }
  }
  const kept = <T>(entries: Readonly<Record<string, T>>, collectionOf: (name: string, entry: T) => string) =>
    Object.fromEntries(
      Object.entries(entries).filter(([name, entry]) => !dropped.has(collectionOf(name, entry))),
    );
  return {
    formatVersion: plan.formatVersion,
    collections: kept(plan.collections, (name) => name),
    captures: kept(plan.captures, (name) => name),
    derivations: kept(plan.derivations, (name) => name),
    materializations: kept(plan.materializations, (_, { collection }) => collection),
  };
}
