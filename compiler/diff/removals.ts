/** What is no longer declared, and what truly happens to its data: the task ends, and nothing is deleted. */
import { own, sameJson } from "../../plan/evolution/difference.ts";
import { isRenamable } from "../../plan/evolution/renames.ts";
import { compareText } from "../../plan/order.ts";
import type { Plan } from "../../plan/plan.ts";
import type { Change } from "./change.ts";

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
      remedy: `To go on with what is there, say that it is the same: .renamedFrom(${JSON.stringify(name)}).`,
    });
  }
  for (const name of gone(base.materializations, next.materializations)) {
    yield removal({
      kind: "materialization",
      name,
      reason:
        "It is no longer declared: its rows stay as they are, with its checkpoint, and are no longer kept in step.",
      renamed: renamedTarget(name, base, next),
      remedy: targetRemedy(name),
    });
  }
}

interface Removal {
  readonly kind: Change["kind"];
  readonly name: string;
  readonly reason: string;
  /** A new thing that is defined just as this one was. */
  readonly renamed: string | undefined;
  /** What the flow can say of that. */
  readonly remedy: string;
}

function removal({ kind, name, reason, renamed, remedy }: Removal): Change {
  const caution =
    renamed === undefined
      ? `Leave it declared to keep it going. Declared again under its old name and definition, it goes on where it stopped${kind === "capture" ? "" : ", or is made again if what it reads was"}.`
      : `${renamed} is new and defined as ${name} was. ${remedy}`;
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
  const definition = (plan: Plan, of: string) => {
    const target = own(plan.materializations, of);
    const { table: _table, key: _key, ...config } = target?.config ?? {};
    return target && [target.connector, target.collection, target.mode ?? null, target.where ?? null, config];
  };
  return gone(next.materializations, base.materializations).find((added) =>
    sameJson(definition(base, name), definition(next, added)),
  );
}

function targetRemedy(name: string): string {
  if (isRenamable(name)) {
    const old = JSON.stringify(name.slice(name.indexOf(":") + 1));
    return `To go on with what is there, say that it is the same: { renamedFrom: ${old} } as the second parameter.`;
  }
  return "It is filled from history; what stands under the old name is yours to delete.";
}

function gone(before: object, after: object): readonly string[] {
  return Object.keys(before)
    .filter((name) => !Object.hasOwn(after, name))
    .sort(compareText);
}
