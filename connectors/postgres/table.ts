/** The target table: made if it is missing, else held against what the collection needs. */
import type { Client } from "pg";
import { HaltError } from "../driver.ts";
import { holders, isTextual, parseType, sqlType } from "./column-type.ts";
import type { Column, TableColumns } from "./columns.ts";
import { quote } from "./identifiers.ts";
import { checkpoints, createCheckpoints, createTable, qualified, type TableName } from "./statements.ts";

/** What a table is made of, as the catalog tells it. */
export interface FoundTable {
  /** pg_class.relkind: `r` an ordinary table, `p` a partitioned one. */
  readonly kind: string;
  readonly columns: readonly FoundColumn[];
  /** Names of the primary key's columns; empty without one. */
  readonly primaryKey: readonly string[];
}

export interface FoundColumn {
  readonly name: string;
  /** As `format_type` prints it. */
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly generated: boolean;
  /** False where different texts count as equal. */
  readonly deterministic: boolean;
}

/** A table's and its task's names before. */
export interface FormerName {
  readonly table: string;
  readonly task: string;
}

export interface Preparation {
  readonly name: TableName;
  readonly columns: TableColumns;
  readonly task: string;
  /** Undefined where it was not renamed. */
  readonly former: FormerName | undefined;
  /** Whether the table's declaration is elsewhere, so that it is not made here. */
  readonly declared: boolean;
}

/**
 * Makes table and checkpoint table where they are missing, all or nothing, and gives what is found under a former name the
 * new one. Throws `HaltError` where the table does not fit, where it holds rows that this task did not write, and where it
 * is gone though a checkpoint says that it was filled.
 */
