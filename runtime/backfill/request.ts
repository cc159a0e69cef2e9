/**
 * What a user asked with `weir backfill`: a note of the head for each target, written before anything is touched. The
 * target's checkpoint names the request that it has had, and is written in the same transaction of the target as what the
 * request does there. So a request is carried out exactly once, whatever ends in between; and of several the newest.
 */
import { randomUUID } from "node:crypto";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import type { Head, JournalId, Position } from "../head/head.ts";

export interface BackfillRequest {
  /** Of this request alone: it is what the target's checkpoint names. */
  readonly id: string;
  /** Offsets to read again from; undefined where the target is emptied and filled from the beginning. */
  readonly from: Readonly<Record<JournalId, number>> | undefined;
}

const noteOf = (task: string) => `backfill ${task}`;

/** Replaces an earlier request, whether it was carried out or not. */
export async function requestBackfill(
  head: Head,
  task: string,
  from: BackfillRequest["from"],
): Promise<BackfillRequest> {
  const request: BackfillRequest = { id: randomUUID(), from };
  protocolPoint("backfill.request.before");
  const note: Json = from === undefined ? { id: request.id } : { id: request.id, from };
  await head.setNote(noteOf(task), note);
  protocolPoint("backfill.request.after");
  return request;
}

/** The newest request, carried out or not; undefined if there never was one. */
export async function newestRequest(head: Head, task: string): Promise<BackfillRequest | undefined> {
  const note = (await head.getNote(noteOf(task))) as BackfillRequest | undefined; // written above
  return note && { id: note.id, from: note.from };
}

/**
 * Where a target that stands at `position` goes on for this request: each journal from the offset asked for, but never
 * from a later one than it stands at. What lies between would be skipped, and where an earlier request has taken rows
 * back to what they were before it, they would stay so.
 */
export function rewound(position: Position, from: NonNullable<BackfillRequest["from"]>): Position {
  const moved = Object.entries(position).map(([journal, [epoch, offset]]) => {
    const wanted = Object.hasOwn(from, journal) ? (from[journal] ?? offset) : offset;
    return [journal, [epoch, Math.min(offset, wanted)] as const] as const;
  });
  return Object.fromEntries(moved);
}
