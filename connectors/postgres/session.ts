import { once } from "node:events";
import { finished } from "node:stream/promises";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { Json, JsonObject } from "../../plan/plan.ts";
import {
  type DeltaDocument,
  HaltError,
  type KeyValues,
  type RowChange,
  type TargetSession,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import type { TableColumns } from "./columns.ts";
import { connect } from "./connection.ts";
import { explain, isConnectionLoss } from "./errors.ts";
import { fencedOut, type Ownership, readFence } from "./fence.ts";
import { arrayLiteral, copyText } from "./framing.ts";
import {
  applyChanges,
  copyBatch,
  createBatch,
  loadRows,
  rewindLog,
  type Source,
  type TableName,
} from "./statements.ts";
import { emptyTable } from "./table.ts";
import { decodeRow, type EncodedRow, encodeChange, encodeDelta, encodeKeys } from "./values.ts";

/** Up to so many rows, one statement with arrays beats the four of a COPY. */
const MAX_ROWS_IN_ARRAYS = 500;
const LOAD_KEYS = 10_000;

/** More rows per transaction combine more documents of one key, at the cost of memory: about 100 MB of 1 KB rows. */
export const MAX_ROWS = 100_000;

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
}

export class PostgresSession implements TargetSession {
  readonly position: Json | undefined;
  readonly reducesInTarget: boolean;
  readonly maxRows = MAX_ROWS;
  readonly #parts: SessionParts;
  /** JSON of the position that the checkpoint must have when the next transaction begins. */
  #expected: string | null;
  #hasBatchTable = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
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

  async store(changes: readonly RowChange[], next: Json): Promise<void> {
    const { columns } = this.#parts;
    await this.#storeRows(
      changes.map((change) => encodeChange(columns, change)),
      next,
    );
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

  async #storeRows(rows: readonly EncodedRow[], next: Json): Promise<void> {
    const { name, task, owned } = this.#parts;
    const position = JSON.stringify(next);
    const fenced = [task, owned.fence, this.#expected, position];
    const moved =
      rows.length <= MAX_ROWS_IN_ARRAYS
        ? await this.#storeArrays(rows, fenced).catch(async (error) => Promise.reject(await this.#why(error)))
        : await this.#storeByCopy(rows, fenced);
    if (moved !== 1) throw fencedOut(task, name);
    protocolPoint("postgres.commit.after");
    this.#expected = position;
  }

  async close(): Promise<void> {
    await this.#parts.client.end().catch(() => {});
  }

  /** One round trip: a single statement is a transaction. */
  async #storeArrays(rows: readonly EncodedRow[], fenced: readonly (string | null)[]): Promise<number> {
    const arrays = this.#parts.columns.all.map((_, i) => arrayLiteral(rows.map((row) => row[i + 1])));
    const values =
      rows.length === 0 ? fenced : [...fenced, arrayLiteral(rows.map((row) => row[0])), ...arrays];
    return this.#apply("arrays", rows, values);
  }

  async #storeByCopy(rows: readonly EncodedRow[], fenced: readonly (string | null)[]): Promise<number> {
    const { client, columns } = this.#parts;
    try {
      if (!this.#hasBatchTable) {
        await client.query(createBatch(columns));
        this.#hasBatchTable = true;
      }
      await client.query("BEGIN");
      const copy = client.query(copyFrom(copyBatch(columns)));
      const done = finished(copy);
      // Awaited below; until then a failure must not count as unhandled.
      done.catch(() => {});
      for (const chunk of copyText(rows)) {
        if (!copy.write(chunk)) await Promise.race([once(copy, "drain"), done]);
      }
      copy.end();
      await done;
      protocolPoint("postgres.copy.after");
      const moved = await this.#apply("batch", rows, fenced);
      protocolPoint("postgres.commit.before");
      await client.query(moved === 1 ? "COMMIT" : "ROLLBACK");
      return moved;
    } catch (error) {
      const why = await this.#why(error);
      await client.query("ROLLBACK").catch(() => {});
      throw why;
    }
  }

  async #apply(
    source: Source,
    rows: readonly EncodedRow[],
    values: readonly (string | null)[],
  ): Promise<number> {
    const { client, name, columns, reductions } = this.#parts;
    const ops = new Set(rows.map((row) => row[0]));
    const { rows: result } = await client.query<{ moved: number }>({
      name: ["weir", source, ...[...ops].sort()].join("_"),
      text: applyChanges(name, columns, reductions, source, ops),
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
