/**
 * Named steps between which a crash must do no harm. They do nothing by themselves: the fault harness (`test/faults/`)
 * puts a function on `globalThis[Symbol.for("weir.protocolPoint")]` before a thread's modules load, and ends or pauses
 * the process there.
 */

/** `<part>.<step>.<moment>`. The harness kills at every one of them, in every phase in which it is passed. */
export const PROTOCOL_POINTS = [
  /** A group of transactions is written and flushed by the head. */
  "head.commit.before",
  "head.commit.after",
  /** What `weir backfill` asks is noted in the head, before the target's task is opened again. */
  "backfill.request.before",
  "backfill.request.after",
  /** A target is emptied, or its position is taken back, at a user's request or the flow's. */
  "materialization.clear.before",
  "materialization.clear.after",
  "materialization.rewind.before",
  "materialization.rewind.after",
  /** Redis: the rows go in several steps, after the checkpoint says that they do. */
  "redis.clear.begun",
  "redis.clear.removed",
] as const;

export type ProtocolPoint = (typeof PROTOCOL_POINTS)[number];

// Set, if at all, by a module that is loaded first in every thread; anything else there is not ours to call.
const hook: unknown = Reflect.get(globalThis, Symbol.for("weir.protocolPoint"));
const passed = typeof hook === "function" ? (hook as (point: ProtocolPoint) => void) : undefined;

/** Says that the step has come. Costs a comparison where nobody listens. */
export function protocolPoint(point: ProtocolPoint): void {
  passed?.(point);
}
