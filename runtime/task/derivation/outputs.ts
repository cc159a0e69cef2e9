import { joinedLines } from "../../../connectors/buffers.ts";
import { HaltError, type RowChange } from "../../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { MAX_APPEND_BYTES } from "../../head/head.ts";
import type { Shard } from "../../head/task-layout.ts";
import { Combiner } from "../../reduction/combiner.ts";
import { compileKey, type KeyReader } from "../../reduction/key.ts";
import { compileReducer } from "../../reduction/reducer.ts";
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

/** Of a flow that runs in shards. It is the flow that is wrong, not the document. */
export class UnexpectedRemovalError extends HaltError {}

/** What a transaction appends: `lines` are the documents' JSON, a line each. */
export interface DrainedOutputs {
  /** Of a removal at least its key; of all of them nothing where they go to one journal. */
  readonly documents: readonly JsonObject[];
  readonly lines: Uint8Array;
}

/** What one document gives, and the transaction has not taken yet. */
export interface StagedOutputs {
  readonly outputs: Staged[];
  /** Whether functions are called more than once for the document: a call may change what the one before has returned. */
  readonly severalCalls: boolean;
  /** Of state: to be made once the outputs are taken. */
  changes?: (() => void)[];
}

type Staged =
  /** To be appended as it is. */
  | { readonly document: JsonObject; readonly line: string }
  /** To be combined: first a removal, then a document, or one of the two. Of one that is `shared` a copy is to be combined. */
  | {
      readonly removes: JsonObject | undefined;
      readonly adds: JsonObject | undefined;
      readonly shared?: boolean;
    };

/** Where a document goes does not depend on it. */
const NO_KEY: JsonObject = {};
const PART_CHARACTERS = 64 * 1024;

/** What one transaction appends to the derived collection. */
export class Outputs {
  readonly #validate: Validate;
  readonly #removals: Removals;
  readonly #key: KeyReader;
  /** Only where the collection reduces: without a strategy every output stays an event of its own. */
  readonly #combiner: Combiner | undefined;
  /** For the outputs of one document among themselves. Empty between two documents. */
  readonly #own: Combiner | undefined;
  /** Whether what is inside of documents is combined, and so written to. */
  readonly #nested: boolean;
  /** Whether documents of one collection go to several journals, by their key. */
  readonly #partitioned: boolean;
  readonly #isShard: boolean;
  #documents: JsonObject[] = [];
  #lines = new Lines();

  /** `separable`: what a document gave is either taken whole or leaves no trace, also where it cannot be combined. */
  constructor(collection: CollectionPlan, separable: boolean, shard?: Shard) {
    const { schema, key, reduce, partitionBy = [], partitions = 1 } = collection;
    this.#validate = compileValidator(schema);
    this.#removals = compileRemovals(collection);
    this.#key = compileKey(key);
    const combines = Object.keys(reduce).length > 0;
    const reducer = compileReducer(collection, true);
    this.#combiner = combines ? new Combiner(collection, reducer) : undefined;
    this.#own = combines && separable ? new Combiner(collection, reducer) : undefined;
    this.#nested = Object.keys(reduce).some((path) => path.includes("."));
    this.#partitioned = partitionBy.length > 0 || partitions > 1;
    this.#isShard = shard !== undefined;
  }

  /** Documents that will be appended, or keys where they are combined. */
  get size(): number {
    return this.#combiner?.size ?? this.#documents.length;
  }

  /** Length of what will be appended where nothing is combined. */
  get characters(): number {
    return this.#lines.characters;
  }

  /** `calls`: of functions, for one document. */
  stage(calls: number): StagedOutputs {
    return { outputs: [], severalCalls: calls > 1 };
  }

