/** Which of a collection's journals a document goes to: by its logical partition, and in it by hash of its key. */
import { HaltError } from "../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { type Append, type Head, type JournalId, type JournalSpec, MAX_APPEND_BYTES } from "../head/head.ts";
import { compileKey, type KeyReader } from "../reduction/key.ts";
import { partitionOf } from "./key-hash.ts";
import { logicalPath, partitionPath } from "./logical-partition.ts";
import { ownLines, parseRun, pickLines, splitLines } from "./runs.ts";

export class JournalRouter {
  readonly #head: Head;
  readonly #name: string;
  readonly #fields: readonly string[];
  readonly #partitions: number;
  readonly #key: KeyReader;
  /** Undefined without logical partitions. */
  readonly #logical: KeyReader | undefined;
  readonly #paths = new Map<unknown, string>();
  readonly #journals: Map<string, JournalId>;
  /** Calls answer in their order, also where one must wait for a new journal. */
  #previous: Promise<unknown> = Promise.resolve();

  private constructor(
    head: Head,
    name: string,
    { key, partitionBy = [], partitions = 1 }: CollectionPlan,
    journals: Map<string, JournalId>,
  ) {
    this.#head = head;
    this.#name = name;
    this.#fields = partitionBy;
    this.#partitions = partitions;
    this.#key = compileKey(key);
    this.#logical = partitionBy.length > 0 ? compileKey(partitionBy) : undefined;
    this.#journals = journals;
  }

  /** `name` is the collection's. Makes the journals that it has from the beginning. */
  static async open(head: Head, name: string, collection: CollectionPlan): Promise<JournalRouter> {
    const states = await head.ensureJournals(initialJournals(name, collection));
    const journals = new Map(states.map((state) => [partitionPath(state), state.id]));
    return new JournalRouter(head, name, collection, journals);
  }

  /**
   * What to commit for these documents, whose order within each journal is kept. `lines` is their JSON, a line each;
   * a removal's document need hold no more than the key. Where only their number is known, the lines are parsed if their journals
   * depend on them. Makes journals that are missing.
   */
  route(documents: readonly JsonObject[] | number, lines: Uint8Array): Promise<Append[]> {
    const routed = this.#previous.then(() => this.#route(documents, lines));
    this.#previous = routed.catch(() => {}); // whose call it was is told
    return routed;
  }

  async #route(given: readonly JsonObject[] | number, lines: Uint8Array): Promise<Append[]> {
    if (!this.#logical && this.#partitions === 1) {
      const [journal] = this.#journals.values();
      if (journal === undefined) throw new Error(`The collection "${this.#name}" has no journal.`);
      return appendsOf(journal, lines, typeof given === "number" ? given : given.length);
    }
    const documents = typeof given === "number" ? parseRun({ first: 0, count: given, at: 0, lines }) : given;
    const specs = documents.map((document) => this.#specOf(document));
    const places = specs.map(partitionPath);
    await this.#make(specs.filter((_, i) => !this.#journals.has(places[i] ?? "")));
    return pickLines(lines, places).flatMap(({ place, count, lines: own }) =>
      appendsOf(this.#journals.get(place) ?? "", own, count),
    );
  }

  #specOf(document: JsonObject): JournalSpec {
    const partition = this.#partitions === 1 ? 0 : partitionOf(this.#key.values(document), this.#partitions);
    return { collection: this.#name, logical: this.#pathOf(document), partition };
  }

  #pathOf(document: JsonObject): string {
    if (!this.#logical) return "";
    const identity = this.#logical.identity(document);
    const known = this.#paths.get(identity);
    if (known !== undefined) return known;
    const path = logicalPath(this.#fields, this.#logical.values(document));
    this.#paths.set(identity, path);
    return path;
  }

  async #make(specs: readonly JournalSpec[]): Promise<void> {
    if (specs.length === 0) return;
    const distinct = [...new Map(specs.map((spec) => [partitionPath(spec), spec])).values()];
    for (const state of await this.#head.ensureJournals(distinct)) {
      this.#journals.set(partitionPath(state), state.id);
    }
  }
}

/** Those of a collection's journals that do not depend on its documents. */
export function initialJournals(
  collection: string,
  { partitionBy = [], partitions = 1 }: CollectionPlan,
): JournalSpec[] {
  if (partitionBy.length > 0) return [];
  return Array.from({ length: partitions }, (_, partition) => ({ collection, logical: "", partition }));
}

function appendsOf(journal: JournalId, lines: Uint8Array, expected: number): Append[] {
  const appends = cut(lines).map((piece) => ({
    journal,
    count: piece.count,
    lines: ownLines(piece.lines),
  }));
  const count = appends.reduce((sum, append) => sum + append.count, 0);
  if (count !== expected) {
    throw new HaltError(`${expected} documents came in ${count} lines.`);
  }
  return appends;
}

/** A document that is too large stays so: to try again would be of no use. */
function cut(lines: Uint8Array): ReturnType<typeof splitLines> {
  try {
    return splitLines(lines, MAX_APPEND_BYTES);
  } catch (error) {
    if (error instanceof RangeError) throw new HaltError(error.message);
    throw error;
  }
}
