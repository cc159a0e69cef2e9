/** Checks over all declarations together. */
import type { Declared } from "../declared.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { Aim } from "../typescript/calls.ts";

export type AimAt = (place: Place, aim: Aim) => Place;

export function checkGraph(declared: Declared, aim: AimAt): readonly Diagnostic[] {
  return [
    ...duplicateCollections(declared, aim),
    ...unknownSources(declared),
    ...cycles(declared),
    ...sharedTargets(declared, aim),
    ...unusedCollections(declared, aim),
  ];
}

function collectionsOf({ captures, derivations }: Declared) {
  return [...captures, ...derivations];
}

function* duplicateCollections(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  const first = new Map<string, Place>();
  for (const { collection, place } of collectionsOf(declared)) {
    const here = aim(place, ["name"]);
    const before = first.get(collection.name);
    if (before === undefined) {
      first.set(collection.name, here);
      continue;
    }
    yield diagnostic("WEIR4001", here, `The collection ${collection.name} is declared twice.`, {
      related: [{ ...before, message: "It is declared here first." }],
      fix: "Give one of them another name.",
    });
  }
}

function* unknownSources(declared: Declared): Generator<Diagnostic> {
  const names = new Set(collectionsOf(declared).map((each) => each.collection.name));
  for (const { source, collection, place } of declared.derivations) {
    if (names.has(source)) continue;
    yield diagnostic(
      "WEIR4002",
      place,
      `The source of ${collection.name}, the collection ${source}, is declared nowhere.`,
      {
        fix: `Declare ${source} with capture or derive in a flow file that is compiled with this one.`,
      },
    );
  }
  for (const { collection, resource, place } of declared.materializations) {
    if (names.has(collection)) continue;
    yield diagnostic(
      "WEIR4002",
      place,
      `The collection ${collection}, which ${resource} is to hold, is declared nowhere.`,
      {
        fix: `Declare ${collection} with capture or derive in a flow file that is compiled with this one.`,
      },
    );
  }
}

function* cycles({ derivations }: Declared): Generator<Diagnostic> {
  const sources = new Map(derivations.map((each) => [each.collection.name, each.source]));
  const told = new Set<string>();
  for (const { collection, place } of derivations) {
    const path = [collection.name];
    for (let at = sources.get(collection.name); at !== undefined; at = sources.get(at)) {
      if (path.includes(at)) {
        if (at !== collection.name || path.some((name) => told.has(name))) break;
        for (const name of path) told.add(name);
        yield diagnostic(
          "WEIR4003",
          place,
          `The collection ${collection.name} is derived from itself: ${[...path, at].reverse().join(" -> ")}.`,
          {
            fix: "Derive one of them from a collection that does not depend on it.",
          },
        );
        break;
      }
      path.push(at);
    }
  }
}

/** A target's name across systems, and the name of its task in the plan. */
export function resourceName(each: {
  readonly resource: string;
  readonly target: { readonly connector: string };
}): string {
  return `${each.target.connector}:${each.resource}`;
}

function* sharedTargets({ materializations }: Declared, aim: AimAt): Generator<Diagnostic> {
  const first = new Map<string, Place>();
  for (const each of materializations) {
    const name = resourceName(each);
    const here = aim(each.place, ["connector"]);
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, here);
      continue;
    }
    yield diagnostic(
      "WEIR2003",
      here,
      `Two materializations write ${name}, and each would overwrite the other's rows.`,
      {
        related: [{ ...before, message: "The other one is here." }],
        fix: "Give one of them a target of its own.",
      },
    );
  }
}

function* unusedCollections(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  const used = new Set([
    ...declared.derivations.map((each) => each.source),
    ...declared.materializations.map((each) => each.collection),
  ]);
  for (const { collection, place } of collectionsOf(declared)) {
    if (used.has(collection.name)) continue;
    yield diagnostic("WEIR4004", aim(place, ["name"]), `Nothing uses the collection ${collection.name}.`, {
      severity: "warning",
      fix: "Derive from it or materialize it; if it is only to be kept and read, leave it as it is.",
    });
  }
}
