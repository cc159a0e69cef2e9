import type { JsonObject } from "../../plan/plan.ts";
import { letGo } from "../buffers.ts";
import type { KeyValues, NewRows } from "../driver.ts";
import type { TableColumns } from "./columns.ts";
import { CHUNK_CHARACTERS } from "./framing.ts";
import type { JsonLineReader } from "./json-line.ts";
import { type KeyFilter, KeyText } from "./key-filter.ts";
import { compileCopyLine, keyOf } from "./values.ts";

/** Given to the connection at a time: enough for the server until it is seen to again. */
const CHUNK_BYTES = 1024 * 1024;

/** New rows of one transaction, as lines of COPY. */
export class CopyRows implements NewRows {
  readonly #columns: TableColumns;
  readonly #filter: KeyFilter;
  readonly #reader: JsonLineReader | undefined;
  readonly #line: (document: JsonObject) => string;
  readonly #key = new KeyText();
  readonly #chunks: Uint8Array[] = [];
  /** Documents that are still left to the caller, whatever is known of their keys: a few rows are stored sooner without COPY. */
  #spared: number;
  /** Whether the document that comes next is one whose line could not be read. */
  #isOdd = false;
  /** Lines of documents that came as objects, and of those that came as bytes. */
  #text = "";
  #bytes = new Uint8Array(0);
  #used = 0;
  #size = 0;

  constructor(
    columns: TableColumns,
    filter: KeyFilter,
    spared: number,
    reader: JsonLineReader | undefined = undefined,
  ) {
    this.#columns = columns;
    this.#filter = filter;
    this.#line = compileCopyLine(columns);
    this.#spared = spared;
    this.#reader = reader;
  }

  get size(): number {
    return this.#size;
  }

  take(document: JsonObject): boolean {
    if (this.#isOdd) this.#reader?.learn(document);
    this.#isOdd = false;
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
    if (this.#text.length >= CHUNK_CHARACTERS) this.#endText();
    return true;
  }

  takeJson(bytes: Uint8Array, from: number): number {
    const reader = this.#reader;
    if (reader === undefined || this.#spared > 0) return -1;
    const end = reader.read(bytes, from);
    this.#isOdd = end < 0;
    if (end < 0 || !reader.readKey(bytes, this.#key) || !this.#filter.addText(this.#key)) return -1;
    const width = reader.widthOf(end - from);
    if (this.#used + width > this.#bytes.length) {
      this.#endBytes();
      this.#bytes = new Uint8Array(Math.max(CHUNK_BYTES, width));
    }
    this.#used = reader.write(bytes, this.#bytes, this.#used);
    this.#size++;
    return end;
  }

  #endText(): void {
    if (this.#text !== "") this.#chunks.push(Buffer.from(this.#text));
    this.#text = "";
  }

  #endBytes(): void {
    if (this.#used > 0) this.#chunks.push(this.#bytes.subarray(0, this.#used));
    this.#used = 0;
  }

  /** All lines. No more rows can be taken. */
  chunks(): readonly Uint8Array[] {
    this.#endText();
    this.#endBytes();
    return this.#chunks;
  }

  /** Gives the memory of the lines back. Nobody looks at them any more: they are stored. */
  letGo(): void {
    for (const { buffer } of this.#chunks) letGo(buffer);
  }
}
