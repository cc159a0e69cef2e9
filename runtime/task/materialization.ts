import { setImmediate as nextTurn } from "node:timers/promises";
import type { MaterializationDriver, TargetSession } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json } from "../../plan/plan.ts";
import { newestRequest } from "../backfill/request.ts";
import type { Head, Position } from "../head/head.ts";
import { MergedReader } from "../journal/merged-reader.ts";
import type { ObjectStore } from "../store/store.ts";
import { DocumentSource } from "./document-source.ts";
import { deltaBatch, reducedBatch } from "./materialization/batch.ts";
import { TargetStart } from "./target-start.ts";
import type { MaterializationTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Documents in a transaction that show that there are more: a quiet flow need not ask for them while it waits for the target. */
const BACKLOG = 1_000;
/** Documents that are worked on while a transaction is under way before its connection is seen to: a millisecond of work. */
const TURN_DOCUMENTS = 2_000;

/**
 * Reads the source from the checkpoint that the target holds, combines by key, and stores rows and checkpoint in
 * one transaction of the target. While that runs, the next documents are read and combined: so a transaction
 * grows under load and is small when the flow is quiet.
 */
export async function runMaterialization(
  task: MaterializationTask,
  driver: MaterializationDriver,
  head: Head,
  store: ObjectStore,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const { plan } = task;
  const begin = new TargetStart(task, await newestRequest(head, task.serves ?? task.name));
  protocolPoint("materialization.open.before");
  const session = await driver.open({
    task: task.name,
    collection: task.collection,
    config: task.config,
    mode: plan.mode ?? "standard",
    mayReshape: (position) => begin.mayReshape(position),
    mayRemake: (position) => begin.mayRemake(position),
    renamedFrom: plan.renamedFrom && `${plan.connector}:${plan.renamedFrom}`,
    log: taskLog(task.name, report),
  });
  try {
    protocolPoint("materialization.open.after");
    const start = await begin.begin(head, session, report);
    const reader = await openReader(task, head, store, start);
    const source = new DocumentSource(reader, task.epoch);
    await follow(task, session, source, (position) => begin.checkpoint(position), signal, report);
  } finally {
    await session.close().catch(() => {}); // the connection may be what failed
  }
}

function openReader(
  { plan, epoch }: MaterializationTask,
  head: Head,
  store: ObjectStore,
  start: Position,
): Promise<MergedReader> {
  const { collection, where } = plan;
  const view = { collection, where, fromTime: 0, untilTime: Infinity, priority: 0, readDelayMs: 0 };
  return MergedReader.open(head, store, [view], [Object.keys(start).length === 0 ? undefined : start], epoch);
}

async function follow(
  task: MaterializationTask,
  session: TargetSession,
  source: DocumentSource,
  checkpoint: (position: Position) => Json,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const { mode } = task.plan;
  const batch = mode === "delta" ? deltaBatch(task, session) : reducedBatch(task, session);
  report({ kind: "opened", task: task.name });
  report({ kind: "progress", task: task.name, positions: [source.position], documents: 0, at: 0 });
  /** All that are under way; and all but the newest. */
  let storing: Promise<void> = Promise.resolve();
  let before: Promise<void> = storing;
  let underWay = 0;
  // In a quiet flow no document may come for long: waiting for one ends when the transaction under way fails.
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  /** Takes what is there, up to what a transaction holds. */
  const fill = async () => {
    let turnFrom = source.taken;
    do {
      batch.fill(source, TURN_DOCUMENTS);
      if (underWay > 0 && source.taken - turnFrom >= TURN_DOCUMENTS) {
        await nextTurn();
        turnFrom = source.taken;
      }
    } while (!batch.full && (await source.more()));
  };
  while (await source.ready(ended)) {
    const from = source.taken;
    await fill();
    // What comes while the transaction before is being stored goes with this one.
    while (underWay > 0 && !batch.full && source.taken - from >= BACKLOG && (await source.look())) {
      await fill();
    }
    if (underWay > 0 && !batch.full) {
      await storing;
      if (await source.look()) await fill();
    }
    const { position, at, taken } = source;
    const store = batch.take();
    await (batch.pipelines ? before : storing);
    protocolPoint("materialization.store.before");
    underWay++;
    const stored = store(checkpoint(position)).then(() => {
      underWay--;
      protocolPoint("materialization.store.after");
      report({ kind: "progress", task: task.name, positions: [position], documents: taken - from, at });
    });
    before = storing;
    // The first failure is the cause of the others.
    storing = Promise.all([before, stored]).then(() => {});
    storing.catch(() => failed.abort());
  }
  await storing;
}
