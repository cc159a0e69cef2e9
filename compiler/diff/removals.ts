/** What is no longer declared, and what truly happens to its data: the task ends, and nothing is deleted. */
import type { Plan } from "../../plan/plan.ts";
import type { Change } from "./change.ts";
import { own, sameJson } from "./difference.ts";
import { compareText } from "./plan-graph.ts";

export function* removals(base: Plan, next: Plan): Generator<Change> {
  for (const name of gone(base.collections, next.collections)) {
    const captured = Object.hasOwn(base.captures, name);
    yield removal({
      kind: captured ? "capture" : "derivation",
      name,
      reason: captured
        ? "It is no longer declared: nothing is captured any more. Its stored documents and its cursor are kept; nothing deletes them."
        : "It is no longer declared: nothing is derived any more. Its stored documents and its checkpoint are kept; nothing deletes them.",
      renamed: renamedCollection(name, base, next),
    });
  }
  for (const name of gone(base.materializations, next.materializations)) {
    yield removal({
      kind: "materialization",
      name,
      reason:
        "It is no longer declared: its rows stay as they are, with its checkpoint, and are no longer kept in step.",
      renamed: renamedTarget(name, base, next),
    });
  }
}

interface Removal {
  readonly kind: Change["kind"];
  readonly name: string;
  readonly reason: string;
  /** A new thing that is defined just as this one was. */
  readonly renamed: string | undefined;
}

function removal({ kind, name, reason, renamed }: Removal): Change {
  const caution =
    renamed === undefined
      ? "Leave it declared to keep it going. Declared again under its old name and definition, it goes on where it stopped."
      : `${renamed} is new and defined as ${name} was. A renamed one starts anew; keep the old name to go on with what is there.`;
  return {
    ...{ kind, name, action: "destroy", destructive: true, reason, because: [name], fields: [] },
    ...{ replay: null, caution, refusedToday: null },
  };
}

function renamedCollection(name: string, base: Plan, next: Plan): string | undefined {
  const definition = (plan: Plan, of: string) =>
    [plan.collections, plan.captures, plan.derivations].map((each) => own<unknown>(each, of) ?? null);
  return gone(next.collections, base.collections).find((added) =>
    sameJson(definition(base, name), definition(next, added)),
  );
}

function renamedTarget(name: string, base: Plan, next: Plan): string | undefined {
  const [connector, collection] = [
    base.materializations[name]?.connector,
    base.materializations[name]?.collection,
  ];
  return gone(next.materializations, base.materializations).find((added) => {
    const target = next.materializations[added];
    return target?.connector === connector && target?.collection === collection;
  });
}

function gone(before: object, after: object): readonly string[] {
  return Object.keys(before)
    .filter((name) => !Object.hasOwn(after, name))
    .sort(compareText);
}
