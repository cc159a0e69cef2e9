import {
  type DeltaDocument,
  HaltError,
  type MaterializationDriver,
  type RowChange,
  type TargetSession,
} from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { Json, JsonObject } from "../../plan/plan.ts";
import { newestRequest } from "../backfill/request.ts";
import type { Head, Position } from "../head/head.ts";
import { MergedReader } from "../journal/merged-reader.ts";
import { Combiner, keysToLoad, withStored } from "../reduction/combiner.ts";
import { compileReducer } from "../reduction/reducer.ts";
import type { ObjectStore } from "../store/store.ts";
import { DocumentSource, type Take } from "./document-source.ts";
import { TargetStart } from "./target-start.ts";
import type { MaterializationTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Documents that one transaction combines at most, however few keys they have: bounds what a crash repeats. */
const TRANSACTION_DOCUMENTS = 500_000;
/** Of documents that one transaction holds, roughly, if they are as long as those it has taken. As objects they take several times that. */
const HELD_BYTES = 32 * 1024 * 1024;
/** New rows need not be looked for in the target: to wait for more of them than so many gains nothing. */
const NEW_ROWS = 100_000;
/** Of a transaction that tells whether rows are mostly new. Of a small one the target may leave all rows to be looked for. */
const TELLING_DOCUMENTS = 5_000;

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
  // What is stored must be read before it is reduced into.
  const reads = compileReducer(task.collection).combines && !session.reducesInTarget;
  const pipelines = session.pipelines === true && mode !== "delta" && !reads;
  /** All that are under way; and all but the newest. */
  let storing: Promise<void> = Promise.resolve();
  let before: Promise<void> = storing;
  let underWay = 0;
  // In a quiet flow no document may come for long: waiting for one ends when the transaction under way fails.
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  while (await source.ready(ended)) {
    const from = source.taken;
    await fill(batch, source);
    if (underWay > 0 && !batch.full) {
      // What comes while the transaction before is being stored goes with this one.
      await storing;
      if (await source.look()) await fill(batch, source);
    }
    const { position, at, taken } = source;
    const store = batch.take();
    await (pipelines ? before : storing);
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

/** Takes what is there, up to what a transaction holds. */
async function fill(batch: Batch, source: DocumentSource): Promise<void> {
  do {
    batch.fill(source);
  } while (!batch.full && (await source.more()));
}

/** A row per key, fully reduced. */
function reducedBatch({ collection }: MaterializationTask, session: TargetSession): Batch {
  const reducer = compileReducer(collection);
  const combiner = new Combiner(collection, reducer);
  // What is to be reduced is combined first.
  const begin = () => (reducer.combines ? undefined : session.newRows?.());
  let newRows = begin();
  /** Whether a large transaction has had mostly other rows: to look for new ones in the bytes, and then to parse them, would be double work. */
  let areNewSeldom = false;
  let documents = 0;
  let bytes = 0;
  /** How many more it may take, whatever keys they have. */
  const room = () => {
    const fresh = newRows?.size ?? 0;
    const rows = combiner.size + fresh;
    if (rows * (bytes / documents) >= HELD_BYTES) return 0;
    return Math.min(session.maxRows - rows, NEW_ROWS - fresh, TRANSACTION_DOCUMENTS - documents);
  };
  const remove = (document: JsonObject) => {
    newRows?.pass(document);
    combiner.remove(document);
  };
  return {
    get full() {
      return room() <= 0;
    },
    fill(source) {
      const { taken, takenBytes } = source;
      const take: Take = (document, { removed }) => {
        if (removed) remove(document);
        else if (!newRows?.take(document)) combiner.add(document);
      };
      source.take(room(), take, areNewSeldom ? undefined : newRows?.takeJson.bind(newRows));
      documents += source.taken - taken;
      bytes += source.takenBytes - takenBytes;
    },
    take() {
      const changes = combiner.drain();
      const taken = newRows;
      if (taken && documents >= TELLING_DOCUMENTS) areNewSeldom = taken.size * 2 < documents;
      newRows = begin();
      documents = 0;
      bytes = 0;
      return async (next) => {
        const rows = session.reducesInTarget
          ? changes
          : withStored(reducer, changes, await load(changes, session));
        await session.store(rows, next, taken);
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
  let bytes = 0;
  const room = () => (bytes >= HELD_BYTES ? 0 : Math.min(session.maxRows, NEW_ROWS) - documents.length);
  return {
    get full() {
      return room() <= 0;
    },
    fill(source) {
      const { takenBytes } = source;
      source.take(room(), (document, place) => {
        documents.push({ ...place, document: place.removed ? withoutMeta(document) : document });
      });
      bytes += source.takenBytes - takenBytes;
    },
    take() {
      const taken = documents;
      documents = [];
      bytes = 0;
      return (next) => append(taken, next);
    },
  };
}

function withoutMeta({ _meta, ...document }: JsonObject): JsonObject {
  return document;
}
