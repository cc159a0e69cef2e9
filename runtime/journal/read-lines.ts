/** `weir read`: a collection as NDJSON, from history to live. */
import type { CollectionPlan, JsonObject, Plan } from "../../plan/plan.ts";
import type { Head, JournalState } from "../head/head.ts";
import { APPLIED_PLAN } from "../notes.ts";
import { Combiner } from "../reduction/combiner.ts";
import { compileReducer } from "../reduction/reducer.ts";
import { formatTime } from "../store/fragment-time.ts";
import type { ObjectStore } from "../store/store.ts";
import { type Chunk, JournalReader } from "./reader.ts";
import type { Run } from "./run.ts";
import { isRemoval, parseRun, runHead } from "./runs.ts";

export interface ReadRequest {
  readonly collection: string;
  /** First offset to read. */
  readonly fromOffset?: number;
  /** Skips documents committed before it: µs since 1970 UTC. */
  readonly fromTime?: number;
  /** Documents at most. */
  readonly limit?: number;
  /** Goes on with live documents at the end. */
  readonly follow?: boolean;
  /** One fully reduced document per key, of what is there now. */
  readonly reduced?: boolean;
  /** Adds `_meta: { offset, at }` to each document. */
  readonly meta?: boolean;
}

/** Yields parts of NDJSON, whole lines each. Throws if the collection is unknown. */
export async function* readLines(
  head: Head,
  store: ObjectStore,
  request: ReadRequest,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const journal = await journalOf(head, request.collection);
  if (request.reduced) {
    yield* readReduced(head, store, journal, request);
    return;
  }
  let left = request.limit ?? Number.POSITIVE_INFINITY;
  for await (const run of runsOf(head, store, journal, request, signal)) {
    const part = runHead(run, left);
    left -= Math.min(left, run.count);
    yield request.meta ? linesWithMeta(part) : textOf(part);
    if (left === 0) return;
  }
}

async function journalOf(head: Head, collection: string): Promise<JournalState> {
  const journals = await head.journals();
  const found = journals.find((journal) => journal.collection === collection);
  if (found) return found;
  const names = journals.map((journal) => journal.collection).sort();
  throw new Error(
    names.length === 0
      ? `There is no collection "${collection}": nothing has run in this data directory yet.`
      : `There is no collection "${collection}" in this data directory; it has ${names.join(", ")}.`,
  );
}

async function* runsOf(
  head: Head,
  store: ObjectStore,
  journal: JournalState,
  { fromOffset = 0, fromTime = 0, follow = false }: ReadRequest,
  signal: AbortSignal,
): AsyncGenerator<Run> {
  if (fromOffset > journal.next) {
    throw new Error(
      `Offset ${fromOffset} is past the end of "${journal.collection}", which is ${journal.next}.`,
    );
  }
  const reader = new JournalReader(head, store, journal.id, fromOffset);
  for (;;) {
    const chunk: Chunk | undefined = follow ? await reader.next(signal) : await reader.poll();
    if (!chunk || signal.aborted) return;
    for (const run of chunk.runs) if (run.at >= fromTime) yield run;
  }
}

async function* readReduced(
  head: Head,
  store: ObjectStore,
  journal: JournalState,
  { collection, limit = Number.POSITIVE_INFINITY }: ReadRequest,
): AsyncGenerator<string> {
  const definition = await definitionOf(head, collection);
  const reducer = compileReducer(definition);
  const combiner = new Combiner(definition, reducer);
  for await (const run of runsOf(head, store, journal, { collection }, new AbortController().signal)) {
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

async function definitionOf(head: Head, collection: string): Promise<CollectionPlan> {
  const plan = (await head.getNote(APPLIED_PLAN)) as unknown as Plan | undefined; // written by the runtime
  const definition = plan?.collections[collection];
  if (!definition) throw new Error(`The applied plan does not have "${collection}".`);
  return definition;
}

function textOf(run: Run): string {
  return Buffer.from(run.lines.buffer, run.lines.byteOffset, run.lines.byteLength).toString("utf8");
}

function linesWithMeta(run: Run): string {
  const at = formatTime(run.at);
  return parseRun(run)
    .map((document, i) => {
      const own = document._meta as JsonObject | undefined;
      return `${JSON.stringify({ ...document, _meta: { ...own, offset: run.first + i, at } })}\n`;
    })
    .join("");
}
