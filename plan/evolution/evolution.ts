/** How one plan follows another: the differences of each thing that both have, under the names of the later one. */
import type { Plan } from "../plan.ts";
import { collectionDifferences } from "./collection-differences.ts";
import { type Difference, part } from "./difference.ts";
import {
  isRenamable,
  type Renames,
  renamesOf,
  unmetCollection,
  unmetTarget,
  withRenames,
} from "./renames.ts";
import { targetDifferences } from "./target-differences.ts";

export interface Evolution {
  readonly renames: Renames;
  /** The earlier plan, with the later one's names. */
  readonly base: Plan;
  /** Of a collection and the task that fills it; none where one of the plans does not have it. */
  collection(name: string): readonly Difference[];
  /** Of a target and the task that fills it; none where one of the plans does not have it. */
  target(name: string): readonly Difference[];
}

export function evolutionOf(earlier: Plan, next: Plan): Evolution {
  const renames = renamesOf(earlier, next);
  const base = withRenames(earlier, renames);
  return {
    renames,
    base,
    collection: (name) => [
      ...renamed(name, renames.collections, "its documents, its checkpoint and its state go on"),
      ...unmet(unmetCollection(name, base, next), "its documents"),
      ...collectionDifferences(name, base, next),
    ],
    target: (name) => [
      ...renamed(name, renames.targets, "its rows and its checkpoint go on", notRenamable(name)),
      ...unmet(unmetTarget(name, base, next), "its rows"),
      ...targetDifferences(name, base, next, [...renames.targets.values()].includes(name)),
    ],
  };
}

function* renamed(
  name: string,
  renames: ReadonlyMap<string, string>,
  what: string,
  refused?: string,
): Generator<Difference> {
  const [old] = [...renames].find(([, is]) => is === name) ?? [];
  if (old === undefined) return;
  yield {
    effect: "update",
    reason: `it was named ${old}: ${what} under the new name, and nothing is read again`,
    fields: [part("name", "name", old, name, "not-needed")],
    ...(refused === undefined ? {} : { refused }),
  };
}

function notRenamable(target: string): string | undefined {
  return isRenamable(target)
    ? undefined
    : "Redis cannot rename all of its keys as one (without renamedFrom, the new ones are filled from history)";
}

function* unmet(old: string | undefined, what: string): Generator<Difference> {
  if (old === undefined) return;
  yield {
    effect: "update",
    reason: `it cannot take over from ${old}, since it has been filled under its own name`,
    fields: [],
    caution: `Leave its renamedFrom out, or give it a name that was not in use.`,
    refused: `${what} and those of ${old} cannot become one`,
  };
}
