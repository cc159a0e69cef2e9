/**
 * Where each protocol point can be passed. A point that is not named here is passed again and again while documents flow,
 * in every phase: a new one is covered without an entry. What is declared out of reach and is passed all the same fails too.
 */
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import { PROTOCOL_POINTS } from "../../connectors/protocol-point.ts";
import type { Asked, RoundPhase, Step } from "./round.ts";

interface Reach {
  readonly phases: readonly RoundPhase[];
  readonly atStart: boolean;
  readonly asks?: Asked;
  /** Phases in which chance decides whether it is passed. */
  readonly maybe?: readonly RoundPhase[];
  readonly reason: string;
}

const FLOWING: Reach = {
  phases: ["back-fill", "cutover", "live"],
  atStart: false,
  reason: "passed while documents flow",
};
const STARTING: Reach = {
  phases: ["back-fill", "cutover", "live"],
  atStart: true,
  reason: "passed when the runtime or a task starts: it is killed in the phase, and again while it starts",
};
const CLEARING: Reach = {
  phases: ["refill"],
  atStart: false,
  reason: "a target is emptied only where its counter of back-fills has moved",
};

const REBUILDING: Reach = {
  phases: ["rebuild"],
  atStart: false,
  reason: "what stands is replaced only where a plan has given it another meaning",
};
const DROPPING: Reach = {
  phases: ["rebuild"],
  atStart: false,
  asks: "drops",
  reason: "what was replaced is deleted only when someone asks for it",
};
const SCALING: Reach = {
  phases: ["back-fill", "cutover", "live"],
  atStart: false,
  asks: "shards",
  reason: "the number of a derivation's shards changes only when someone asks for it",
};
const FILLING_AGAIN: Reach = {
  phases: ["back-fill", "cutover", "live"],
  atStart: false,
  asks: "back-fills",
  reason: "a target is read again only when someone asks for it",
};
const AFTER_A_RIVAL: Reach = {
  phases: [],
  atStart: false,
  reason:
    "only where another process wrote to the store, or after a restore: runtime/restore/ has tests of its own",
};
const RESTORING: Reach = {
  phases: [],
  atStart: false,
  reason: "`weir restore` alone passes it: test/end-to-end/restore.pg.test.ts kills it there",
};
const EXCEPTIONS: Partial<Readonly<Record<ProtocolPoint, Reach>>> = {
  "start.journals.after": STARTING,
  "start.plan.after": STARTING,
  "claim.put.before": STARTING,
  "claim.put.after": STARTING,
  "claim.hold.before": STARTING,
  "claim.hold.after": STARTING,
  "archive.strays.before": AFTER_A_RIVAL,
  "archive.strays.after": AFTER_A_RIVAL,
  "restore.written.after": RESTORING,
  "restore.claim.put": RESTORING,
  "restore.claim.after": RESTORING,
  "restore.rename.after": RESTORING,
  "capture.open.after": STARTING,
  "derivation.open.after": STARTING,
  "materialization.open.before": STARTING,
  "materialization.open.after": STARTING,
  "postgres.fence.before": STARTING,
  "postgres.fence.after": STARTING,
  "redis.fence.before": STARTING,
  "redis.fence.after": STARTING,
  "postgres.swap.before": REBUILDING,
  "postgres.swap.after": REBUILDING,
  "redis.swap.before": REBUILDING,
  "redis.swap.after": REBUILDING,
  "head.layout.before": SCALING,
  "head.layout.after": SCALING,
  "scale.noted.after": SCALING,
  "backfill.request.before": FILLING_AGAIN,
  "backfill.request.after": FILLING_AGAIN,
  "materialization.rewind.before": FILLING_AGAIN,
  "materialization.rewind.after": FILLING_AGAIN,
  "postgres.clear.before": CLEARING,
  "postgres.clear.after": CLEARING,
  "redis.clear.begun": CLEARING,
  "redis.clear.rows": CLEARING,
  "redis.clear.after": CLEARING,
  "rebuild.stop.before": REBUILDING,
  "rebuild.swaps.before": REBUILDING,
  "rebuild.swap.after": REBUILDING,
  "rebuild.flip.before": REBUILDING,
  "rebuild.flip.after": REBUILDING,
  "drop.before": DROPPING,
  "drop.after": DROPPING,
  "reader.cutover.before": {
    phases: ["back-fill", "cutover"],
    atStart: false,
    maybe: ["live"],
    reason: "it is the cutover; live, a reader passes it again only where the archiver has overtaken it",
  },
};

export function reachOf(point: ProtocolPoint): Reach {
  return EXCEPTIONS[point] ?? FLOWING;
}

/** The phases of a round that is about one point; `occurrence` chooses for each. */
export function stepsOf(point: ProtocolPoint, occurrence: () => number): Step[] {
  const { phases, atStart, asks, maybe = [] } = reachOf(point);
  const all: readonly RoundPhase[] = [
    "back-fill",
    "cutover",
    "live",
    ...phases.filter((phase) => phase === "refill" || phase === "rebuild"),
  ];
  return all.map((phase) => ({
    phase,
    point,
    atStart,
    asks,
    occurrence: atStart || asks !== undefined || isOnce(phase) ? 1 : occurrence(),
    fires: phases.includes(phase) ? "always" : maybe.includes(phase) ? "maybe" : "never",
  }));
}

/** Each of its steps is passed once, or once for each target. */
function isOnce(phase: RoundPhase): boolean {
  return phase === "refill" || phase === "rebuild";
}

/** Those that a round can pass. */
export const POINTS: readonly ProtocolPoint[] = PROTOCOL_POINTS.filter(
  (point) => reachOf(point).phases.length > 0,
);
