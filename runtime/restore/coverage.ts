/** Which objects of a journal bring back its documents. Pure. */
import type { FragmentRecord } from "../head/head.ts";

/** An object that holds documents of one journal. */
export interface Candidate extends FragmentRecord {
  readonly epoch: number;
  /** Offset up to which its documents count: from there on they belong to no history. */
  readonly limit: number;
}

/**
 * The full fragments that the index gets, without a gap from the one that has `start` on. Each counts whole; of two that
 * begin at one offset that of the newer epoch does.
 */
export function wholeFragments(candidates: readonly Candidate[], start: number, end: number): Candidate[] {
  const byFirst = new Map<number, Candidate>();
  let begin: Candidate | undefined;
  for (const candidate of candidates) {
    const { kind, first, last, limit, epoch } = candidate;
    if (kind !== "full" || last >= limit || last >= end) continue;
    const known = byFirst.get(first);
    if (!known || known.epoch < epoch) byFirst.set(first, candidate);
    const hasStart = first <= start && last >= start;
    if (hasStart && (begin === undefined || begin.epoch < epoch)) begin = candidate;
  }
  const chain: Candidate[] = [];
  for (let next = begin; next; next = byFirst.get(next.last + 1)) chain.push(next);
  return chain;
}

/** Offset after the last document that this object gives. */
export function endOf({ last, limit }: Candidate, end: number): number {
  return Math.min(last + 1, limit, end);
}

/** Those that have the document at this offset: the one that gives most after it first. */
export function havingOffset(candidates: readonly Candidate[], offset: number, end: number): Candidate[] {
  return candidates
    .filter((candidate) => candidate.first <= offset && endOf(candidate, end) > offset)
    .sort((a, b) => endOf(b, end) - endOf(a, end) || b.epoch - a.epoch);
}

/** The first documents that no object has, inclusive; undefined where there is every document from `start` to `end`. */
export function firstGap(
  candidates: readonly Candidate[],
  start: number,
  end: number,
): { readonly first: number; readonly last: number } | undefined {
  let covered = start;
  const sorted = [...candidates].sort((a, b) => a.first - b.first);
  for (const candidate of sorted) {
    if (covered >= end) return undefined;
    const until = endOf(candidate, end);
    if (until <= covered) continue;
    if (candidate.first > covered) return { first: covered, last: Math.min(candidate.first, end) - 1 };
    covered = until;
  }
  return covered >= end ? undefined : { first: covered, last: end - 1 };
}
