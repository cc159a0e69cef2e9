import type { Json } from "../../plan/plan.ts";
import type { Head } from "../head/head.ts";
import { taskOfDeadLetters } from "./names.ts";

export interface DeadLetterCount {
  readonly task: string;
  readonly letters: number;
}

/** Kept as the checkpoint of what replays and drops: so that letters can be counted without being read. */
export interface DeskCheckpoint {
  /** Letters that were taken away, ever. */
  readonly removed: number;
}

/** What a checkpoint under the name of a dead-letter collection says. */
export function removedIn(checkpoint: Json | undefined): number {
  // Written by the desk alone.
  return (checkpoint as DeskCheckpoint | undefined)?.removed ?? 0;
}

/** Of the tasks that have dead letters, in the order of their names. */
export async function deadLetterCounts(head: Head): Promise<DeadLetterCount[]> {
  const journals = (await head.journals()).filter(
    ({ collection }) => taskOfDeadLetters(collection) !== undefined,
  );
  const appended = new Map<string, number>();
  for (const { collection, next } of journals) {
    appended.set(collection, (appended.get(collection) ?? 0) + next);
  }
  const collections = [...appended.keys()].sort();
  const checkpoints = await head.checkpoints(collections);
  return collections
    .map((collection, i) => ({
      task: taskOfDeadLetters(collection) ?? "",
      // Each removal is a line of its own, beside that of its letter.
      letters: (appended.get(collection) ?? 0) - 2 * removedIn(checkpoints[i]),
    }))
    .filter(({ letters }) => letters > 0);
}
