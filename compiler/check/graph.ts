/** Checks over all declarations together. */
import type { Declared } from "../declared.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { Aim } from "../typescript/calls.ts";

export type AimAt = (place: Place, aim: Aim) => Place;

export function checkGraph(declared: Declared, aim: AimAt): readonly Diagnostic[] {
  return [
    ...duplicateCollections(declared, aim),
    ...unknownSources(declared, aim),
    ...cycles(declared),
    ...sharedTargets(declared, aim),
    ...unusedCollections(declared, aim),
    ...renamedCollections(declared, aim),
    ...renamedTargets(declared, aim),
  ];
}

function collectionsOf({ captures, derivations }: Declared) {
  return [...captures, ...derivations];
}

function* duplicateCollections(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  const first = new Map<string, Place>();
  for (const { collection, place } of collectionsOf(declared)) {
    const before = first.get(collection.name);
    if (before === undefined) {
      first.set(collection.name, place);
      continue;
    }
    const here = aim(place, ["name"]);
    yield diagnostic("WEIR4001", here, `The collection ${collection.name} is declared twice.`, {
      related: [{ ...aim(before, ["name"]), message: "It is declared here first." }],
      fix: "Give one of them another name.",
    });
  }
}

function* unknownSources(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  const names = new Set(collectionsOf(declared).map((each) => each.collection.name));
  for (const { sources, collection, place } of declared.derivations) {
    for (const { collection: source, name } of sources) {
      if (names.has(source)) continue;
      yield diagnostic(
        "WEIR4002",
        name === undefined ? place : aim(place, ["from", name]),
        `The source of ${collection.name}, the collection ${source}, is declared nowhere.`,
        {
          fix: `Declare ${source} with capture or derive in a flow file that is compiled with this one.`,
        },
      );
    }
  }
  for (const { view, resource, place } of declared.materializations) {
    if (names.has(view.collection)) continue;
    yield diagnostic(
      "WEIR4002",
      place,
      `The collection ${view.collection}, which ${resource} is to hold, is declared nowhere.`,
      {
        fix: `Declare ${view.collection} with capture or derive in a flow file that is compiled with this one.`,
      },
    );
  }
}

function* cycles({ derivations }: Declared): Generator<Diagnostic> {
  const sources = new Map(
    derivations.map((each) => [each.collection.name, each.sources.map(({ collection }) => collection)]),
  );
  const told = new Set<string>();
  for (const { collection, place } of derivations) {
    const path = wayBack(collection.name, sources);
    if (path === undefined || path.some((name) => told.has(name))) continue;
    for (const name of path) told.add(name);
    yield diagnostic(
      "WEIR4003",
      place,
      `The collection ${collection.name} is derived from itself: ${[collection.name, ...path].reverse().join(" -> ")}.`,
      {
        fix: "Derive one of them from a collection that does not depend on it.",
      },
    );
  }
}

/** The shortest way from a collection over sources to itself, which stands last; undefined if there is none. */
function wayBack(
  start: string,
  sources: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const seen = new Set<string>();
  let ways: readonly (readonly string[])[] = [[]];
  while (ways.length > 0) {
    const next: (readonly string[])[] = [];
    for (const way of ways) {
      for (const source of sources.get(way.at(-1) ?? start) ?? []) {
        if (source === start) return [...way, source];
        if (seen.has(source)) continue;
        seen.add(source);
        next.push([...way, source]);
      }
    }
    ways = next;
  }
  return undefined;
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
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, each.place);
      continue;
    }
    yield diagnostic(
      "WEIR2003",
      aim(each.place, ["connector"]),
      `Two materializations write ${name}, and each would overwrite the other's rows.`,
      {
        related: [{ ...aim(before, ["connector"]), message: "The other one is here." }],
        fix: "Give one of them a target of its own.",
      },
    );
  }
}

function* unusedCollections(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  const used = new Set([
    ...declared.derivations.flatMap((each) => each.sources.map(({ collection }) => collection)),
    ...declared.materializations.map(({ view }) => view.collection),
  ]);
  for (const { collection, place } of collectionsOf(declared)) {
    if (used.has(collection.name)) continue;
    yield diagnostic("WEIR4004", aim(place, ["name"]), `Nothing uses the collection ${collection.name}.`, {
      severity: "warning",
      fix: "Derive from it or materialize it; if it is only to be kept and read, leave it as it is.",
    });
  }
}

/** What is stored under a name goes on under one other, and only if nothing is stored under it any more. */
function* renamedCollections(declared: Declared, aim: AimAt): Generator<Diagnostic> {
  if (declared.renames.length === 0) return;
  const standing = new Map(
    collectionsOf(declared).map(({ collection, place }) => [collection.name, aim(place, ["name"])]),
  );
  const [byOld, byNew] = [new Map<string, Place>(), new Map<string, Place>()];
  for (const { collection, from, place } of declared.renames) {
    const here = aim(place, ["name"]);
    const still = standing.get(from);
    const [taken, twice] = [byOld.get(from), byNew.get(collection)];
    if (still !== undefined) {
      yield diagnostic(
        "WEIR4007",
        here,
        `The collection ${collection} is renamed from ${from}, which is still declared.`,
        {
          related: [{ ...still, message: `${from} is declared here.` }],
          fix: `Remove renamedFrom("${from}"), or declare ${from} no longer.`,
        },
      );
    } else if (taken !== undefined) {
      yield diagnostic(
        "WEIR4007",
        here,
        `Two collections are renamed from ${from}, and what is stored under it goes on under one.`,
        {
          related: [{ ...taken, message: "The other one is here." }],
          fix: "Remove one renamedFrom: that collection begins anew, from its source.",
        },
      );
    } else if (twice !== undefined) {
      yield diagnostic(
        "WEIR4007",
        here,
        `The collection ${collection} is renamed from two names, and only one of them was its last.`,
        {
          related: [{ ...twice, message: "The other name is here." }],
          fix: "Keep the name that last ran.",
        },
      );
    }
    byOld.set(from, taken ?? here);
    byNew.set(collection, twice ?? here);
  }
}

function* renamedTargets({ materializations }: Declared, aim: AimAt): Generator<Diagnostic> {
  if (materializations.every(({ renamedFrom }) => renamedFrom === undefined)) return;
  const standing = new Map(
    materializations.map((each) => [resourceName(each), aim(each.place, ["connector"])]),
  );
  const renamed = new Map<string, Place>();
  for (const each of materializations) {
    if (each.renamedFrom === undefined) continue;
    const from = resourceName({ ...each, resource: each.renamedFrom });
    const here = aim(each.place, ["options", "renamedFrom"]);
    const still = standing.get(from);
    const taken = renamed.get(from);
    if (still !== undefined) {
      yield diagnostic(
        "WEIR2004",
        here,
        `${resourceName(each)} is renamed from ${from}, which another materialization writes.`,
        {
          related: [{ ...still, message: `${from} is written here.` }],
          fix: `Remove renamedFrom: a new target is filled from history. Or let nothing else write ${from}.`,
        },
      );
    } else if (taken !== undefined) {
      yield diagnostic(
        "WEIR2004",
        here,
        `Two materializations are renamed from ${from}, and what it holds goes on in one.`,
        {
          related: [{ ...taken, message: "The other one is here." }],
          fix: "Remove one renamedFrom: that target is filled from history.",
        },
      );
    }
    renamed.set(from, taken ?? here);
  }
}