  /** Adds what a function returned: a document or removal, several (any iterable of them), or nothing. */
  add(staged: StagedOutputs, result: unknown): void {
    if (result === undefined || result === null) return;
    if (typeof result !== "object" || !(Symbol.iterator in result)) {
      staged.outputs.push(this.#read(result, false, !staged.severalCalls));
      return;
    }
    // A generator may go on changing what it has yielded.
    const passing = !Array.isArray(result);
    for (const output of result as Iterable<unknown>)
      staged.outputs.push(this.#read(output, passing, !staged.severalCalls));
  }

  /** `passing`: also what is inside of the output may be changed before it is taken. `lasting`: nothing of it may. */
  #read(output: unknown, passing: boolean, lasting: boolean): Staged {
    const removal = this.#removals.read(output);
    if (removal?.kind === "wrong") {
      throw new RefusedOutputError("a removal that does not fit", removal.complaint);
    }
    if (removal) {
      // The compiler has seen no `remove`: it came from a package, or by hand.
      if (this.#isShard) throw new UnexpectedRemovalError(UNEXPECTED_REMOVAL);
      if (this.#combiner) return { removes: removal.document, adds: undefined };
      return { document: removal.document, line: this.#removals.line(removal.key) };
    }
    const violation = this.#validate(output);
    if (violation) {
      throw new RefusedOutputError("a document that breaks its schema", describeViolation(violation));
    }
    const document = output as JsonObject; // the validator has seen an object that fits the collection's schema
    if (!this.#combiner) return { document: this.#routed(document), line: lineOf(document) };
    // What no text can be made of must show here: the combined document is written for many.
    if (this.#own) return { removes: undefined, adds: JSON.parse(lineOf(document)) as JsonObject };
    // The combiner writes to what it is given, which a transform may return again.
    if (this.#nested || passing) return { removes: undefined, adds: structuredClone(document) };
    if (lasting) return { removes: undefined, adds: document, shared: true };
    return { removes: undefined, adds: { ...document } };
  }

  /** What the journal is found by: a function may change its document, but not what it was when it was returned. */
  #routed(document: JsonObject): JsonObject {
    return this.#partitioned ? this.#removals.keyDocument(this.#key.values(document)) : NO_KEY;
  }

  /** Takes all outputs of a document. Where they are separable, all or, where it throws, none. */
  take({ outputs }: StagedOutputs): void {
    const taken = this.#own ? this.#checked(this.#own, outputs) : outputs;
    for (const output of taken) {
      if ("line" in output) this.#push(output.document, output.line);
      else this.#combine(this.#combiner, output);
    }
  }

  /** The same outputs, at most one of each key, of which the combiner refuses none. */
  #checked(own: Combiner, outputs: readonly Staged[]): readonly Staged[] {
    const single = outputs.length > 1 ? this.#combinedByKey(own, outputs) : outputs;
    for (const output of single) {
      if ("adds" in output && output.adds) this.#combiner?.check(output.adds, output.removes !== undefined);
    }
    return single;
  }

  #combinedByKey(own: Combiner, outputs: readonly Staged[]): readonly Staged[] {
    try {
      for (const output of outputs) {
        if ("adds" in output && output.adds) own.check(output.adds, false);
        this.#combine(own, output);
      }
    } catch (error) {
      own.drain();
      throw error;
    }
    return own.drain().map((change) => ({
      removes: change.op === "add" ? undefined : this.#removals.keyDocument(change.key),
      adds: change.op === "remove" ? undefined : change.document,
    }));
  }

  #combine(combiner: Combiner | undefined, output: Staged): void {
    if ("line" in output) return;
    if (output.removes) combiner?.remove(output.removes);
    if (output.adds && output.shared) combiner?.addCopy(output.adds);
    else if (output.adds) combiner?.add(output.adds);
  }

  #push(document: JsonObject, line: string): void {
    this.#documents.push(document);
    this.#lines.add(line);
  }

  /** What was combined after a removal (`put`) begins anew for all readers, whatever they have of that key. */
  #pushChange(change: RowChange): void {
    const { op, key } = change;
    if (op !== "add") this.#push(this.#removals.keyDocument(key), this.#removals.line(key));
    if (op === "remove") return;
    this.#push(this.#partitioned ? change.document : NO_KEY, JSON.stringify(change.document));
  }

  /** Ends the transaction; undefined if it appends nothing. */
  drain(): DrainedOutputs | undefined {
    for (const change of this.#combiner?.drain() ?? []) this.#pushChange(change);
    const documents = this.#documents;
    if (documents.length === 0) return undefined;
    const lines = this.#lines.bytes();
    this.#documents = [];
    this.#lines = new Lines();
    return { documents, lines };
  }
}

/** Text, a line after another. It is made bytes as it comes: strings that wait for the transaction's end would be moved about. */
class Lines {
  readonly #parts: Buffer[] = [];
  #pending: string[] = [];
  #pendingCharacters = 0;
  characters = 0;

  add(line: string): void {
    this.#pending.push(line);
    this.#pendingCharacters += line.length;
    this.characters += line.length;
    if (this.#pendingCharacters >= PART_CHARACTERS) this.#endPart();
  }

  #endPart(): void {
    const part = Buffer.from(`${this.#pending.join("\n")}\n`);
    this.#parts.push(part);
    this.#pending = [];
    this.#pendingCharacters = 0;
  }

  /** In memory of their own. */
  bytes(): Uint8Array {
    if (this.#pending.length > 0) this.#endPart();
    return joinedLines(this.#parts);
  }
}

/** Throws where it is longer than a journal takes. */
function lineOf(document: JsonObject): string {
  const line = JSON.stringify(document);
  // No character takes more than three bytes.
  if (line.length * 3 < MAX_APPEND_BYTES) return line;
  const bytes = Buffer.byteLength(line) + 1;
  if (bytes <= MAX_APPEND_BYTES) return line;
  throw new RefusedOutputError(
    "a document that is too large",
    `it takes ${bytes} bytes, and ${MAX_APPEND_BYTES} is the most`,
  );
}
