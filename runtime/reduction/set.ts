/**
 * Sets of scalars, of which each document is a change: `{ add?: T[], remove?: T[] }`, first the removals, then the
 * additions.
 *
 * Changes compose to a change of the same form, which is what makes the strategy associative: a removal stays in it,
 * since it may have to act on what an older document added. Where nothing older can follow, in a whole row, no removal
 * has anything left to do, and `settle` drops them all: the row is `{ add: [its members] }`. So a row does not grow with
 * what was ever removed, and is a document of the same schema, to which the next change is applied in the same way.
 * Lists are sorted and without repetition: equal sets are equal JSON, however they came about.
 */
import { HaltError } from "../../connectors/driver.ts";
import type { Json, JsonObject } from "../../plan/plan.ts";
import { compareScalars, type Scalar } from "./compare.ts";
import { isOwn, ownIf } from "./own-values.ts";

/** Which of the lists the schema requires: they are there even when empty. */
export interface SetLists {
  readonly add: boolean;
  readonly remove: boolean;
}

/** No member is in both. */
interface Change {
  readonly add: ReadonlySet<Scalar>;
  readonly remove: ReadonlySet<Scalar>;
}

export function combineSets(older: Json, newer: Json, required: SetLists, owned: boolean): JsonObject {
  const { add, remove } = listsOf(older, owned);
  const after = changeOf(newer);
  for (const member of after.remove) {
    take(add, member);
    put(remove, member);
  }
  for (const member of after.add) {
    take(remove, member);
    put(add, member);
  }
  return ownIf(owned, {
    ...(add.length > 0 || required.add ? { add } : {}),
    ...(remove.length > 0 || required.remove ? { remove } : {}),
  });
}

/** Sorted lists to be changed. */
function listsOf(value: Json, owned: boolean): { readonly add: Scalar[]; readonly remove: Scalar[] } {
  if (owned && typeof value === "object" && value !== null && isOwn(value)) {
    // Made by `combineSets`.
    const { add = [], remove = [] } = value as { readonly add?: Scalar[]; readonly remove?: Scalar[] };
    return { add, remove };
  }
  const { add, remove } = changeOf(value);
  return { add: sorted(add), remove: sorted(remove) };
}

function put(list: Scalar[], member: Scalar): void {
  const place = placeOf(list, member);
  if (list[place] !== member) list.splice(place, 0, member);
}

function take(list: Scalar[], member: Scalar): void {
  const place = placeOf(list, member);
  if (list[place] === member) list.splice(place, 1);
}

/** Where a member is in a sorted list, or belongs. */
function placeOf(list: readonly Scalar[], member: Scalar): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = list[middle];
    if (found !== undefined && compareScalars(found, member) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A whole row's value: its members. */
export function settleSet(value: Json, required: SetLists): JsonObject {
  const add = sorted(changeOf(value).add);
  return required.remove ? { add, remove: [] } : { add };
}

function changeOf(value: Json): Change {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HaltError(`"set" takes { add, remove }, but found ${JSON.stringify(value).slice(0, 60)}`);
  }
  for (const [name, member] of Object.entries(value)) {
    if (name !== "add" && name !== "remove" && member !== undefined) {
      throw new HaltError(`"set" takes { add, remove }, but found the field "${name}" beside them`);
    }
  }
  // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
  const { add, remove } = value as JsonObject;
  const added = scalarsOf(add);
  return { add: added, remove: without(scalarsOf(remove), added) };
}

function without(a: ReadonlySet<Scalar>, b: ReadonlySet<Scalar>): ReadonlySet<Scalar> {
  return b.size === 0 ? a : new Set([...a].filter((member) => !b.has(member)));
}

function scalarsOf(list: Json | undefined): ReadonlySet<Scalar> {
  const members = new Set<Scalar>();
  if (list === undefined || list === null) return members;
  if (!Array.isArray(list)) throw new HaltError(`"set" takes lists in { add, remove }`);
  for (const member of list) {
    if (typeof member !== "string" && typeof member !== "number" && typeof member !== "boolean") {
      throw new HaltError(
        `"set" takes strings, numbers or booleans as members, but found ${JSON.stringify(member).slice(0, 60)}`,
      );
    }
    members.add(member === 0 ? 0 : member); // -0 has no JSON of its own
  }
  return members;
}

function sorted(members: ReadonlySet<Scalar>): Scalar[] {
  return [...members].sort(compareScalars);
}
