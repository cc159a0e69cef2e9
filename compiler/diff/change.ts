import type { FieldChange } from "../../plan/evolution/difference.ts";

/** What the diff of two plans says. `schema.json` beside this file is the published form of its JSON rendering. */

/**
 * What a change does to data. `code-only`, and `resume` of a derivation, are choices that a flow makes by `continues`;
 * a connector may `resume` by itself.
 */
export type Action = "create" | "update" | "code-only" | "resume" | "rebuild" | "destroy";

/** In the order in which a reviewer should see them. */
export const ACTIONS: readonly Action[] = ["destroy", "rebuild", "resume", "code-only", "update", "create"];

/** A captured or derived collection with the task that fills it, or a target with the task that fills that. */
export type ChangeKind = "capture" | "derivation" | "materialization";

/** Where the documents come from that are read again: a collection from its first offset on, or a capture's source. */
export type ReplayFrom = { readonly collection: string; readonly offset: 0 } | { readonly source: string };

export const OFFLINE = "unknown (offline)";

/** Commit times of the first and the last document, UTC: ISO 8601, a date alone where no more is known. */
export interface TimeSpan {
  readonly from: string;
  readonly to: string;
}

export interface Replay {
  readonly from: readonly ReplayFrom[];
  readonly documents: number | typeof OFFLINE;
  readonly bytes: number | typeof OFFLINE;
  /** Of what is read; null where there is nothing. */
  readonly times: TimeSpan | null | typeof OFFLINE;
  /** Whether only a part of that is read, by partition or time; how much of it is not told. */
  readonly atMost?: true;
}

export interface Change {
  readonly kind: ChangeKind;
  /** The collection's name, or the target's resource. */
  readonly name: string;
  readonly action: Action;
  /** Whether something that is stored or kept in step now is not afterwards. */
  readonly destructive: boolean;
  readonly reason: string;
  /** Names through the graph, from what caused the change to the changed thing itself. */
  readonly because: readonly string[];
  readonly fields: readonly FieldChange[];
  readonly replay: Replay | null;
  /** Statements that make a new target, or alter one that stays, if they are known; the diff of two plans alone has none. */
  readonly sql?: readonly string[];
  /** What may surprise, and how to avoid it. */
  readonly caution: string | null;
  /** Why `weir run` refuses a plan with this change, or null where it applies it. */
  readonly refusedToday: string | null;
}

export type Verdict = "none" | "safe" | "rebuild" | "destructive";

export type Summary = Readonly<Record<Action, number>> & { readonly refusedToday: number };

export interface PlanDiff {
  readonly verdict: Verdict;
  readonly summary: Summary;
  /** What a reviewer must see comes first. */
  readonly changes: readonly Change[];
}

/** How much a collection holds, from a data directory. */
export interface CollectionSize {
  readonly documents: number;
  readonly bytes: number;
  /** Null where there is no document. */
  readonly times: TimeSpan | null;
}

export function diffOf(changes: readonly Change[]): PlanDiff {
  const sorted = [...changes].sort(
    (a, b) =>
      Number(b.destructive) - Number(a.destructive) ||
      ACTIONS.indexOf(a.action) - ACTIONS.indexOf(b.action) ||
      // Causes before what follows from them.
      a.because.length - b.because.length ||
      KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
      (a.name < b.name ? -1 : 1),
  );
  const count = (action: Action) => sorted.filter((change) => change.action === action).length;
  return {
    verdict: verdictOf(sorted),
    summary: {
      create: count("create"),
      update: count("update"),
      "code-only": count("code-only"),
      resume: count("resume"),
      rebuild: count("rebuild"),
      destroy: count("destroy"),
      refusedToday: sorted.filter(({ refusedToday }) => refusedToday !== null).length,
    },
    changes: sorted,
  };
}

const KINDS: readonly ChangeKind[] = ["capture", "derivation", "materialization"];

function verdictOf(changes: readonly Change[]): Verdict {
  if (changes.length === 0) return "none";
  if (changes.some(({ destructive }) => destructive)) return "destructive";
  return changes.some(({ action }) => action === "rebuild") ? "rebuild" : "safe";
}
