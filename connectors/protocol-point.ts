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
  /** The shards of a task are laid out: their entries, positions and fences replace those of the layout before. */
  "head.layout.before",
  "head.layout.after",
  /** A number of shards that a person asked for is noted, and the task not yet laid out so. */
  "scale.noted.after",
] as const;

export type ProtocolPoint = (typeof PROTOCOL_POINTS)[number];

// Set, if at all, by a module that is loaded first in every thread; anything else there is not ours to call.
const hook: unknown = Reflect.get(globalThis, Symbol.for("weir.protocolPoint"));
const passed = typeof hook === "function" ? (hook as (point: ProtocolPoint) => void) : undefined;

/** Says that the step has come. Costs a comparison where nobody listens. */
export function protocolPoint(point: ProtocolPoint): void {
  passed?.(point);
}
