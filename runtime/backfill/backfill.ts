/** `weir backfill`: says what filling a target again touches, and asks its task to do so. */
import type { MaterializationPlan, Plan } from "../../plan/plan.ts";
import type { Head, JournalState } from "../head/head.ts";
import { isWithin, partitionFilter, partitionPath } from "../journal/logical-partition.ts";
import type { ObjectStore } from "../store/store.ts";
import { type BackfillExtent, extentOf } from "./extent.ts";
import { offsetAt } from "./offset-at.ts";
import { countedFields } from "./reapply.ts";
import { type BackfillRequest, requestBackfill } from "./request.ts";

export interface BackfillOrder {
  /** The target's resource: `postgres:customer_spend`. */
  readonly task: string;
  /** An offset of the one journal that is read, or a commit time, µs since 1970 UTC. Absent: empty it, and all of history. */
  readonly from?: { readonly offset: number } | { readonly time: number };
  /** Path of the only journals that `from` is about, or a beginning of it: `country=NL/p=00`. */
  readonly partition?: string;
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
}

/**
 * What becomes of the target. `emptied`: all its rows go, and come back from history. `re-applied`: rows stay, and the
 * documents from a position on are applied to them again. `rewritten`: of a log, the rows from a position on go, and come
 * back.
 */
export type BackfillKind = "emptied" | "re-applied" | "rewritten";

export interface BackfillReport {
  readonly target: string;
  readonly collection: string;
  readonly kind: BackfillKind;
  readonly reads: BackfillExtent;
  /** What the target's readers see meanwhile. */
  readonly readers: string;
  /** What the request is known by; null where it was only asked what it would do. */
  readonly request: string | null;
}

/** Throws where it cannot be: with the reason, and what to do instead. */
export async function backfill(
  head: Head,
  store: ObjectStore,
  plan: Plan,
  order: BackfillOrder,
): Promise<BackfillReport> {
  const target = targetOf(plan, order.task);
  const journals = await journalsOf(head, target);
  const kind = kindOf(plan, target, order);
  const from = await fromOf(head, store, target, journals, order);
  const read = from === undefined ? journals : journals.filter(({ id }) => Object.hasOwn(from, id));
  const report = {
    target: order.task,
    collection: target.collection,
    kind,
    reads: await extentOf(head, store, read, from ?? {}),
    readers: READERS[kind],
  };
  if (order.dryRun) return { ...report, request: null };
  const { id } = await requestBackfill(head, order.task, from);
  return { ...report, request: id };
}

const READERS: Readonly<Record<BackfillKind, string>> = {
  emptied: "find it empty, and then incomplete until it has caught up",
  "re-applied": "see rows go back to what they were then, and forward again until it has caught up",
  rewritten: "miss the rows from there on, which come back until it has caught up",
};

function targetOf({ materializations, derivations, captures }: Plan, task: string): MaterializationPlan {
  const target = Object.hasOwn(materializations, task) ? materializations[task] : undefined;
  if (target) return target;
  if (Object.hasOwn(derivations, task)) {
    throw new Error(
      `"${task}" is a derivation, and what it appended stays as it is: what read it has read it. Give it a new name, under which it is derived from all of history.`,
    );
  }
  if (Object.hasOwn(captures, task)) {
    throw new Error(
      `"${task}" is a capture, and its documents are the history itself. Give it a new name, under which it reads its source from the beginning.`,
    );
  }
  const names = Object.keys(materializations).sort();
  throw new Error(
    names.length === 0
      ? `There is no target "${task}": nothing that last ran here has one.`
      : `There is no target "${task}". There are: ${names.join(", ")}.`,
  );
}

async function journalsOf(head: Head, { collection, where }: MaterializationPlan): Promise<JournalState[]> {
  const isRead = partitionFilter(where);
  const journals = await head.journals();
  return journals.filter((journal) => journal.collection === collection && isRead(journal.logical));
}

function kindOf({ collections }: Plan, target: MaterializationPlan, order: BackfillOrder): BackfillKind {
  if (order.from === undefined) {
    if (order.partition === undefined) return "emptied";
    throw new Error("--partition says where --from begins: give --from, or leave it out to fill all of it.");
  }
  if (target.mode === "delta") return "rewritten";
  const definition = collections[target.collection];
  if (!definition)
    throw new Error(`The plan names a collection "${target.collection}" and does not have it.`);
  const counted = countedFields(definition);
  if (counted.length === 0) return "re-applied";
  const fields = counted.map((path) => `${path} (${strategyName(definition.reduce[path])})`).join(", ");
  throw new Error(
    `"${order.task}" cannot be filled again from a position: documents that are applied again would count twice in ${fields}. Leave out --from, which empties it and reads all of history.`,
  );
}

function strategyName(strategy: unknown): string {
  return typeof strategy === "string" ? strategy : "sum";
}

/** Undefined for all of history. */
async function fromOf(
  head: Head,
  store: ObjectStore,
  { collection }: MaterializationPlan,
  journals: readonly JournalState[],
  { from, partition }: BackfillOrder,
): Promise<BackfillRequest["from"]> {
  if (from === undefined) return undefined;
  const chosen = journals.filter((journal) => isWithin(journal, partition));
  if (chosen.length === 0) {
    const there = journals.map(partitionPath).sort().join(", ") || "none yet";
    throw new Error(
      partition === undefined
        ? `"${collection}" has no documents yet: there is nothing to read again.`
        : `The target reads no partition "${partition}" of "${collection}"; it reads ${there}.`,
    );
  }
  if ("time" in from) {
    const offsets: [string, number][] = [];
    for (const journal of chosen) offsets.push([journal.id, await offsetAt(head, store, journal, from.time)]);
    return Object.fromEntries(offsets);
  }
  const [journal, ...others] = chosen;
  if (journal === undefined || others.length > 0) {
    throw new Error(
      `An offset is of one journal, and the target reads ${chosen.length} of "${collection}": choose one with --partition, or begin at a time.`,
    );
  }
  if (from.offset > journal.next) {
    throw new Error(
      `Offset ${from.offset} is past the end of ${partitionPath(journal)}, which is ${journal.next}.`,
    );
  }
  return { [journal.id]: from.offset };
}
