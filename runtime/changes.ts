/**
 * Which differences between what last ran and the next plan the runtime applies: new collections and tasks are
 * built from history; removed tasks stop and their data stays; renamed ones go on; a schema may widen. A changed
 * meaning of a collection that stands is refused, since rows that were stored under the old one would silently stay.
 * `plan/evolution` says of each difference which it is.
 */
import { evolutionOf } from "../plan/evolution/evolution.ts";
import { type Renames, renamesOf, withRenames } from "../plan/evolution/renames.ts";
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
    collections: { ...base.collections, ...next.collections },
    captures: { ...withoutMoved(base.captures, next.derivations), ...next.captures },
    derivations: { ...withoutMoved(base.derivations, next.captures), ...next.derivations },
    materializations: { ...base.materializations, ...next.materializations },
  };
}

function withoutMoved<T>(entries: Readonly<Record<string, T>>, moved: object): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !Object.hasOwn(moved, name)));
}

/** What of `applied` has another name in `next`. */
export function renamesSince(applied: Plan | undefined, next: Plan): Renames {
  return applied ? renamesOf(applied, next) : { collections: new Map(), targets: new Map() };
}

/** Throws one error that lists every refused change with its remedy. */
export function refuseChanges(applied: Plan | undefined, next: Plan): void {
  if (!applied) return;
  const refused = refusedChanges(applied, next);
  if (refused.length === 0) return;
  throw new PlanChangeError(
    `The data directory holds what an earlier plan made, and this plan changes its meaning:\n${refused
      .map((change) => `  - ${change}`)
      .join(
        "\n",
      )}\nNothing was started. Rebuilding in place is not built yet: give what changed a new name (it reads all of the history), or use a new data directory and new targets.`,
  );
}

function refusedChanges(applied: Plan, next: Plan): readonly string[] {
  const evolution = evolutionOf(applied, next);
  const named = (names: object, of: "collection" | "target") =>
    Object.keys(names).flatMap((name) =>
      evolution[of](name).flatMap(({ refused }) => (refused === undefined ? [] : [`${name}: ${refused}`])),
    );
  return [...new Set([...named(next.collections, "collection"), ...named(next.materializations, "target")])];
}
