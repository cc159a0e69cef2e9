/**
 * Which collections and targets have another name. A `renamedFrom` has an effect once: where the old name stood, the
 * new one did not, and the old one is no longer declared. One that is left in the flow afterwards says nothing. Two
 * that give the same old name get nothing.
 */
import type { MaterializationPlan, Plan } from "../plan.ts";
import { own } from "./difference.ts";

export interface Renames {
  /** Names of collections, new by old. */
  readonly collections: ReadonlyMap<string, string>;
  /** Names of targets (`postgres:spend`), new by old. */
  readonly targets: ReadonlyMap<string, string>;
}

/** From what stood to what is declared next. */
export function renamesOf(base: Plan, next: Plan): Renames {
  return {
    collections: effective(base.collections, next.collections, ({ renamedFrom }) => renamedFrom),
    targets: effective(base.materializations, next.materializations, oldTarget),
  };
}

function effective<T>(
  base: Readonly<Record<string, T>>,
  next: Readonly<Record<string, T>>,
  oldName: (definition: T) => string | undefined,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const claimedTwice = new Set<string>();
  for (const [name, definition] of Object.entries(next)) {
    const old = oldName(definition);
    if (old === undefined || !Object.hasOwn(base, old)) continue;
    if (Object.hasOwn(base, name) || Object.hasOwn(next, old)) continue;
    if (found.has(old)) claimedTwice.add(old);
    found.set(old, name);
  }
  for (const old of claimedTwice) found.delete(old);
  return found;
}

/** The plan with the new names in the place of the old: what is stored under it is what it was. */
export function withRenames(plan: Plan, { collections, targets }: Renames): Plan {
  if (collections.size === 0 && targets.size === 0) return plan;
  const renamed = (name: string) => collections.get(name) ?? name;
  const entries = <T>(record: Readonly<Record<string, T>>, names: ReadonlyMap<string, string>) =>
    Object.entries(record).map(([name, each]) => [names.get(name) ?? name, each] as const);
  return {
    ...plan,
    collections: Object.fromEntries(entries(plan.collections, collections)),
    captures: Object.fromEntries(entries(plan.captures, collections)),
    derivations: Object.fromEntries(
      entries(plan.derivations, collections).map(([name, derivation]) => {
        const sources = derivation.sources.map((source) => ({
          ...source,
          collection: renamed(source.collection),
        }));
        return [name, { ...derivation, sources }];
      }),
    ),
    materializations: Object.fromEntries(
      entries(plan.materializations, targets).map(([name, target]) => {
        return [name, { ...target, collection: renamed(target.collection) }];
      }),
    ),
  };
}

/** The old name that a collection gives though it stood before itself, so that two would become one. */
export function unmetCollection(name: string, base: Plan, next: Plan): string | undefined {
  return unmet(name, base.collections, next.collections, ({ renamedFrom }) => renamedFrom);
}

/** As `unmetCollection`, of a target. */
export function unmetTarget(name: string, base: Plan, next: Plan): string | undefined {
  return unmet(name, base.materializations, next.materializations, oldTarget);
}

/** What was asked for already has been answered. */
function unmet<T>(
  name: string,
  base: Readonly<Record<string, T>>,
  next: Readonly<Record<string, T>>,
  oldName: (definition: T) => string | undefined,
): string | undefined {
  const [before, after] = [own(base, name), own(next, name)];
  const old = after && oldName(after);
  if (before === undefined || old === undefined || old === oldName(before)) return undefined;
  return Object.hasOwn(base, old) && !Object.hasOwn(next, old) ? old : undefined;
}

/** Whether the target's connector takes over what stands under another name. Redis has no one transaction for all keys. */
export function isRenamable(target: string): boolean {
  return !target.startsWith("redis:");
}

/** A table is renamed within its schema, which the old name may leave out. */
function oldTarget({ connector, config, renamedFrom }: MaterializationPlan): string | undefined {
  if (renamedFrom === undefined) return undefined;
  const start = typeof config.schema === "string" ? `${config.schema}.` : "";
  return `${connector}:${renamedFrom.startsWith(start) ? "" : start}${renamedFrom}`;
}
