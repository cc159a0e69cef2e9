/**
 * A task that is cut into shards has an entry in the head for each of them, and no other: its layout. Shard i of N reads
 * the journals whose partition number modulo N is i, so that the shards' positions are of different journals.
 */
import type { Json, JsonObject } from "../../plan/plan.ts";
import type { JournalId } from "./head.ts";

export interface Shard {
  /** From 0. */
  readonly index: number;
  readonly of: number;
}

const WHOLE: Shard = { index: 0, of: 1 };

/** No name of a collection holds it. */
const MARK = "#";

/** The entry of a shard, which it opens and commits under: `shop/totals#1/4`; of a whole task its name. */
export function entryName(task: string, { index, of }: Shard = WHOLE): string {
  return of === 1 ? task : `${task}${MARK}${index}/${of}`;
}

/** The task that an entry belongs to. */
export function taskOf(entry: string): string {
  const mark = entry.lastIndexOf(MARK);
  return mark < 0 ? entry : entry.slice(0, mark);
}

/** The entry under the task's new name. */
export function renamedEntry(entry: string, to: string): string {
  return to + entry.slice(taskOf(entry).length);
}

export function entryNames(task: string, shards: number): readonly string[] {
  return Array.from({ length: shards }, (_, index) => entryName(task, { index, of: shards }));
}

/** Whether the shard reads the journals of this partition number; a whole task reads all. */
export function isOfShard(partition: number, { index, of }: Shard = WHOLE): boolean {
  return partition % of === index;
}

/** As people count: `shard 2 of 4`. */
export function showShard({ index, of }: Shard): string {
  return `shard ${index + 1} of ${of}`;
}

/** The whole task's checkpoint; undefined where no shard has one. Of positions by source, and there by journal. */
export function mergeCheckpoints(checkpoints: readonly (Json | undefined)[]): Json | undefined {
  const found = checkpoints.filter((checkpoint) => checkpoint !== undefined);
  if (found.length <= 1) return found[0];
  const merged: Record<string, Json> = {};
  for (const [source, position] of found.flatMap((checkpoint) => Object.entries(Object(checkpoint)))) {
    const own = position as Json; // a member of JSON
    const before = merged[source];
    merged[source] = isObject(own) && isObject(before) ? { ...before, ...own } : own;
  }
  return merged;
}

/**
 * What each shard begins with. A journal that is not known any more goes to the first shard, which will complain of it.
 * Every shard gets every source, were it with no journal: a source without a position was never read.
 */
export function splitCheckpoint(
  checkpoint: Json | undefined,
  shards: number,
  partitionOf: (journal: JournalId) => number | undefined,
): readonly (Json | undefined)[] {
  if (checkpoint === undefined || shards === 1) return Array.from({ length: shards }, () => checkpoint);
  return Array.from({ length: shards }, (_, shard) => {
    // What was not written by a derivation is for the first shard to refuse.
    if (!isObject(checkpoint)) return shard === 0 ? checkpoint : undefined;
    const sources = Object.entries(checkpoint).flatMap(([source, position]): [string, Json | undefined][] => {
      if (!isObject(position)) return shard === 0 ? [[source, position]] : [];
      const own = Object.entries(position).filter(([id]) =>
        isOfShard(partitionOf(id) ?? 0, { index: shard, of: shards }),
      );
      return [[source, Object.fromEntries(own)]];
    });
    return Object.fromEntries(sources);
  });
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
