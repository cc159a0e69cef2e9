/** How much each collection holds, from what the head knows: nothing is read from the store. */
import type { Head, JournalState } from "./head/head.ts";
import { isInternal } from "./internal-collections.ts";
import { parseFragmentKey } from "./store/fragment-name.ts";
import { formatTime } from "./store/fragment-time.ts";

export interface StoredSize {
  /** Documents ever appended. */
  readonly documents: number;
  /** As they are stored: fragments compressed, the head's as they are. */
  readonly bytes: number;
  /**
   * Commit times of the first and the last document, UTC; null where there is none. Of a document that is in a fragment
   * only the date is known (`2026-11-23`), of one in the head all of it (`2026-11-23T03:40:39.123456Z`).
   */
  readonly times: TimeSpan | null;
}

interface TimeSpan {
  readonly from: string;
  readonly to: string;
}

/** By collection, of those that have journals. */
export async function sizesOf(head: Head): Promise<Readonly<Record<string, StoredSize>>> {
  const sizes: Record<string, StoredSize> = {};
  for (const journal of await head.journals()) {
    if (isInternal(journal.collection)) continue;
    const own = await sizeOf(head, journal);
    const before = sizes[journal.collection];
    sizes[journal.collection] = before === undefined ? own : sumOf(before, own);
  }
  return sizes;
}

async function sizeOf(head: Head, { id, next, headBytes, lastAt }: JournalState): Promise<StoredSize> {
  const full = (await head.fragments(id)).filter(({ kind }) => kind === "full");
  const bytes = full.reduce((sum, { storedBytes }) => sum + storedBytes, headBytes);
  const from = next === 0 ? undefined : await firstTime(head, id);
  const times = from === undefined ? null : { from, to: formatTime(lastAt) };
  return { documents: next, bytes, times };
}

async function firstTime(head: Head, journal: string): Promise<string | undefined> {
  const first = await head.read(journal, 0, 1);
  switch (first.kind) {
    case "fragment":
      return parseFragmentKey(first.fragment.key)?.date;
    case "runs":
      return first.runs[0] && formatTime(first.runs[0].at);
    case "end":
      return undefined;
  }
}

function sumOf(a: StoredSize, b: StoredSize): StoredSize {
  return {
    documents: a.documents + b.documents,
    bytes: a.bytes + b.bytes,
    times: a.times === null || b.times === null ? (a.times ?? b.times) : spanOf(a.times, b.times),
  };
}

/** A date comes before all times of its day, in the order of texts too. */
function spanOf(...spans: readonly TimeSpan[]): TimeSpan {
  const [from = ""] = spans.map((span) => span.from).sort();
  const to =
    spans
      .map((span) => span.to)
      .sort()
      .at(-1) ?? "";
  return { from, to };
}
