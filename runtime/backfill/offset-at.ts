import type { Head, JournalState } from "../head/head.ts";
import { JournalReader } from "../journal/reader.ts";
import type { Run } from "../journal/run.ts";
import type { ObjectStore } from "../store/store.ts";

/**
 * Offset of a journal's first document that was committed at or after a time (µs since 1970 UTC); its end if there is
 * none. Looks into about as many fragments as the number of fragments has binary digits.
 */
export async function offsetAt(
  head: Head,
  store: ObjectStore,
  journal: JournalState,
  time: number,
): Promise<number> {
  if (journal.lastAt < time) return journal.next;
  const fragments = (await head.fragments(journal.id)).filter(({ kind }) => kind === "full");
  const starts = [...fragments.map(({ first }) => first), journal.archived];
  // The last of these begins before the time, or at it; the one that is sought is not in a part before that.
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const run = await firstRun(head, store, journal, starts[middle] ?? 0);
    if (run !== undefined && run.at < time) low = middle;
    else high = middle - 1;
  }
  const reader = new JournalReader(head, store, journal.id, starts[low] ?? 0);
  for (;;) {
    const chunk = await reader.poll();
    if (chunk === undefined) return journal.next;
    const found = chunk.runs.find(({ at }) => at >= time);
    if (found) return found.first;
  }
}

/** The commit from an offset on; undefined at the end. */
export async function firstRun(
  head: Head,
  store: ObjectStore,
  { id, next }: JournalState,
  offset: number,
): Promise<Run | undefined> {
  if (offset >= next) return undefined;
  const reader = new JournalReader(head, store, id, offset);
  reader.readAhead = { chunkBytes: 1, keepBytes: Number.POSITIVE_INFINITY, prefetch: false };
  return (await reader.poll())?.runs[0];
}
