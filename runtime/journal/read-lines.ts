/** `weir read`: a collection as NDJSON, from history to live. */
import type { CollectionPlan, JsonObject, Plan } from "../../plan/plan.ts";
import type { Head, JournalState } from "../head/head.ts";
import { isInternal } from "../internal-collections.ts";
import { APPLIED_PLAN } from "../notes.ts";
import { Combiner } from "../reduction/combiner.ts";
import { compileReducer } from "../reduction/reducer.ts";
import { formatTime } from "../store/fragment-time.ts";
import type { ObjectStore } from "../store/store.ts";
import { isWithin, partitionPath } from "./logical-partition.ts";
import { MergedReader, type MergedSource, type SourceRun } from "./merged-reader.ts";
import type { Run } from "./run.ts";
import { isRemoval, parseRun, runHead } from "./runs.ts";

export interface ReadRequest {
  readonly collection: string;
  /** The path of the only journal that is read, or a beginning of it: `country=NL/p=00`. */
  readonly partition?: string;
  /** First offset to read, of the one journal that is read. */
  readonly fromOffset?: number;
  /** Skips documents committed before it: µs since 1970 UTC. */
  readonly fromTime?: number;
  /** Documents at most. */
  readonly limit?: number;
  /** Goes on with live documents at the end. */
  readonly follow?: boolean;
  /** One fully reduced document per key, of what is there now. */
  readonly reduced?: boolean;
  /** Adds `_meta: { offset, at }` to each document; in a partitioned collection also `partition`, the journal's path. */
  readonly meta?: boolean;
}

/** Positions made here are not kept. */
const NO_EPOCH = 0;
/** Partitions that a message names. */
const MOST_LISTED = 10;

/** Yields parts of NDJSON, whole lines each, ordered by commit time. Throws if the collection is unknown. */
export async function* readLines(
  head: Head,
  store: ObjectStore,
  request: ReadRequest,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const plan = (await head.getNote(APPLIED_PLAN)) as unknown as Plan | undefined; // written by the runtime
  const definition = plan?.collections[request.collection];
  const journals = await journalsOf(head, definition, request);
  const runs = runsOf(await openReader(head, store, request, journals), request, signal);
  if (request.reduced) {
    if (!definition) throw new Error(`The applied plan does not have "${request.collection}".`);
    yield* readReduced(definition, runs, request);
    return;
  }
  const isPartitioned = definition?.partitionBy !== undefined || definition?.partitions !== undefined;
  const paths = new Map<string, string>();
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  for await (const { journal, run } of runs) {
    const part = runHead(run, left);
    left -= Math.min(left, run.count);
    if (!request.meta) yield textOf(part);
    else if (!isPartitioned) yield linesWithMeta(part, undefined);
    else {
      if (!paths.has(journal))
        for (const each of await head.journals()) paths.set(each.id, partitionPath(each));
      yield linesWithMeta(part, paths.get(journal));
    }
    if (left === 0) return;
  }
}

/** Those that are there now and that the request reads. */
async function journalsOf(
  head: Head,
  definition: CollectionPlan | undefined,
  { collection, partition }: ReadRequest,
): Promise<readonly JournalState[]> {
  const journals = (await head.journals()).filter((journal) => !isInternal(journal.collection));
  const own = journals.filter((journal) => journal.collection === collection);
  if (own.length === 0 && !definition) {
    const names = [...new Set(journals.map((journal) => journal.collection))].sort();
    throw new Error(
      names.length === 0
        ? `There is no collection "${collection}": nothing has run in this data directory yet.`
        : `There is no collection "${collection}" in this data directory; it has ${names.join(", ")}.`,
    );
  }
  const read = own.filter((journal) => isWithin(journal, partition));
  if (read.length === 0 && partition !== undefined) {
    throw new Error(`"${collection}" has no partition "${partition}"; it has ${listed(own)}.`);
  }
  return read;
}

function listed(journals: readonly JournalState[]): string {
  const paths = journals.map(partitionPath).sort();
  const shown = paths.slice(0, MOST_LISTED).join(", ");
  return paths.length > MOST_LISTED ? `${shown} and ${paths.length - MOST_LISTED} more` : shown || "none yet";
}

function openReader(
  head: Head,
  store: ObjectStore,
  { collection, partition, fromOffset, fromTime = 0 }: ReadRequest,
  journals: readonly JournalState[],
): Promise<MergedReader> {
  const source: MergedSource = {
    collection,
    partition,
    fromTime,
    untilTime: Number.POSITIVE_INFINITY,
    priority: 0,
    readDelayMs: 0,
  };
  if (fromOffset === undefined) return MergedReader.open(head, store, [source], [], NO_EPOCH);
  const [journal, ...others] = journals;
  if (others.length > 0) {
    throw new Error(
      `An offset is of one journal, and "${collection}" has ${journals.length}: choose one with --partition (${listed(journals)}), or begin at a time.`,
    );
  }
  if (fromOffset > (journal?.next ?? 0)) {
    throw new Error(
      `Offset ${fromOffset} is past the end of "${collection}", which is ${journal?.next ?? 0}.`,
    );
  }
  const start = journal ? { [journal.id]: [NO_EPOCH, fromOffset] as const } : {};
  return MergedReader.open(head, store, [source], [start], NO_EPOCH);
}

async function* runsOf(
  reader: MergedReader,
  { follow = false }: ReadRequest,
  signal: AbortSignal,
): AsyncGenerator<SourceRun> {
  for (;;) {
    const chunk = follow ? await reader.next(signal) : await reader.poll();
    if (!chunk || signal.aborted) return;
    yield* chunk.runs;
  }
}

async function* readReduced(
  definition: CollectionPlan,
  runs: AsyncIterable<SourceRun>,
  { limit = Number.POSITIVE_INFINITY }: ReadRequest,
): AsyncGenerator<string> {
  const reducer = compileReducer(definition);
  const combiner = new Combiner(definition, reducer);
  for await (const { run } of runs) {
    for (const document of parseRun(run)) {
      if (isRemoval(document)) combiner.remove(document);
      else combiner.add(document);
    }
  }
  let left = limit;
  for (const change of combiner.drain()) {
    if (change.op === "remove") continue;
    if (left-- <= 0) return;
    yield `${JSON.stringify(reducer.settle(change.document))}\n`;
  }
}

function textOf(run: Run): string {
  return Buffer.from(run.lines.buffer, run.lines.byteOffset, run.lines.byteLength).toString("utf8");
}

function linesWithMeta(run: Run, partition: string | undefined): string {
  const at = formatTime(run.at);
  return parseRun(run)
    .map((document, i) => {
      const own = document._meta as JsonObject | undefined;
      const meta = { ...own, offset: run.first + i, at, ...(partition === undefined ? {} : { partition }) };
      return `${JSON.stringify({ ...document, _meta: meta })}\n`;
    })
    .join("");
}
