/** What `weir status` tells of a runtime. */
import type { DeadLetterCount } from "./deadletters/counts.ts";
import type { Head, StoredCut } from "./head/head.ts";
import { isInternal } from "./internal-collections.ts";
import { STORED_CUT } from "./notes.ts";
import type { RebuildStatus } from "./rebuild/rebuild.ts";
import { formatTime } from "./store/fragment-time.ts";
import type { TaskStatus } from "./task-status.ts";

export interface StatusReport {
  readonly planHash: string;
  readonly pid: number;
  readonly tasks: readonly TaskStatus[];
  readonly collections: readonly CollectionStatus[];
  /** Of the tasks that have some, whether they run or not. */
  readonly deadLetters: readonly DeadLetterCount[];
  /** What is made again beside what stands; null where nothing is. */
  readonly rebuild: RebuildStatus | null;
  readonly store: StoreStatus;
}

export interface CollectionStatus {
  readonly name: string;
  /** Where its fragments are in the store: its name, or that of the generation that serves, `shop/spend~2`. */
  readonly folder: string;
  /** Documents ever appended. */
  readonly documents: number;
  /** Documents of these that come after what the store alone can bring back: what a lost disk would lose. */
  readonly notInStore: number;
}

export interface StoreStatus {
  readonly location: string;
  /** Commit time to which `weir restore` would return, ISO 8601; null while there is nothing to return to. */
  readonly restorableTo: string | null;
  readonly lastError: string | null;
}

/** What the head says of collections, and of what the store has of them. */
export async function storageOf(
  head: Head,
): Promise<{ collections: CollectionStatus[]; restorableTo: string | null }> {
  const cut = (await head.getNote(STORED_CUT)) as unknown as StoredCut | undefined; // written by the head
  const { journals } = await head.survey();
  const own = journals.filter(({ collection }) => !isInternal(collection));
  const names = [...new Set(own.map(({ collection }) => collection))].sort();
  const collections = names.map((name) => {
    const parts = own.filter(({ collection }) => collection === name);
    return {
      name,
      folder: parts[0]?.home ?? name,
      documents: parts.reduce((sum, { next }) => sum + next, 0),
      notInStore: parts.reduce((sum, { next, restorable }) => sum + next - restorable, 0),
    };
  });
  return { collections, restorableTo: cut ? formatTime(cut.clock) : null };
}
