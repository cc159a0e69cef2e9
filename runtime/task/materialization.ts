import type { MaterializationDriver, RowChange, TargetSession } from "../../connectors/driver.ts";
import type { JsonObject } from "../../plan/plan.ts";
import type { Head } from "../head/head.ts";
import { type Chunk, JournalReader } from "../journal/reader.ts";
import type { Run } from "../journal/run.ts";
import { isRemoval, parseRun } from "../journal/runs.ts";
import { Combiner, keysToLoad, withStored } from "../reduction/combiner.ts";
import { compileReducer } from "../reduction/reducer.ts";
import type { ObjectStore } from "../store/store.ts";
import { offsetIn, positionAt } from "./position.ts";
import type { MaterializationTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Documents that one transaction combines at most, however few keys they have: bounds what a crash repeats. */
const TRANSACTION_DOCUMENTS = 500_000;

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
  const session = await driver.open({
    task: task.name,
    collection: task.collection,
    config: task.config,
    log: taskLog(task.name, report),
  });
  try {
    await follow(task, session, head, store, signal, report);
  } finally {
    await session.close().catch(() => {}); // the connection may be what failed
  }
}

async function follow(
  task: MaterializationTask,
  session: TargetSession,
  head: Head,
  store: ObjectStore,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const reducer = compileReducer(task.collection);
  const combiner = new Combiner(task.collection, reducer);
  const start = offsetIn(session.position, task.source);
  const source = new DocumentSource(new JournalReader(head, store, task.source.id, start), start);
  report({ kind: "opened", task: task.name });
  report({
    kind: "progress",
    task: task.name,
    position: positionAt(task.source, start),
    documents: 0,
    at: 0,
  });
  let storing: Promise<void> = Promise.resolve();
  while (await source.ready(signal)) {
    const from = source.offset;
    const limit = from + TRANSACTION_DOCUMENTS;
    do {
      source.combineInto(combiner, session.maxRows, limit);
    } while (combiner.size < session.maxRows && source.offset < limit && (await source.more()));
    const { offset: next, at } = source;
    const changes = combiner.drain();
    await storing;
    const rows = session.reducesInTarget
      ? changes
      : withStored(reducer, changes, await load(changes, session));
    const position = positionAt(task.source, next);
    storing = session
      .store(rows, position)
      .then(() => report({ kind: "progress", task: task.name, position, documents: next - from, at }));
    // Awaited before the next store; until then a failure must not count as unhandled.
    storing.catch(() => {});
  }
  await storing;
}

/** Documents of a journal, to be taken a transaction at a time: a transaction may end inside a run. */
class DocumentSource {
  readonly #reader: JournalReader;
  /** Offset of the next document that `combineInto` takes. */
  offset: number;
  /** Commit time of the newest run taken from. */
  at = 0;
  #runs: Run[] = [];
  #parsed: { readonly end: number; readonly documents: readonly JsonObject[] } | undefined;

  constructor(reader: JournalReader, offset: number) {
    this.#reader = reader;
    this.offset = offset;
  }

  /** Waits until there are documents; false once the signal aborts. */
  async ready(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#parsed || this.#runs.length > 0) return true;
    return this.#accept(await this.#reader.next(signal));
  }

  /** Whether there are more without waiting. */
  async more(): Promise<boolean> {
    if (this.#parsed || this.#runs.length > 0) return true;
    return this.#accept(await this.#reader.poll());
  }

  #accept(chunk: Chunk | undefined): boolean {
    if (chunk) this.#runs = [...chunk.runs];
    return chunk !== undefined;
  }

  /** Takes documents until the combiner holds `maxKeys` keys, the limit is reached, or a run ends. */
  combineInto(combiner: Combiner, maxKeys: number, limit: number): void {
    const { end, documents } = this.#parsed ?? this.#parseNext();
    const stop = Math.min(end, limit);
    while (this.offset < stop && combiner.size < maxKeys) {
      const document = documents[documents.length - (end - this.offset)] as JsonObject; // offset < end
      if (isRemoval(document)) combiner.remove(document);
      else combiner.add(document);
      this.offset++;
    }
    this.#parsed = this.offset < end ? { end, documents } : undefined;
  }

  #parseNext(): { end: number; documents: readonly JsonObject[] } {
    const run = this.#runs.shift();
    if (!run) throw new Error("No run to parse: ask `ready` or `more` first.");
    this.at = run.at;
    return { end: run.first + run.count, documents: parseRun(run) };
  }
}

async function load(
  changes: readonly RowChange[],
  session: TargetSession,
): Promise<readonly (JsonObject | undefined)[]> {
  const keys = keysToLoad(changes);
  return keys.length === 0 ? [] : session.load(keys);
}
