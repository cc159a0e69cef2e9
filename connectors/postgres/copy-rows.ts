import type { JsonObject } from "../../plan/plan.ts";
import type { KeyValues, NewRows } from "../driver.ts";
import type { TableColumns } from "./columns.ts";
import { CHUNK_CHARACTERS } from "./framing.ts";
import type { KeyFilter } from "./key-filter.ts";
import { compileCopyLine, keyOf } from "./values.ts";

/** New rows of one transaction, as lines of COPY. */
export class CopyRows implements NewRows {
  readonly #columns: TableColumns;
  readonly #filter: KeyFilter;
  readonly #line: (document: JsonObject) => string;
  readonly #chunks: Buffer[] = [];
  /** Documents that are still left to the caller, whatever is known of their keys: a few rows are stored sooner without COPY. */
  #spared: number;
  #text = "";
  #size = 0;

  constructor(columns: TableColumns, filter: KeyFilter, spared: number) {
    this.#columns = columns;
    this.#filter = filter;
    this.#line = compileCopyLine(columns);
    this.#spared = spared;
  }

  get size(): number {
    return this.#size;
  }

  take(document: JsonObject): boolean {
    return this.takeAs(keyOf(this.#columns, document), document);
  }

  pass(keyDocument: JsonObject): void {
    this.#filter.add(keyOf(this.#columns, keyDocument));
  }

  /** `take` of a document of this key. */
  takeAs(key: KeyValues, document: JsonObject): boolean {
    const isNew = this.#filter.add(key);
    if (this.#spared-- > 0 || !isNew) return false;
    this.#text += this.#line(document);
    this.#size++;
    if (this.#text.length >= CHUNK_CHARACTERS) this.#endChunk();
    return true;
  }

  #endChunk(): void {
    this.#chunks.push(Buffer.from(this.#text));
    this.#text = "";
  }

  /** All lines. No more rows can be taken. */
  chunks(): readonly Buffer[] {
    if (this.#text !== "") this.#endChunk();
    return this.#chunks;
  }
}