export async function prepareTable(
  client: Client,
  { name, columns, task, former, declared }: Preparation,
): Promise<void> {
  await client.query("BEGIN");
  try {
    // Two tasks that start at once would both find no checkpoint table, and one would fail to make it.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('weir:prepare', 0))");
    if ((await findTable(client, { schema: name.schema, table: "weir_checkpoints" })) === undefined) {
      await client.query(createCheckpoints(name.schema));
    }
    if (former !== undefined) await rename(client, name, task, former);
    const checkpoint = await findCheckpoint(client, name.schema, task);
    const found = await findTable(client, name);
    if (found === undefined) {
      refuseLostTable(name, task, checkpoint?.position ?? null);
      if (declared) {
        throw new HaltError(
          `The table ${qualified(name)} is declared with Drizzle and does not exist; run its migrations (drizzle-kit migrate, or drizzle-kit push), then start the task again.`,
        );
      }
      await client.query(createTable(name, columns));
    } else {
      const misfits = misfitsOf(name, columns, found);
      if (misfits.length > 0) throw new HaltError(misfits.join(" "));
      if (checkpoint === undefined) await refuseForeignRows(client, name);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

async function findCheckpoint(
  client: Client,
  schema: string,
  task: string,
): Promise<{ readonly position: string | null } | undefined> {
  const { rows } = await client.query<{ position: string | null }>(
    `SELECT position FROM ${checkpoints(schema)} WHERE task = $1`,
    [task],
  );
  return rows[0];
}

/** A table that others read for long is tried again later, instead of having everyone behind wait. */
export const LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'";

/** Does nothing where the task goes by its new name already, or never went by the old one. */
async function rename(client: Client, name: TableName, task: string, former: FormerName): Promise<void> {
  if ((await findCheckpoint(client, name.schema, task)) !== undefined) return;
  if ((await findCheckpoint(client, name.schema, former.task)) === undefined) return;
  const old: TableName = { schema: name.schema, table: former.table };
  const [foundOld, foundNew] = [await findTable(client, old), await findTable(client, name)];
  if (foundOld !== undefined && foundNew !== undefined) {
    throw new HaltError(
      `The table ${qualified(old)} is to be renamed, but ${qualified(name)} exists; drop the one that you do not need, or leave renamedFrom out to fill the new one from history.`,
    );
  }
  await client.query(LOCK_TIMEOUT);
  // Without either, the checkpoint alone moves, and what follows says that the table is gone.
  if (foundOld !== undefined)
    await client.query(`ALTER TABLE ${qualified(old)} RENAME TO ${quote(name.table)}`);
  await client.query(`UPDATE ${checkpoints(name.schema)} SET task = $1 WHERE task = $2`, [task, former.task]);
}

function refuseLostTable(name: TableName, task: string, position: string | null): void {
  if (position === null) return;
  throw new HaltError(
    `The table ${qualified(name)} is gone, but the checkpoint of "${task}" says that it was filled; bring the table back, or delete that row of ${checkpoints(name.schema)} to fill a new one from the beginning.`,
  );
}

async function refuseForeignRows(client: Client, name: TableName): Promise<void> {
  const { rows } = await client.query<{ filled: boolean }>(
    `SELECT EXISTS (SELECT FROM ${qualified(name)}) AS filled`,
  );
  if (rows[0]?.filled !== true) return;
  throw new HaltError(
    `The table ${qualified(name)} holds rows but has no checkpoint of this task, so what they contain is unknown; name another table, or empty this one.`,
  );
}

async function findTable(client: Client, { schema, table }: TableName): Promise<FoundTable | undefined> {
  const { rows } = await client.query<{ oid: string; kind: string }>(
    `SELECT c.oid::text AS oid, c.relkind::text AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`,
    [schema, table],
  );
  const relation = rows[0];
  if (relation === undefined) return undefined;
  const columns = await client.query<FoundColumn>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull",
  a.atthasdef OR a.attidentity <> '' AS "hasDefault", a.attgenerated <> '' AS generated,
  coalesce(l.collisdeterministic, true) AS deterministic
FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [relation.oid],
  );
  const key = await client.query<{ name: string }>(
    `SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = $1::oid AND i.indisprimary`,
    [relation.oid],
  );
  return { kind: relation.kind, columns: columns.rows, primaryKey: key.rows.map((row) => row.name) };
}

/** A sentence per misfit, each with its remedy; none if the table can hold the collection. */
export function misfitsOf(name: TableName, columns: TableColumns, found: FoundTable): string[] {
  const table = qualified(name);
  if (found.kind !== "r" && found.kind !== "p") return [`${table} is no table; name another target.`];
  const misfits = columns.all.flatMap((column) => {
    const other = found.columns.find((each) => each.name === column.name);
    return columnMisfits(table, column, other);
  });
  for (const other of found.columns) {
    if (columns.all.some((column) => column.name === other.name)) continue;
    if (other.notNull && !other.hasDefault && !other.generated) {
      const alter = `ALTER TABLE ${table} ALTER COLUMN ${quote(other.name)} DROP NOT NULL`;
      misfits.push(
        `Column "${other.name}" of ${table} must have a value, and no field gives one; run ${alter}.`,
      );
    }
  }
  const wanted = columns.key.map((column) => column.name);
  if (wanted.toSorted().join("\0") !== found.primaryKey.toSorted().join("\0")) {
    const has =
      found.primaryKey.length === 0 ? "no primary key" : `the primary key (${found.primaryKey.join(", ")})`;
    misfits.push(
      `${table} has ${has}, but the collection's key is (${wanted.join(", ")}); name another table.`,
    );
  }
  return misfits;
}

function columnMisfits(table: string, column: Column, found: FoundColumn | undefined): string[] {
  const name = quote(column.name);
  if (found === undefined) {
    const add = `ALTER TABLE ${table} ADD COLUMN ${name} ${column.type}`;
    return [
      `${table} has no column "${column.name}"; run ${add} while the table is empty, or name another table.`,
    ];
  }
  const misfits: string[] = [];
  if (!fitsType(column, found.type) || found.generated) {
    const is = found.generated ? "generated" : found.type;
    const other = holders(column).find((type) => sqlType(type) === found.type);
    const keep =
      other === undefined || found.generated
        ? ""
        : `, keep it by columns: { ${JSON.stringify(column.path.join("."))}: { type: "${other}" } }`;
    misfits.push(
      `Column "${column.name}" of ${table} is ${is}, but the field needs ${column.type}; change the column's type${keep}, or name another table.`,
    );
  }
  if (found.notNull && !column.notNull) {
    const alter = `ALTER TABLE ${table} ALTER COLUMN ${name} DROP NOT NULL`;
    misfits.push(
      `Column "${column.name}" of ${table} is NOT NULL, but documents may lack the field; run ${alter}.`,
    );
  }
  if (column.inKey && !found.deterministic) {
    misfits.push(
      `Key column "${column.name}" of ${table} has a collation in which different texts are equal; give it another.`,
    );
  }
  return misfits;
}

/** A text column holds texts of any length, one with a length those that the schema keeps as short. */
function fitsType(column: Column, found: string): boolean {
  if (found === column.type) return true;
  if (!isTextual(column)) return false;
  const { type, length = Infinity } = parseType(found);
  return (
    found === "text" ||
    found === "character varying" ||
    (type === "varchar" && length >= (column.bounds.maxLength ?? Infinity))
  );
}
