import { pathToFileURL } from "node:url";
import { HaltError, type RowChange } from "../../connectors/driver.ts";
import type { JsonObject } from "../../plan/plan.ts";
import { type Append, type Head, MAX_APPEND_BYTES } from "../head/head.ts";
import { type Chunk, JournalReader } from "../journal/reader.ts";
import type { Run } from "../journal/run.ts";
import { isRemoval, ownBytes, parseRun, splitLines } from "../journal/runs.ts";
import { Combiner } from "../reduction/combiner.ts";
import type { ObjectStore } from "../store/store.ts";
import { compileValidator, describeViolation, type Validate } from "../validation.ts";
import { installDeterminismGuard } from "./determinism-guard.ts";
import { offsetIn, positionAt } from "./position.ts";
import { compileRemovals, type Removals } from "./removals.ts";
import type { DerivationTask, Report } from "./task.ts";

/** Input bytes and output keys of one transaction at most: bounds memory, and how much a crash repeats. */
const TRANSACTION_BYTES = 8 * 1024 * 1024;
const TRANSACTION_KEYS = 50_000;

type Transform = (document: JsonObject, context: { readonly params: JsonObject }) => unknown;

/**
 * Reads the source from the checkpoint on, transforms, and commits outputs and checkpoint as one head
 * transaction. The next documents are read and transformed while that one is being flushed.
 */
export async function runDerivation(
  task: DerivationTask,
  head: Head,
  store: ObjectStore,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const transform = await loadTransform(task);
  const { fence, checkpoint } = await head.openTask(task.name);
  const start = offsetIn(checkpoint, task.source);
  const reader = new JournalReader(head, store, task.source.id, start);
  const outputs = new Outputs(task, transform);
  report({ kind: "opened", task: task.name });
  report({
    kind: "progress",
    task: task.name,
    position: positionAt(task.source, start),
    documents: 0,
    at: 0,
  });
  let committing: Promise<void> = Promise.resolve();
  for (;;) {
    let chunk: Chunk | undefined = await reader.next(signal);
    if (!chunk) break;
    let bytes = 0;
    let documents = 0;
    let next = 0;
    let at = 0;
    // A chunk that was read is transformed, whatever the signal says by now: `next` counts only what went through.
    while (chunk) {
      for (const run of chunk.runs) {
        outputs.addRun(run);
        documents += run.count;
        at = run.at;
      }
      bytes += chunk.bytes;
      next = chunk.next;
      if (signal.aborted || bytes >= TRANSACTION_BYTES || outputs.size >= TRANSACTION_KEYS) break;
      chunk = await reader.poll();
    }
    const appends = outputs.drain();
    await committing;
    const position = positionAt(task.source, next);
    committing = head
      .commit({ task: task.name, fence, appends, checkpoint: position })
      .then(() => report({ kind: "progress", task: task.name, position, documents, at }));
    // Awaited before the next commit; until then a failure must not count as unhandled.
    committing.catch(() => {});
  }
  await committing;
}

async function loadTransform(task: DerivationTask): Promise<Transform> {
  const bundle: unknown = await import(pathToFileURL(task.bundleFile).href);
  const transform = (bundle as { default?: unknown }).default;
  if (typeof transform !== "function") {
    throw new HaltError(`The bundle ${task.bundleFile} has no transform; build the plan again.`);
  }
  return transform as Transform;
}

/** What one transaction appends to the derived collection. */
class Outputs {
  readonly #task: DerivationTask;
  readonly #transform: Transform;
  readonly #context: { readonly params: JsonObject };
  readonly #validate: Validate;
  readonly #removals: Removals;
  readonly #guard = installDeterminismGuard();
  /** Only where the collection reduces: without a strategy every output stays an event of its own. */
  readonly #combiner: Combiner | undefined;
  readonly #copy: (document: JsonObject) => JsonObject;
  #lines: string[] = [];

  constructor(task: DerivationTask, transform: Transform) {
    this.#task = task;
    this.#transform = transform;
    this.#context = Object.freeze({ params: Object.freeze(task.plan.transform.params) });
    this.#validate = compileValidator(task.collection.schema);
    this.#removals = compileRemovals(task.collection);
    const { reduce } = task.collection;
    this.#combiner = Object.keys(reduce).length > 0 ? new Combiner(task.collection) : undefined;
    // Where only the document's own fields are combined, what is in them is never written to: it may stay the transform's.
    const nested = Object.keys(reduce).some((path) => path.includes("."));
    this.#copy = nested ? structuredClone : (document) => ({ ...document });
  }

  get size(): number {
    return this.#combiner?.size ?? this.#lines.length;
  }

  addRun(run: Run): void {
    parseRun(run).forEach((document, i) => {
      if (!isRemoval(document)) this.#addDocument(document, run.first + i);
    });
  }

  #addDocument(document: JsonObject, offset: number): void {
    this.#guard.enter();
    try {
      const result = this.#transform(document, this.#context);
      for (const output of outputsOf(result)) this.#addOutput(output, offset);
    } catch (error) {
      if (error instanceof HaltError) throw error;
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new HaltError(
        `The transform of "${this.#task.name}" threw on ${this.#place(offset)}; correct it and run again. ${detail}`,
      );
    } finally {
      this.#guard.leave();
    }
  }

  #addOutput(output: unknown, offset: number): void {
    const removal = this.#removals.read(output);
    if (removal?.kind === "wrong") {
      throw new HaltError(
        `The transform of "${this.#task.name}" returned a removal that does not fit, from ${this.#place(offset)}: ${removal.complaint}.`,
      );
    }
    if (removal) {
      if (this.#combiner) this.#combiner.remove(removal.document);
      else this.#lines.push(this.#removals.line(removal.key));
      return;
    }
    const violation = this.#validate(output);
    if (violation) {
      throw new HaltError(
        `The transform of "${this.#task.name}" returned a document that breaks its schema, from ${this.#place(offset)}: ${describeViolation(violation)}.`,
      );
    }
    // The validator has seen an object that fits the collection's schema.
    // The combiner writes to what it is given, which a transform may return again.
    if (this.#combiner) this.#combiner.add(this.#copy(output as JsonObject));
    else this.#lines.push(JSON.stringify(output));
  }

  #place(offset: number): string {
    return `the document at offset ${offset} of "${this.#task.sourceName}" (weir read ${this.#task.sourceName} --from ${offset} --limit 1)`;
  }

  /** What was combined after a removal (`put`) begins anew for all readers, whatever they have of that key. */
  #linesOf(change: RowChange): string[] {
    if (change.op === "remove") return [this.#removals.line(change.key)];
    const line = JSON.stringify(change.document);
    return change.op === "put" ? [this.#removals.line(change.key), line] : [line];
  }

  drain(): Append[] {
    const lines = this.#combiner
      ? this.#combiner.drain().flatMap((change) => this.#linesOf(change))
      : this.#lines;
    this.#lines = [];
    if (lines.length === 0) return [];
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    return splitLines(bytes, MAX_APPEND_BYTES).map((piece) => ({
      journal: this.#task.target.id,
      count: piece.count,
      lines: ownBytes(piece.lines),
    }));
  }
}

/** A transform returns a document or removal, several (any iterable of them), or nothing. */
function outputsOf(result: unknown): Iterable<unknown> {
  if (result === undefined || result === null) return [];
  if (typeof result === "object" && Symbol.iterator in result) return result as Iterable<unknown>;
  return [result];
}
