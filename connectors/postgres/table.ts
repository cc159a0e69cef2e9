/** The target table: made if it is missing, else held against what the collection needs. */
import type { Client } from "pg";
import { HaltError, type MaterializationContext, type TaskLog } from "../driver.ts";
import type { TableColumns } from "./columns.ts";
import { fencedOut, type Ownership } from "./fence.ts";
import { quote } from "./identifiers.ts";
import {
  checkpoints,
  createCheckpoints,
  createTable,
  moveCheckpoint,
  qualified,
  type TableName,
} from "./statements.ts";
import {
  alterInPlace,
  alterTable,
  type FoundColumn,
  type FoundTable,
  type Misfit,
  misfitsOf,
} from "./table-form.ts";

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
  /** Whether the table's declaration is elsewhere, so that it is not made or altered here. */
  readonly declared: boolean;
  /** Of a table beside another, the other's name: one whose declaration is elsewhere is made like it. */
  readonly like: string | undefined;
  /** Whether the table, filled up to this position, may be emptied and altered. */
  readonly mayReshape: MaterializationContext["mayReshape"];
  /** Whether, filled up to this position and gone, it may be made anew. */
  readonly mayRemake: MaterializationContext["mayRemake"];
}

/**
 * Makes table and checkpoint table where they are missing, all or nothing, and gives what is found under a former name the
 * new one. Throws `HaltError` where the table does not fit, where it holds rows that this task did not write, and where it
 * is gone though a checkpoint says that it was filled. `alter`: its columns are to be changed under the fence, with its rows
 * kept; `reshape`: without.
 */
