/**
 * Which differences between what last ran and the next plan the runtime applies: new collections and tasks are
 * built from history; removed tasks stop and their data stays. A changed meaning of a collection that stands is
 * refused, since rows that were stored under the old one would silently stay.
 */
import { isDeepStrictEqual } from "node:util";
import type { ConnectorPlan, Plan } from "../plan/plan.ts";
import { meaningOf } from "../plan/schema-meaning.ts";

export class PlanChangeError extends Error {
  override readonly name = "PlanChangeError";
}

/** The definitions that what is stored was made under: of everything that ever ran here, the newest. */
export function mergeApplied(applied: Plan | undefined, next: Plan): Plan {
  if (!applied) return next;
  return {
    formatVersion: next.formatVersion,
    collections: { ...applied.collections, ...next.collections },
    captures: { ...withoutMoved(applied.captures, next.derivations), ...next.captures },
    derivations: { ...withoutMoved(applied.derivations, next.captures), ...next.derivations },
    materializations: { ...applied.materializations, ...next.materializations },
  };
}

function withoutMoved<T>(entries: Readonly<Record<string, T>>, moved: object): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => !Object.hasOwn(moved, name)));
}

/** Throws one error that lists every refused change with its remedy. */
export function refuseChanges(applied: Plan | undefined, next: Plan): void {
  if (!applied) return;
  const changes = [...collectionChanges(applied, next), ...targetChanges(applied, next)];
  if (changes.length === 0) return;
  throw new PlanChangeError(
    `The data directory holds what an earlier plan made, and this plan changes its meaning:\n${changes
      .map((change) => `  - ${change}`)
      .join(
        "\n",
      )}\nNothing was started. Rebuilding in place is not built yet: give what changed a new name (it reads all of the history), or use a new data directory and new targets.`,
  );
}

function* collectionChanges(applied: Plan, next: Plan): Generator<string> {
  for (const [name, collection] of Object.entries(next.collections)) {
    const before = applied.collections[name];
    if (!before) continue;
    const differs = (part: "schema" | "key" | "reduce") =>
      part === "schema"
        ? !isDeepStrictEqual(meaningOf(before.schema), meaningOf(collection.schema))
        : !isDeepStrictEqual(before[part], collection[part]);
    for (const part of ["schema", "key", "reduce"] as const) {
      if (differs(part)) yield `${name}: its ${part} has changed`;
    }
    const [captured, derived] = [next.captures[name], next.derivations[name]];
    const [wasCaptured, wasDerived] = [applied.captures[name], applied.derivations[name]];
    if ((captured && wasDerived) || (derived && wasCaptured)) {
      yield `${name}: it was ${wasCaptured ? "captured and is now derived" : "derived and is now captured"}`;
    }
    if (captured && wasCaptured && !sameSource(captured, wasCaptured)) {
      yield `${name}: its source has changed, to which the capture's cursor does not apply`;
    }
    if (!derived || !wasDerived) continue;
    if (!isDeepStrictEqual(derived.sources, wasDerived.sources))
      yield `${name}: it derives from another source`;
    if (derived.transform.bundle !== wasDerived.transform.bundle) yield `${name}: its transform has changed`;
    if (!isDeepStrictEqual(derived.transform.params, wasDerived.transform.params)) {
      yield `${name}: the params of its transform have changed`;
    }
  }
}

/** An HTTP capture keeps no cursor, so its path may move. */
function sameSource(a: ConnectorPlan, b: ConnectorPlan): boolean {
  if (a.connector !== b.connector) return false;
  return a.connector === "http" || isDeepStrictEqual(a.config, b.config);
}

function* targetChanges(applied: Plan, next: Plan): Generator<string> {
  for (const [name, target] of Object.entries(next.materializations)) {
    const before = applied.materializations[name];
    if (!before) continue;
    if (before.collection !== target.collection) {
      yield `${name}: it was materialized from ${before.collection} and is now from ${target.collection}`;
    }
    // The checkpoint is in the target: under another URL it is found there, or the target is filled anew.
    const { url: _before, ...configBefore } = before.config;
    const { url: _after, ...config } = target.config;
    if (!isDeepStrictEqual(configBefore, config)) yield `${name}: its options have changed`;
  }
}
