/** The texts of all statements that a session sends. Pure: golden tests show them. */
import { isTextual } from "./column-type.ts";
import { type Column, OP_COLUMN, type TableColumns } from "./columns.ts";
import { quote } from "./identifiers.ts";
import type { RowOp } from "./values.ts";

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export const CHECKPOINTS = "weir_checkpoints";
const BATCH = "pg_temp.weir_batch";

export function qualified({ schema, table }: TableName): string {
  return `${quote(schema)}.${quote(table)}`;
}

export function checkpoints(schema: string): string {
  return qualified({ schema, table: CHECKPOINTS });
}

/** Keys are compared by their bytes: exact, and faster than by a language's rules. */
export function definition(column: Column): string {
  const collate = column.inKey && isTextual(column) ? ' COLLATE "C"' : "";
  return `${quote(column.name)} ${column.type}${collate}${column.notNull ? " NOT NULL" : ""}`;
}

export function createTable(name: TableName, columns: TableColumns): string {
  return `CREATE TABLE ${qualified(name)} ${tableBody(columns)}`;
}

/** Columns and primary key, in parentheses. */
export function tableBody(columns: TableColumns): string {
  const lines = [...columns.all.map(definition), `PRIMARY KEY (${list(columns.key)})`];
  return `(\n  ${lines.join(",\n  ")}\n)`;
}

export function createCheckpoints(schema: string): string {
  return `CREATE TABLE IF NOT EXISTS ${checkpoints(schema)} (
  task text PRIMARY KEY,
  fence bigint NOT NULL,
  position text,
  backend_pid integer NOT NULL,
  backend_start timestamptz NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
)`;
}

/** Emptied at each commit; made once per session, when first needed. */
export function createBatch(columns: TableColumns): string {
  const lines = columns.all.map((column) => `${quote(column.name)} ${column.type}`);
  return `CREATE TEMPORARY TABLE weir_batch (\n  ${OP_COLUMN} text DEFAULT 'put',\n  ${lines.join(",\n  ")}\n) ON COMMIT DELETE ROWS`;
}

/** Without ops every row is put. */
export function copyBatch(columns: TableColumns, withOps: boolean): string {
  return `COPY ${BATCH} (${withOps ? `${OP_COLUMN}, ` : ""}${list(columns.all)}) FROM STDIN`;
}

export function emptyBatch(): string {
  return `TRUNCATE ${BATCH}`;
}

export function copyRows(name: TableName, columns: TableColumns): string {
  return `COPY ${qualified(name)} (${list(columns.all)}) FROM STDIN`;
}

/** Where the changes of a transaction come from: arrays in the statement's parameters, or the temporary table. */
export type Source = "arrays" | "batch";
export type Ops = ReadonlySet<RowOp>;

/** Moves the checkpoint if fence and position are the expected ones. Parameters: task, fence, expected and next position. */
export function moveCheckpoint(schema: string): string {
  return `UPDATE ${checkpoints(schema)} SET position = $4, updated_at = now()
  WHERE task = $1 AND fence = $2 AND position IS NOT DISTINCT FROM $3`;
}

/**
 * One statement that moves the checkpoint and, only if that hit its row, writes the rows. It returns `moved`: 1, or 0 if
 * fence or position were not the expected ones; nothing has been written then.
 * Parameters: task, fence, expected position, next position; then, from arrays, the ops and each column's values.
 */
export function applyChanges(
  name: TableName,
  columns: TableColumns,
  reductions: ReadonlyMap<string, string> | undefined,
  source: Source,
  ops: Ops,
): string {
  const rest = columns.all.filter((column) => !column.inKey);
  const parts = [`checkpoint AS (\n  ${moveCheckpoint(name.schema)} RETURNING 1\n)`];
  if (source === "arrays" && ops.size > 0) {
    const arrays = columns.all.map((column, i) => `$${i + 6}::${column.type}[]`);
    parts.push(`source AS (
  SELECT * FROM unnest($5::text[], ${arrays.join(", ")}) AS s (${OP_COLUMN}, ${list(columns.all)})
)`);
  }
  const from = source === "arrays" ? "source" : BATCH;
  const once = "EXISTS (SELECT FROM checkpoint)";
  if (ops.has("remove")) {
    const same = columns.key.map(({ name: key }) => `t.${quote(key)} = s.${quote(key)}`).join(" AND ");
    parts.push(`removed AS (
  DELETE FROM ${qualified(name)} AS t USING ${from} AS s WHERE s.${OP_COLUMN} = 'remove' AND ${same} AND ${once}
)`);
  }
  for (const op of ["put", "add"] as const) {
    if (!ops.has(op)) continue;
    const set = rest.map((column) => {
      const value = op === "add" ? reductions?.get(column.name) : undefined;
      return `${quote(column.name)} = ${value ?? `excluded.${quote(column.name)}`}`;
    });
    const action = set.length === 0 ? "DO NOTHING" : `DO UPDATE SET\n    ${set.join(",\n    ")}`;
    parts.push(`${op === "put" ? "put" : "added"} AS (
  INSERT INTO ${qualified(name)} AS t (${list(columns.all)})
  SELECT ${list(columns.all)} FROM ${from} AS s WHERE s.${OP_COLUMN} = '${op}' AND ${once}
  ON CONFLICT (${list(columns.key)}) ${action}
)`);
  }
  if (ops.has("append")) {
    parts.push(`appended AS (
  INSERT INTO ${qualified(name)} (${list(columns.all)})
  SELECT ${list(columns.all)} FROM ${from} AS s WHERE ${once}
)`);
  }
  return `WITH ${parts.join(", ")}\nSELECT count(*)::int AS moved FROM checkpoint`;
}

/**
 * Moves the checkpoint and, only if that hit its row, deletes a log's rows. It returns `moved`, as `applyChanges`.
 * Parameters: task, fence, expected position, next position; an array of journals, and one of the first offset of each.
 */
export function rewindLog(name: TableName): string {
  return `WITH checkpoint AS (
  ${moveCheckpoint(name.schema)} RETURNING 1
), deleted AS (
  DELETE FROM ${qualified(name)} AS t USING unnest($5::text[], $6::bigint[]) AS r (journal, first)
  WHERE t.weir_journal = r.journal AND t.weir_offset >= r.first AND EXISTS (SELECT FROM checkpoint)
)
SELECT count(*)::int AS moved FROM checkpoint`;
}

/** Parameters: an array per key column. Rows: the place in the arrays, from 1, then all columns. */
export function loadRows(name: TableName, columns: TableColumns): string {
  const arrays = columns.key.map((column, i) => `$${i + 1}::${column.type}[]`);
  const places = columns.key.map((_, i) => `k${i}`);
  const same = columns.key.map((column, i) => `t.${quote(column.name)} = k.k${i}`).join(" AND ");
  return `SELECT k.place, ${columns.all.map((column) => `t.${quote(column.name)}`).join(", ")}
FROM unnest(${arrays.join(", ")}) WITH ORDINALITY AS k (${places.join(", ")}, place)
JOIN ${qualified(name)} AS t ON ${same}`;
}

function list(columns: readonly Column[]): string {
  return columns.map((column) => quote(column.name)).join(", ");
}
