import type { Plan } from "./plan.ts";

/** Every collection after those that it derives from. A cycle, which no plan of the compiler has, is cut. */
export function collectionsInOrder(plan: Plan): readonly string[] {
  const order = new Set<string>();
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name) || !Object.hasOwn(plan.collections, name)) return;
    seen.add(name);
    const derivation = Object.hasOwn(plan.derivations, name) ? plan.derivations[name] : undefined;
    for (const { collection } of derivation?.sources ?? []) visit(collection);
    order.add(name);
  };
  for (const name of Object.keys(plan.collections).sort(compareText)) visit(name);
  return [...order];
}

/** By UTF-16 code units, on every machine alike. */
export function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