export async function prepareTable(
  client: Client,
  { name, columns, task, former, declared, like, mayReshape, mayRemake }: Preparation,
): Promise<"fits" | "alter" | "reshape"> {
  let outcome: "fits" | "alter" | "reshape" = "fits";
  await client.query("BEGIN");
  try {
    await lockPreparations(client);
    if ((await findTable(client, { schema: name.schema, table: "weir_checkpoints" })) === undefined) {
      await client.query(createCheckpoints(name.schema));
    }
    if (former !== undefined) await rename(client, name, task, former);
    const checkpoint = await findCheckpoint(client, name.schema, task);
    const found = await findTable(client, name);
    if (found === undefined) {
      const position = checkpoint?.position ?? null;
      if (position !== null) {
        if (!mayRemake(JSON.parse(position))) throw lostTable(name, task);
        // An instance that is at work finds that it has moved, and stores nothing more.
        await client.query(`UPDATE ${checkpoints(name.schema)} SET position = NULL WHERE task = $1`, [task]);
      }
      if (declared) await createLike(client, name, columns, like);
      else await client.query(createTable(name, columns));
    } else {
      const misfits = misfitsOf(name, columns, found);
      if (misfits.length > 0) {
        if (checkpoint === undefined || declared) throw misfitting(misfits);
        outcome = await changeOf(client, name, misfits, () =>
          mayReshape(checkpoint.position === null ? undefined : JSON.parse(checkpoint.position)),
        );
      } else if (checkpoint === undefined) await refuseForeignRows(client, name);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
  return outcome;
}

export interface Emptying {
  readonly name: TableName;
  readonly task: string;
  /** The position is the one that the checkpoint must have. */
  readonly owned: Ownership;
  /** JSON, or null for none. */
  readonly next: string | null;
}

/**
 * Removes all rows and sets the position in one transaction, of which `also` is a part, with the table locked. Throws
 * `FencedError` where another instance has taken the fence.
 */
export async function emptyTable(
  client: Client,
  { name, task, owned, next }: Emptying,
  also: () => Promise<void> = async () => {},
): Promise<void> {
  await client.query("BEGIN");
  try {
    await client.query(LOCK_TIMEOUT);
    // Before the table, as every transaction that stores rows: two never wait for each other.
    const values = [task, owned.fence, owned.position, next];
    const moved = await client.query(moveCheckpoint(name.schema), values);
    if (moved.rowCount !== 1) throw fencedOut(task, name);
    await client.query(`TRUNCATE ${qualified(name)}`);
    await also();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** Empties a table that does not fit, and alters its columns. The task then has no position. */
export async function reshapeTable(
  client: Client,
  { name, columns, log, ...rest }: Omit<Emptying, "next"> & { readonly columns: TableColumns; log: TaskLog },
): Promise<Ownership> {
  let altered = "";
  await emptyTable(client, { name, ...rest, next: null }, async () => {
    const found = await findTable(client, name);
    const statement = found && alterTable(name, columns, found);
    if (statement === undefined) throw changedMeanwhile(name);
    await client.query(statement);
    altered = statement;
  });
  log.info(
    `The table did not fit its collection any more: it was emptied, to be filled from history, and altered by ${altered}.`,
  );
  return { ...rest.owned, position: null };
}

/** Two tasks that start at once would both find no checkpoint table, and one would fail to make it. */
export async function lockPreparations(client: Client): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('weir:prepare', 0))");
}

/** How a table of this task comes to fit. Throws `HaltError` where it may not. */
async function changeOf(
  client: Client,
  name: TableName,
  misfits: readonly Misfit[],
  mayReshape: () => boolean,
): Promise<"alter" | "reshape"> {
  if ((await keepsRows(client, name, misfits)) !== undefined) return "alter";
  if (misfits.every(({ clause }) => clause !== undefined) && mayReshape()) return "reshape";
  throw misfitting(misfits);
}

/** The statement that puts the table right with its rows kept, if all that it does to them is what a fresh fill would. */
async function keepsRows(
  client: Client,
  name: TableName,
  misfits: readonly Misfit[],
): Promise<string | undefined> {
  const altering = alterInPlace(name, misfits);
  if (altering?.unless === undefined) return altering?.statement;
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM ${qualified(name)} WHERE ${altering.unless}) AS found`,
  );
  return rows[0]?.found === false ? altering.statement : undefined;
}

/** Gives the table the columns that its collection needs, with rows and position kept, under the fence. */
export async function alterTableInPlace(
  client: Client,
  { name, columns, task, owned, log }: Omit<Emptying, "next"> & { columns: TableColumns; log: TaskLog },
): Promise<void> {
  let altered = "";
  await client.query("BEGIN");
  try {
    await client.query(LOCK_TIMEOUT);
    const values = [task, owned.fence, owned.position, owned.position];
    const moved = await client.query(moveCheckpoint(name.schema), values);
    if (moved.rowCount !== 1) throw fencedOut(task, name);
    await client.query(`LOCK TABLE ${qualified(name)} IN ACCESS EXCLUSIVE MODE`);
    const found = await findTable(client, name);
    const statement = found && (await keepsRows(client, name, misfitsOf(name, columns, found)));
    if (statement === undefined) throw changedMeanwhile(name);
    await client.query(statement);
    await client.query("COMMIT");
    altered = statement;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
  log.info(
    `The table did not fit its collection any more: with its rows kept, it was altered by ${altered}.`,
  );
}

function changedMeanwhile(name: TableName): Error {
  return new Error(`The table ${qualified(name)} changed meanwhile.`);
}

/** A table beside one that is declared elsewhere: its columns, defaults, checks and indexes. */
async function createLike(
  client: Client,
  name: TableName,
  columns: TableColumns,
  like: string | undefined,
): Promise<void> {
  const model: TableName = { schema: name.schema, table: like ?? name.table };
  if (like === undefined || (await findTable(client, model)) === undefined) {
    throw new HaltError(
      `The table ${qualified(model)} is declared with Drizzle and does not exist; run its migrations (drizzle-kit migrate, or drizzle-kit push), then start the task again.`,
    );
  }
  await client.query(`CREATE TABLE ${qualified(name)} (LIKE ${qualified(model)} INCLUDING ALL)`);
  const found = await findTable(client, name);
  const misfits = found === undefined ? [] : misfitsOf(name, columns, found);
  if (misfits.length > 0) throw misfitting(misfits);
}

function misfitting(misfits: readonly Misfit[]): HaltError {
  return new HaltError(misfits.map(({ message }) => message).join(" "));
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

function lostTable(name: TableName, task: string): HaltError {
  return new HaltError(
    `The table ${qualified(name)} is gone, but the checkpoint of "${task}" says that it was filled; bring the table back, or run weir backfill ${task} to fill a new one from the beginning.`,
  );
}

export async function refuseForeignRows(client: Client, name: TableName): Promise<void> {
  if (await isEmptyTable(client, name)) return;
  throw new HaltError(
    `The table ${qualified(name)} holds rows but has no checkpoint of this task, so what they contain is unknown; name another table, or empty this one.`,
  );
}

export async function isEmptyTable(client: Client, name: TableName): Promise<boolean> {
  const { rows } = await client.query<{ filled: boolean }>(
    `SELECT EXISTS (SELECT FROM ${qualified(name)}) AS filled`,
  );
  return rows[0]?.filled !== true;
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
  const lost = await client.query(
    "SELECT FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND attisdropped LIMIT 1",
    [relation.oid],
  );
  return {
    kind: relation.kind,
    columns: columns.rows,
    primaryKey: key.rows.map((row) => row.name),
    lostColumn: lost.rowCount !== 0,
  };
}
