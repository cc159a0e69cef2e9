import {
  type DeltaDocument,
  HaltError,
  type MaterializationDriver,
  type RowChange,
  type TargetSession,
} from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json, JsonObject } from "../../plan/plan.ts";
import type { Head, Position } from "../head/head.ts";
import { MergedReader } from "../journal/merged-reader.ts";
import { Combiner, keysToLoad, withStored } from "../reduction/combiner.ts";
import { compileReducer } from "../reduction/reducer.ts";
import type { ObjectStore } from "../store/store.ts";
import { isPastCut } from "../store-epoch/ownership.ts";
import { DocumentSource } from "./document-source.ts";
import type { MaterializationTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Documents that one transaction combines at most, however few keys they have: bounds what a crash repeats. */
const TRANSACTION_DOCUMENTS = 500_000;

/** A transaction in the making: documents are added until it is full, then it is taken. */
interface Batch {
  readonly full: boolean;
  /** Adds documents of one run. */
  fill(source: DocumentSource): void;
  /** Begins a new one. What is returned stores what was added, in one transaction of the target. */
  take(): (next: Json) => Promise<void>;
}

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
  protocolPoint("materialization.open.before");
  const session = await driver.open({
    task: task.name,
    collection: task.collection,
    config: task.config,
    mode: plan.mode ?? "standard",
    mayReshape: (position) => mayReshape(task, position),
    renamedFrom: plan.renamedFrom && `${plan.connector}:${plan.renamedFrom}`,
    log: taskLog(task.name, report),
  });
  try {
    protocolPoint("materialization.open.after");
    const start = await startOf(task, head, session, report);
    const reader = await openReader(task, head, store, start);
    await follow(task, session, new DocumentSource(reader, task.epoch), signal, report);
  } finally {
    await session.close().catch(() => {}); // the connection may be what failed
  }
}

/** What a target keeps: where its rows end, and which of the user's back-fills they are of. */
interface Checkpoint {
  readonly journals: Position;
  readonly backfill: number;
}

/** Empties the target where the flow asks for a back-fill that it has not had, or a restore has cut off what it holds. */
async function startOf(
  task: MaterializationTask,
  head: Head,
  session: TargetSession,
  report: Report,
): Promise<Position> {
  const { backfill = 0 } = task.plan;
  if (session.position === undefined) return {};
  const found = readCheckpoint(session.position);
  if (found === undefined) {
    throw new HaltError(
      `The checkpoint that the target of "${task.name}" holds was not written by this version of Weir; empty the target together with its checkpoint, or materialize into a new name.`,
    );
  }
  const log = taskLog(task.name, report);
  if (found.backfill === backfill) {
    const known = new Set((await head.journals()).map(({ id }) => id));
    const { restores = [] } = task;
    if (!isPastCut(found.journals, restores, (id) => known.has(id))) return found.journals;
    log.warn(
      "Empties the target and fills it from history: it holds documents that were lost when the history was restored, since the store did not have them yet.",
    );
  } else {
    log.info(
      `Empties the target and fills it from history: backfill is ${backfill}, and was ${found.backfill}.`,
    );
  }
  await session.clear({ journals: {}, backfill });
  return {};
}

/** Where the flow has it filled from history again, whether it fits or not, or says so of a target that does not fit. */
function mayReshape({ plan }: MaterializationTask, position: Json | undefined): boolean {
  const found = position === undefined ? NOTHING_STORED : readCheckpoint(position);
  if (found === undefined) return false;
  return plan.onSchemaChange === "backfill" || found.backfill !== (plan.backfill ?? 0);
}

const NOTHING_STORED: Checkpoint = { journals: {}, backfill: 0 };

function readCheckpoint(position: Json): Checkpoint | undefined {
  const { journals, backfill } = Object(position) as { journals?: unknown; backfill?: unknown };
  if (typeof journals !== "object" || journals === null || typeof backfill !== "number") return undefined;
  // `journals` is what `follow` wrote.
  return { journals: journals as Position, backfill };
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
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const { mode, backfill = 0 } = task.plan;
  const batch = mode === "delta" ? deltaBatch(task, session) : reducedBatch(task, session);
  report({ kind: "opened", task: task.name });
  report({ kind: "progress", task: task.name, positions: [source.position], documents: 0, at: 0 });
  let storing: Promise<void> = Promise.resolve();
  // In a quiet flow no document may come for long: waiting for one ends when the transaction under way fails.
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  while (await source.ready(ended)) {
    const from = source.taken;
    do {
      batch.fill(source);
    } while (!batch.full && (await source.more()));
    const { position, at, taken } = source;
    const store = batch.take();
    await storing;
    protocolPoint("materialization.store.before");
    storing = store({ journals: position, backfill }).then(() => {
      protocolPoint("materialization.store.after");
      report({ kind: "progress", task: task.name, positions: [position], documents: taken - from, at });
    });
    storing.catch(() => failed.abort());
  }
  await storing;
}

/** A row per key, fully reduced. */
function reducedBatch({ collection }: MaterializationTask, session: TargetSession): Batch {
  const reducer = compileReducer(collection);
  const combiner = new Combiner(collection, reducer);
  let documents = 0;
  return {
    get full() {
      return combiner.size >= session.maxRows || documents >= TRANSACTION_DOCUMENTS;
    },
    fill(source) {
      const before = source.taken;
      source.take(TRANSACTION_DOCUMENTS - documents, (document, { removed }) => {
        if (removed) combiner.remove(document);
        else combiner.add(document);
        return combiner.size < session.maxRows;
      });
      documents += source.taken - before;
    },
    take() {
      const changes = combiner.drain();
      documents = 0;
      return async (next) => {
        const rows = session.reducesInTarget
          ? changes
          : withStored(reducer, changes, await load(changes, session));
        await session.store(rows, next);
      };
    },
  };
}

async function load(
  changes: readonly RowChange[],
  session: TargetSession,
): Promise<readonly (JsonObject | undefined)[]> {
  const keys = keysToLoad(changes);
  return keys.length === 0 ? [] : session.load(keys);
}

/** A row per document, as it was appended. */
function deltaBatch({ name }: MaterializationTask, session: TargetSession): Batch {
  const append = session.append?.bind(session);
  if (append === undefined) throw new HaltError(`The target of "${name}" has no mode "delta"; leave it out.`);
  let documents: DeltaDocument[] = [];
  return {
    get full() {
      return documents.length >= session.maxRows;
    },
    fill(source) {
      source.take(session.maxRows - documents.length, (document, place) => {
        documents.push({ ...place, document: place.removed ? withoutMeta(document) : document });
        return true;
      });
    },
    take() {
      const taken = documents;
      documents = [];
      return (next) => append(taken, next);
    },
  };
}

function withoutMeta({ _meta, ...document }: JsonObject): JsonObject {
  return document;
}
