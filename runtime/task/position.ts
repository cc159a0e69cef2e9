import { HaltError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";
import type { Position } from "../head/head.ts";
import type { TaskJournal } from "./task.ts";

export function positionAt(journal: TaskJournal, offset: number): Record<string, [number, number]> {
  return { [journal.id]: [journal.epoch, offset] };
}

/**
 * Where a task goes on reading. Without a checkpoint, at the beginning of history. A checkpoint that does not
 * know the journal was made against another history: going on from 0 would store everything a second time.
 */
export function offsetIn(checkpoint: Json | undefined, journal: TaskJournal): number {
  if (checkpoint === undefined || checkpoint === null) return 0;
  // Checkpoints are written by `positionAt` alone.
  const entry = (checkpoint as unknown as Position)[journal.id];
  if (!entry) {
    const known = Object.keys(checkpoint as object).join(", ");
    throw new HaltError(
      `The checkpoint found belongs to another history (${known}), not to this data directory's journal ${journal.id}. Materialize into a new name, or empty the target together with its checkpoint.`,
    );
  }
  return entry[1];
}
