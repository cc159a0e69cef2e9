/** What a back-fill reads: from which offsets of which journals, how much, and of which time. */
import type { Head, JournalId, JournalState } from "../head/head.ts";
import { partitionPath } from "../journal/logical-partition.ts";
import { formatTime } from "../store/fragment-time.ts";
import type { ObjectStore } from "../store/store.ts";
import { firstRun } from "./offset-at.ts";

export interface BackfillExtent {
  readonly documents: number;
  readonly fragments: number;
  /** Compressed, of whole fragments: one that is begun in its middle counts in full. */
  readonly storedBytes: number;
  /** Documents that are in no fragment yet. */
  readonly headBytes: number;
  /** Commit times of the first and the last document, UTC; null where there is none. */
  readonly time: { readonly first: string; readonly last: string } | null;
  readonly journals: readonly JournalExtent[];
}

export interface JournalExtent {
  /** `country=NL/p=00`. */
  readonly partition: string;
  readonly from: number;
  /** Offset after the last document that there is now. */
  readonly to: number;
  readonly fragments: number;
  readonly storedBytes: number;
  readonly headBytes: number;
}

/** `from` has the first offset of each journal; 0 where it is not named. */
export async function extentOf(
  head: Head,
  store: ObjectStore,
  journals: readonly JournalState[],
  from: Readonly<Record<JournalId, number>>,
): Promise<BackfillExtent> {
  const extents: JournalExtent[] = [];
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const journal of journals) {
    const start = from[journal.id] ?? 0;
    extents.push(await journalExtent(head, journal, start));
    if (start >= journal.next) continue;
    first = Math.min(first, (await firstRun(head, store, journal, start))?.at ?? first);
    last = Math.max(last, journal.lastAt);
  }
  const sum = (of: (extent: JournalExtent) => number) => extents.reduce((all, each) => all + of(each), 0);
  return {
    documents: sum((extent) => extent.to - extent.from),
    fragments: sum(({ fragments }) => fragments),
    storedBytes: sum(({ storedBytes }) => storedBytes),
    headBytes: sum(({ headBytes }) => headBytes),
    time: last === 0 ? null : { first: formatTime(first), last: formatTime(last) },
    journals: extents,
  };
}

async function journalExtent(head: Head, journal: JournalState, from: number): Promise<JournalExtent> {
  const { id, next, archived, headBytes } = journal;
  const read = (await head.fragments(id)).filter(({ kind, last }) => kind === "full" && last >= from);
  const inHead = next - Math.max(from, archived);
  return {
    partition: partitionPath(journal),
    from: Math.min(from, next),
    to: next,
    fragments: read.length,
    storedBytes: read.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    // Of the head's documents a part may be passed over: in proportion, since only their sum is known.
    headBytes: inHead <= 0 ? 0 : Math.round((headBytes * inHead) / (next - archived)),
  };
}
