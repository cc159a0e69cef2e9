/**
 * Named steps between which a crash must do no harm. They do nothing by themselves: the fault harness (`test/faults/`)
 * puts a function on `globalThis[Symbol.for("weir.protocolPoint")]` before a thread's modules load, and ends or pauses
 * the process there.
 */

/** `<part>.<step>.<moment>`. The harness kills at every one of them, in every phase in which it is passed. */
export const PROTOCOL_POINTS = [
  /** At the start: the plan's journals are made, and the plan is noted as what is applied. */
  "start.journals.after",
  "start.plan.after",

  /** A group of transactions is written and flushed by the head. */
  "head.commit.before",
  "head.commit.after",
  /** The shards of a task are laid out: their entries, positions and fences replace those of the layout before. */
  "head.layout.before",
  "head.layout.after",
  /** A number of shards that a person asked for is noted, and the task not yet laid out so. */
  "scale.noted.after",

  /** A fragment's range is recorded, the object uploaded, seen in the store's own listing, and put into the index. */
  "archive.intend.before",
  "archive.intend.after",
  "archive.upload.after",
  "archive.publish.before",
  "archive.publish.after",
  /** Small fragments that a full one covers leave the store, then the index. */
  "archive.tails.before",
  "archive.tails.deleted",
  "archive.tails.after",
  /** A claim of the store is put, then known to be the newest. */
  "claim.put.before",
  "claim.put.after",
  "claim.hold.before",
  "claim.hold.after",
  /** Objects that no history counts any more leave the store. */
  "archive.strays.before",
  "archive.strays.after",
  /** A cut is put, seen in the store's own listing, noted in the head; then those before it leave the store. */
  "archive.cut.before",
  "archive.cut.put",
  "archive.cut.noted",
  "archive.cut.after",
  /** The head lets go of what is in full fragments. */
  "archive.trim.before",
  "archive.trim.after",

  /** What the store has is written into a head of its own, the store is claimed, and the head gets its name. */
  "restore.written.after",
  "restore.claim.put",
  "restore.claim.after",
  "restore.rename.after",

  /** A capture has raised its fence, and has its cursor. */
  "capture.open.after",
  /** Documents and cursor are committed; the driver is told only afterwards. */
  "capture.append.before",
  "capture.append.after",
  /** What was committed is acknowledged: the answer is given to the client, and has been sent. */
  "http.answer.before",
  "http.answer.after",
  /** The last rows of a file are committed, and the next file is begun. */
  "files.file.after",

  /** A reader has passed from fragments to the head, and has not yet handed out the first document of the head. */
  "reader.cutover.before",

  /** A derivation has raised its fence, and has its checkpoint. */
  "derivation.open.after",
  /** Outputs, state and checkpoint are one transaction of the head. */
  "derivation.commit.before",
  "derivation.commit.after",

  /** A target is prepared, its fence is raised, and its position read. */
  "materialization.open.before",
  "materialization.open.after",
  /** Rows and position are handed to the target, and it says that they are stored. */
  "materialization.store.before",
  "materialization.store.after",

  /** The table is there; then the former owner is ended and the fence raised. */
  "postgres.fence.before",
  "postgres.fence.after",
  /** Rows are in the batch table of an open transaction. */
  "postgres.copy.after",
  /** The checkpoint has moved and the rows are written, in a transaction that is still open. */
  "postgres.commit.before",
  /** The answer to the commit has come. */
  "postgres.commit.after",
  /** The table is emptied, and its checkpoint with it. */
  "postgres.clear.before",
  "postgres.clear.after",
  /** The table filled beside another has its name, in a transaction that is still open; then the answer to its commit has come. */
  "postgres.swap.before",
  "postgres.swap.after",

  "redis.fence.before",
  "redis.fence.after",
  /** One script checks fence and position, writes the rows and moves the position. */
  "redis.store.before",
  "redis.store.after",
  /** The checkpoint says that rows are being removed; some are; all are, and the checkpoint says so. */
  "redis.clear.begun",
  "redis.clear.rows",
  "redis.clear.after",
  /** One script moves the rows of both places and their checkpoints. */
  "redis.swap.before",
  "redis.swap.after",

  /** What `weir backfill` asks is noted in the head, before the target's task is opened again. */
  "backfill.request.before",
  "backfill.request.after",
  /** At such a request the position of a target is taken back, and in a log the rows from there on go with it. */
  "materialization.rewind.before",
  "materialization.rewind.after",

  /** What has been made again has caught up: what serves is stopped, what was made again too, each target is swapped, and names change. */
  "rebuild.stop.before",
  "rebuild.swaps.before",
  "rebuild.swap.after",
  "rebuild.flip.before",
  "rebuild.flip.after",
  /** What a swap has kept is deleted. */
  "drop.before",
  "drop.after",
] as const;

export type ProtocolPoint = (typeof PROTOCOL_POINTS)[number];

// Set, if at all, by a module that is loaded first in every thread; anything else there is not ours to call.
const hook: unknown = Reflect.get(globalThis, Symbol.for("weir.protocolPoint"));
const passed = typeof hook === "function" ? (hook as (point: ProtocolPoint) => void) : undefined;

/** Says that the step has come. Costs a comparison where nobody listens. */
export function protocolPoint(point: ProtocolPoint): void {
  passed?.(point);
}
