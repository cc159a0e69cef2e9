import { once } from "node:events";
import { finished } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { Json, JsonObject } from "../../plan/plan.ts";
import {
  type DeltaDocument,
  HaltError,
  type KeyValues,
  type NewRows,
  type RowChange,
  type TargetSession,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import type { TableColumns } from "./columns.ts";
import { connect } from "./connection.ts";
import { CopyRows } from "./copy-rows.ts";
import { explain, isConnectionLoss, refusesPlainRows } from "./errors.ts";
import { fencedOut, type Ownership, readFence } from "./fence.ts";
import { arrayLiteral, copyText } from "./framing.ts";
import { JsonLineReader } from "./json-line.ts";
import { KeyFilter } from "./key-filter.ts";
import {
  applyChanges,
  copyBatch,
  copyRows,
  createBatch,
  emptyBatch,
  loadRows,
  moveCheckpoint,
  type Ops,
  rewindLog,
  type Source,
  type TableName,
} from "./statements.ts";
import { emptyTable } from "./table.ts";
import { decodeRow, type EncodedRow, encodeChange, encodeDelta, encodeKeys } from "./values.ts";

/** Up to so many rows, one statement with arrays beats the four of a COPY. */
const MAX_ROWS_IN_ARRAYS = 500;
const LOAD_KEYS = 10_000;

/** More rows per transaction combine more documents of one key. The runtime holds fewer where they are long. */
export const MAX_ROWS = 200_000;

export interface SessionParts {
  readonly client: Client;
  /** For the one look at the fence after a lost connection. May hold a password. */
  readonly url: string;
  readonly name: TableName;
  readonly task: string;
  readonly columns: TableColumns;
  /** SQL of the reductions, or undefined if the runtime reduces. */
  readonly reductions: ReadonlyMap<string, string> | undefined;
  readonly owned: Ownership;
  /** Whether the table has no row. */
  readonly isEmpty: boolean;
  /** So many rows, at most, go into one statement as arrays. */
  readonly maxRowsInArrays?: number;
}

/** The first parameters of every statement that stores: task, fence, expected and next position. */
type Fenced = readonly [task: string, fence: string, expected: string | null, next: string];

const PUT: Ops = new Set(["put"]);

function opsOf(rows: readonly EncodedRow[]): Ops {
  return new Set(rows.map((row) => row[0]));
}

export class PostgresSession implements TargetSession {
  readonly position: Json | undefined;
  readonly reducesInTarget: boolean;
  readonly maxRows = MAX_ROWS;
  readonly #parts: SessionParts;
  /** JSON of the position that the checkpoint must have when the next transaction begins. */
  #expected: string | null;
  /** Of statements, by their names. */
  readonly #texts = new Map<string, string>();
  #hasBatchTable = false;
  readonly #maxRowsInArrays: number;
  readonly #lines: JsonLineReader | undefined;
  /** Knows which keys the table cannot have. Undefined where rows were stored of which it does not know. */
  #filter: KeyFilter | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#maxRowsInArrays = parts.maxRowsInArrays ?? MAX_ROWS_IN_ARRAYS;
    this.#lines = JsonLineReader.of(parts.columns);
    this.#filter = parts.isEmpty ? new KeyFilter() : undefined;
    this.#expected = parts.owned.position;
    this.position = parts.owned.position === null ? undefined : JSON.parse(parts.owned.position);
    this.reducesInTarget = parts.reductions !== undefined;
  }

  async load(keys: readonly KeyValues[]): Promise<readonly (JsonObject | undefined)[]> {
    const { client, columns, name } = this.#parts;
    const documents: (JsonObject | undefined)[] = new Array(keys.length).fill(undefined);
    try {
      for (let start = 0; start < keys.length; start += LOAD_KEYS) {
        const values = encodeKeys(columns, keys.slice(start, start + LOAD_KEYS)).map(arrayLiteral);
        const { rows } = await client.query<(string | null)[]>({
          name: "weir_load",
          text: loadRows(name, columns),
          values,
          rowMode: "array",
          types: { getTypeParser: () => String },
        });
        for (const [place, ...row] of rows) documents[start + Number(place) - 1] = decodeRow(columns, row);
      }
    } catch (error) {
      throw await this.#why(error);
    }
    return documents;
  }

  newRows(): CopyRows | undefined {
    const { columns } = this.#parts;
    return this.#filter && new CopyRows(columns, this.#filter, this.#maxRowsInArrays, this.#lines);
  }

  async store(changes: readonly RowChange[], next: Json, offered?: NewRows): Promise<void> {
    const { columns } = this.#parts;
    // Only what `newRows` has given is offered.
    const [rows, rest] = offered ? [offered as CopyRows, changes] : this.#divide(changes);
    await this.#storeRows(
      rest.map((change) => encodeChange(columns, change)),
      next,
      rows,
    );
  }

  /** The changes that are new rows, and the others. */
  #divide(changes: readonly RowChange[]): [CopyRows | undefined, readonly RowChange[]] {
    if (!this.#filter) return [undefined, changes];
    const spared = changes.length <= this.#maxRowsInArrays ? changes.length : 0;
    const rows = new CopyRows(this.#parts.columns, this.#filter, spared);
    const rest = changes.filter(
      (change) => change.op === "remove" || !rows.takeAs(change.key, change.document),
    );
    return [rows, rest];
  }

  async append(documents: readonly DeltaDocument[], next: Json): Promise<void> {
    const { columns } = this.#parts;
    await this.#storeRows(
      documents.map((document) => encodeDelta(columns, document)),
      next,
    );
  }

  async clear(next: Json): Promise<void> {
    const { client, name, task, owned } = this.#parts;
    const position = JSON.stringify(next);
    const expected = { fence: owned.fence, position: this.#expected };
    try {
      protocolPoint("postgres.clear.before");
      await emptyTable(client, { name, task, owned: expected, next: position });
      protocolPoint("postgres.clear.after");
      this.#filter = new KeyFilter();
    } catch (error) {
      throw await this.#why(error, `empty "${name.table}", which is to be filled anew`);
    }
    this.#expected = position;
  }

  async rewind(from: readonly Pick<DeltaDocument, "journal" | "offset">[], next: Json): Promise<void> {
    const { client, name, task, owned } = this.#parts;
    const position = JSON.stringify(next);
    const places = [from.map(({ journal }) => journal), from.map(({ offset }) => String(offset))];
    const values = [task, owned.fence, this.#expected, position, ...places.map(arrayLiteral)];
    try {
      const { rows } = await client.query<{ moved: number }>(rewindLog(name), values);
      if (rows[0]?.moved !== 1) throw fencedOut(task, name);
    } catch (error) {
      throw await this.#why(error, `delete rows of "${name.table}", which are to be written again`);
    }
    this.#expected = position;
  }

  async #storeRows(rows: readonly EncodedRow[], next: Json, newRows?: CopyRows): Promise<void> {
    const { name, task, owned } = this.#parts;
    const position = JSON.stringify(next);
    const fenced: Fenced = [task, owned.fence, this.#expected, position];
    const moved = await this.#store(rows, fenced, newRows).catch(async (error) =>
      Promise.reject(await this.#why(error)),
    );
    if (moved !== 1) throw fencedOut(task, name);
    protocolPoint("postgres.commit.after");
    this.#expected = position;
  }

  async #store(rows: readonly EncodedRow[], fenced: Fenced, newRows: CopyRows | undefined): Promise<number> {
    if (newRows && newRows.size > 0) return this.#storeNew(newRows, rows, fenced);
    if (rows.length <= this.#maxRowsInArrays) return this.#storeArrays(rows, fenced);
    await this.#makeBatchTable();
    return this.#inTransaction(() => this.#storeBatch(rows, fenced));
  }

  async close(): Promise<void> {
    await this.#parts.client.end().catch(() => {});
  }

  /** One round trip: a single statement is a transaction. */
  async #storeArrays(rows: readonly EncodedRow[], fenced: Fenced): Promise<number> {
    const arrays = this.#parts.columns.all.map((_, i) => arrayLiteral(rows.map((row) => row[i + 1])));
    const values =
      rows.length === 0 ? fenced : [...fenced, arrayLiteral(rows.map((row) => row[0])), ...arrays];
    return this.#apply("arrays", opsOf(rows), values);
  }

  async #storeBatch(rows: readonly EncodedRow[], fenced: Fenced): Promise<number> {
    await this.#copy(copyBatch(this.#parts.columns, true), copyText(rows));
    return this.#apply("batch", opsOf(rows), fenced);
  }

  /** To be awaited before a transaction: one that is rolled back must not take the table along. */
  async #makeBatchTable(): Promise<void> {
    if (this.#hasBatchTable) return;
    await this.#parts.client.query(createBatch(this.#parts.columns));
    this.#hasBatchTable = true;
  }

  async #storeNew(newRows: CopyRows, rows: readonly EncodedRow[], fenced: Fenced): Promise<number> {
    const { client, name, columns } = this.#parts;
    const [task, fence, , next] = fenced;
    const moved: Fenced = [task, fence, next, next];
    if (!this.#filter || rows.length > this.#maxRowsInArrays) await this.#makeBatchTable();
    try {
      const done = await this.#inTransaction(async () => {
        const { rowCount } = await client.query(moveCheckpoint(name.schema), [...fenced]);
        if (rowCount !== 1) return 0;
        if (this.#filter) await this.#copy(copyRows(name, columns), newRows.chunks());
        else {
          await this.#copy(copyBatch(columns, false), newRows.chunks());
          await this.#apply("batch", PUT, moved);
          await client.query(emptyBatch());
        }
        if (rows.length === 0) return 1;
        return rows.length <= this.#maxRowsInArrays
          ? this.#storeArrays(rows, moved)
          : this.#storeBatch(rows, moved);
      });
      newRows.letGo();
      return done;
    } catch (error) {
      if (!this.#filter || !refusesPlainRows(error)) throw error;
      // Somebody else writes to the table, or it does not take plain rows: each is looked for from now on.
      this.#filter = undefined;
      return this.#storeNew(newRows, rows, fenced);
    }
  }

  /** `store` returns how many checkpoints it has moved: unless that is one, nothing is stored. */
  async #inTransaction(store: () => Promise<number>): Promise<number> {
    const { client } = this.#parts;
    try {
      await client.query("BEGIN");
      const moved = await store();
      protocolPoint("postgres.commit.before");
      await client.query(moved === 1 ? "COMMIT" : "ROLLBACK");
      return moved;
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  async #copy(statement: string, chunks: Iterable<Uint8Array>): Promise<void> {
    const copy = this.#parts.client.query(copyFrom(statement));
    const done = finished(copy);
    // Awaited below; until then a failure must not count as unhandled.
    done.catch(() => {});
    for (const chunk of chunks) {
      if (!copy.write(chunk)) await Promise.race([once(copy, "drain"), done]);
    }
    copy.end();
    await done;
    protocolPoint("postgres.copy.after");
  }

  async #apply(source: Source, ops: Ops, values: readonly (string | null)[]): Promise<number> {
    const { client, name, columns, reductions } = this.#parts;
    const statement = ["weir", source, ...[...ops].sort()].join("_");
    const text = this.#texts.get(statement) ?? applyChanges(name, columns, reductions, source, ops);
    this.#texts.set(statement, text);
    const { rows: result } = await client.query<{ moved: number }>({
      name: statement,
      text,
      values: [...values],
    });
    return result[0]?.moved ?? 0;
  }

  /** A successor ends this session's connection; what then looks like a passing failure is the fence. */
  async #why(error: unknown, doing = `store rows in "${this.#parts.name.table}"`): Promise<unknown> {
    if (error instanceof HaltError) return error;
    const { url, name, task, owned } = this.#parts;
    if (!isConnectionLoss(error)) return explain(error, doing);
    try {
      const client = await connect(url, 2_000);
      try {
        const fence = await readFence(client, name.schema, task);
        return fence === undefined || fence === owned.fence ? error : fencedOut(task, name);
      } finally {
        await client.end();
      }
    } catch {
      return error;
    }
  }
}
