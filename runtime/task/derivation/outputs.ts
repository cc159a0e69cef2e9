import { HaltError, type RowChange } from "../../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import type { Shard } from "../../head/task-layout.ts";
import { Combiner } from "../../reduction/combiner.ts";
import { compileKey, type KeyReader } from "../../reduction/key.ts";
import { compileValidator, describeViolation, type Validate } from "../../validation.ts";
import { compileRemovals, type Removals } from "../removals.ts";

/** A function returned what it must not. Reads on from "returned": `a document that breaks its schema`. */
export class RefusedOutputError extends Error {
  readonly what: string;
  constructor(what: string, detail: string) {
    super(detail);
    this.what = what;
  }
}

const UNEXPECTED_REMOVAL =
  "A function of a derivation that runs in shards returned a removal. It absorbs what came before it, and shards write in no order: set shards: 1 in the flow.";

/** What a transaction appends: `lines` are the documents' JSON, a line each. */
export interface DrainedOutputs {
  /** Of a removal at least its key. */
  readonly documents: readonly JsonObject[];
  readonly lines: Uint8Array;
}

/** What one transaction appends to the derived collection. */
export class Outputs {
  readonly #validate: Validate;
  readonly #removals: Removals;
  readonly #key: KeyReader;
  /** Only where the collection reduces: without a strategy every output stays an event of its own. */
  readonly #combiner: Combiner | undefined;
  /** Whether what is inside of documents is combined, and so written to. */
  readonly #nested: boolean;
  /** Whether documents of one collection go to several journals, by their key. */
  readonly #partitioned: boolean;
  readonly #isShard: boolean;
  #documents: JsonObject[] = [];
  #lines: string[] = [];
  #characters = 0;

  constructor(collection: CollectionPlan, shard?: Shard) {
    const { schema, key, reduce, partitionBy = [], partitions = 1 } = collection;
    this.#validate = compileValidator(schema);
    this.#removals = compileRemovals(collection);
    this.#key = compileKey(key);
    this.#combiner = Object.keys(reduce).length > 0 ? new Combiner(collection) : undefined;
    this.#nested = Object.keys(reduce).some((path) => path.includes("."));
    this.#partitioned = partitionBy.length > 0 || partitions > 1;
    this.#isShard = shard !== undefined;
  }

  /** Documents that will be appended, or keys where they are combined. */
  get size(): number {
    return this.#combiner?.size ?? this.#lines.length;
  }

  /** Length of what will be appended where nothing is combined. */
  get characters(): number {
    return this.#characters;
  }

  /** Takes what a function returned: a document or removal, several (any iterable of them), or nothing. */
  addAll(result: unknown): void {
    if (result === undefined || result === null) return;
    if (typeof result !== "object" || !(Symbol.iterator in result)) this.#add(result, false);
    else {
      // A generator may go on changing what it has yielded.
      const passing = !Array.isArray(result);
      for (const output of result as Iterable<unknown>) this.#add(output, passing);
    }
  }

  #add(output: unknown, passing: boolean): void {
    const removal = this.#removals.read(output);
    if (removal?.kind === "wrong") {
      throw new RefusedOutputError("a removal that does not fit", removal.complaint);
    }
    if (removal) {
      // The compiler has seen no `remove`: it came from a package, or by hand.
      if (this.#isShard) throw new HaltError(UNEXPECTED_REMOVAL);
      if (this.#combiner) this.#combiner.remove(removal.document);
      else this.#push(removal.document, this.#removals.line(removal.key));
      return;
    }
    const violation = this.#validate(output);
    if (violation) {
      throw new RefusedOutputError("a document that breaks its schema", describeViolation(violation));
    }
    const document = output as JsonObject; // the validator has seen an object that fits the collection's schema
    if (this.#combiner) {
      // The combiner writes to what it is given, which a transform may return again.
      this.#combiner.add(this.#nested || passing ? structuredClone(document) : { ...document });
    } else {
      this.#push(this.#routed(document), JSON.stringify(document));
    }
  }

  /** What the journal is found by: a function may change its document, but not what it was when it was returned. */
  #routed(document: JsonObject): JsonObject {
    return this.#partitioned ? this.#removals.keyDocument(this.#key.values(document)) : document;
  }

  #push(document: JsonObject, line: string): void {
    this.#documents.push(document);
    this.#lines.push(line);
    this.#characters += line.length;
  }

  /** What was combined after a removal (`put`) begins anew for all readers, whatever they have of that key. */
  #pushChange(change: RowChange): void {
    const { op, key } = change;
    if (op !== "add") this.#push(this.#removals.keyDocument(key), this.#removals.line(key));
    if (op !== "remove") this.#push(change.document, JSON.stringify(change.document));
  }

  /** Ends the transaction; undefined if it appends nothing. */
  drain(): DrainedOutputs | undefined {
    for (const change of this.#combiner?.drain() ?? []) this.#pushChange(change);
    const documents = this.#documents;
    if (documents.length === 0) return undefined;
    const lines = Buffer.from(`${this.#lines.join("\n")}\n`);
    this.#documents = [];
    this.#lines = [];
    this.#characters = 0;
    return { documents, lines };
  }
}
