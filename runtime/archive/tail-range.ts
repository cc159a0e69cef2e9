import type { FragmentRecord } from "../head/head.ts";

/** A tail stays as it is while it has more than so many times the documents of what comes after it. */
const RATIO = 2;

/**
 * From which offset on the next tail is cut, when the documents from `stored` to `next` have none: small ones before it
 * are cut anew with it. So the tails of a day are of falling sizes, each more than twice the sum of those after it: their number is
 * logarithmic in the number of documents, and so is how often a document is put.
 * @param tails published ones, in the order of their offsets
 */
export function nextTailFrom(
  tails: readonly Pick<FragmentRecord, "first" | "last">[],
  archived: number,
  stored: number,
  next: number,
): number {
  let from = stored;
  for (const { first, last } of tails.toReversed()) {
    if (last < archived || first < archived || first >= from) continue;
    if (from - first > RATIO * (next - from)) break;
    from = first;
  }
  return from;
}
