/**
 * Which differences between what last ran and the next plan the runtime applies. New collections and tasks are built from
 * history; removed tasks stop and their data stays; renamed ones go on; what has changed its meaning is made again beside what
 * stands (`rebuild/`). Little is refused. `plan/evolution` says of each difference which it is.
 */
import { type Effects, effectsOf } from "../plan/evolution/effects.ts";
import { type Renames, renamesOf, withRenames } from "../plan/evolution/renames.ts";
import { withRetiredFields } from "../plan/evolution/retired-fields.ts";
import type { Plan } from "../plan/plan.ts";

export class PlanChangeError extends Error {
  override readonly name = "PlanChangeError";
}

/** The definitions that what is stored was made under: of everything that ever ran here, the newest. */
export function mergeApplied(applied: Plan | undefined, next: Plan): Plan {
  if (!applied) return next;
  const base = withRenames(applied, renamesOf(applied, next));
  return {
    formatVersion: next.formatVersion,
    collections: { ...base.collections, ...withEarlierFields(base, next) },
    captures: { ...withoutMoved(base.captures, next.derivations), ...next.captures },
    derivations: { ...withoutMoved(base.derivations, next.captures), ...next.derivations },
    materializations: { ...base.materializations, ...next.materializations },
  };
}

/** What is made again has only documents of its new schema: it is merged without the old one. */
function withEarlierFields(base: Plan, next: Plan): Plan["collections"] {
  return Object.fromEntries(
    Object.entries(next.collections).map(([name, collection]) => {
      const before = base.collections[name];
      if (before === undefined) return [name, collection];
      return [name, { ...collection, schema: withRetiredFields(before.schema, collection.schema) }];
    }),
  );
}

function withoutMoved<T>(entries: Readonly<Record<string, T>>, moved: object): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !Object.hasOwn(moved, name)));
}

/** What of `applied` has another name in `next`. */
export function renamesSince(applied: Plan | undefined, next: Plan): Renames {
  return applied ? renamesOf(applied, next) : { collections: new Map(), targets: new Map() };
}

/** Throws one error that lists every refused change. `alone`: targets that cannot be filled beside those that serve. */
export function refuseChanges({ collections, targets }: Effects, alone: readonly string[] = []): void {
  const refused = [...collections, ...targets].flatMap(([name, { found }]) =>
    found.flatMap(({ refused: why }) => (why === undefined ? [] : [`${name}: ${why}`])),
  );
  const unmovable = alone.map(
    (name) => `${name}: its connector cannot fill a target beside the one that serves`,
  );
  const all = [...new Set([...refused, ...unmovable])];
  if (all.length === 0) return;
  throw new PlanChangeError(
    `The data directory holds what an earlier plan made, and this plan asks for what cannot be done with it:\n${listed(all)}\nNothing was started. Take the change back, or give what changed a new name: it reads all of the history.`,
  );
}

/** Throws one error that lists what would be given up, and names the flag. `last` is what ran last. */
export function refuseDestructive(last: Plan, next: Plan): void {
  const { evolution, collections, targets } = effectsOf(last, next);
  const { base } = evolution;
  const gone = (before: object, after: object) =>
    Object.keys(before).flatMap((name) =>
      Object.hasOwn(after, name) ? [] : [`${name}: it is no longer declared`],
    );
  const lost = [
    ...gone(base.collections, next.collections),
    ...gone(base.materializations, next.materializations),
    ...[...collections, ...targets].flatMap(([name, { found }]) =>
      found.flatMap(({ destructive, reason }) => (destructive ? [`${name}: ${reason}`] : [])),
    ),
  ];
  if (lost.length === 0) return;
  throw new PlanChangeError(
    `This plan gives up what is stored, or kept in step, now:\n${listed(lost)}\nNothing was started. weir diff shows what it does; run with --allow destructive to go on.`,
  );
}

function listed(changes: readonly string[]): string {
  return changes.map((change) => `  - ${change}`).join("\n");
}
