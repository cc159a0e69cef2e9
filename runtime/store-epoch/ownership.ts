/** What a data directory remembers of its claims, in a note of its head. */
import { randomBytes } from "node:crypto";
import type { Json } from "../../plan/plan.ts";
import type { Head, JournalId, Position } from "../head/head.ts";
import { STORE_EPOCH } from "../notes.ts";
import type { ClaimName } from "./claims.ts";

/** Where a history was cut off and went on. */
export interface RestorePoint {
  readonly epoch: number;
  readonly ends: Readonly<Record<JournalId, number>>;
}

export interface Ownership {
  /** Names this data directory; a copy of it has the same. */
  readonly owner: string;
  /** Of the history: the first claim, or that of the last restore. Positions carry it. Undefined before the first. */
  readonly history: number | undefined;
  /** The newest claim that is known to have been the store's newest. */
  readonly held: ClaimName | undefined;
  /** Claims that the store may have since. */
  readonly tried: readonly string[];
  /** Every restore that this history has been through. */
  readonly restores: readonly RestorePoint[];
}

export async function ownership(head: Head): Promise<Ownership> {
  const note = (await head.getNote(STORE_EPOCH)) as unknown as Partial<Ownership> | undefined; // written below
  if (note === undefined) {
    const owner = randomBytes(8).toString("hex");
    return { owner, history: undefined, held: undefined, tried: [], restores: [] };
  }
  if ("claimed" in note) return ofVersionBefore(note as unknown as NoteBefore);
  const { owner = "", history, held, tried = [], restores = [] } = note;
  return { owner, history, held, tried, restores };
}

/** One claim for ever, numbered 1. */
interface NoteBefore {
  readonly epoch: number;
  readonly owner: string;
  readonly claimed: boolean;
}

function ofVersionBefore({ epoch, owner, claimed }: NoteBefore): Ownership {
  const key = `_weir/epochs/${String(epoch).padStart(8, "0")}-${owner}`;
  return {
    owner,
    history: claimed ? epoch : undefined,
    held: claimed ? { epoch, key } : undefined,
    tried: claimed ? [] : [key],
    restores: [],
  };
}

export async function setOwnership(head: Head, ownership: Ownership): Promise<void> {
  await head.setNote(STORE_EPOCH, noteOf(ownership));
}

export function noteOf(ownership: Ownership): Json {
  return JSON.parse(JSON.stringify(ownership)) as Json; // it is JSON, but for what is undefined
}

/** What tasks need to judge a position. */
export interface History {
  readonly epoch: number;
  readonly restores: readonly RestorePoint[];
}

/**
 * Whether what was stored up to this position may have documents in it that a restore has cut off. A position that
 * names no journal of this history is another's altogether: that is not for this to say.
 */
export function isPastCut(
  position: Position,
  restores: readonly RestorePoint[],
  isKnown: (id: JournalId) => boolean,
): boolean {
  const journals = Object.entries(position);
  if (!journals.some(([id]) => isKnown(id))) return false;
  return journals.some(([id, [epoch, offset]]) =>
    restores.some((restore) => restore.epoch > epoch && offset > (restore.ends[id] ?? 0)),
  );
}

/** Throws before the store was first claimed. */
export async function historyOf(head: Head): Promise<History> {
  const { history, restores } = await ownership(head);
  if (history === undefined) throw new Error("The data directory has not claimed its store yet.");
  return { epoch: history, restores };
}
