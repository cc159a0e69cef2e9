/** A table that was filled beside another takes its place, its name and its checkpoint's, in one transaction. */
import type { Client } from "pg";
import { HaltError, type TargetPlace, type TargetSwap, type TaskLog } from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { layOut } from "./columns.ts";
import { connect, readConfig, tableName } from "./connection.ts";
import { emptyColumns, refuseLostColumns, refuseToSwap, type Succession } from "./dependents.ts";
import { explain } from "./errors.ts";
import { endBackendOf } from "./fence.ts";
import { quote } from "./identifiers.ts";
import { type Alike, compareIndexes } from "./indexes.ts";
import { inherit } from "./inheritance.ts";
import { asideName } from "./place.ts";
import { type Place, type PlaceState, placeOf, stateOf } from "./place-state.ts";
import { checkpoints, qualified } from "./statements.ts";
import { LOCK_TIMEOUT, lockPreparations, refuseForeignRows } from "./table.ts";

/**
 * What takes long is done first: indexes of the former table's user are made on the new one while readers go on. The
 * transaction then keeps them waiting for changes of the catalog alone, at most 5 s for the lock; a query that waits finds
 * the new table by its name. A repeat finds what of it is done.
 */
export async function swapTables(given: TargetSwap): Promise<void> {
  const { log } = given;
  const settings = readConfig(given.serving.config);
  const client = await connect(settings.url);
  try {
    const { schema } = await tableName(client, settings);
    const places: Places = {
      serving: placeOf(given.serving, schema),
      beside: placeOf(given.beside, schema),
      kept: given.kept && placeOf(given.kept, schema),
      labels: { beside: labelOf(given.beside), kept: given.kept && labelOf(given.kept) },
      formerColumns: columnsOf(given.kept),
    };
    const { serving, beside } = places;
    for (const { task } of [serving, beside]) await endBackendOf(client, schema, task, log);
    const tables = await tablesOf(client, places);
    if (tables === undefined) return;
    await client.query("SET lock_timeout = '5s'");
    if (tables.former !== undefined) await makeAlike(client, places, tables.former, tables.newer, log);
    // Otherwise queries would be planned for a table of which nothing is known.
    await client.query(`ANALYZE ${qualified(beside.name)}`);
    await swapInTransaction(client, places, log);
  } catch (error) {
    throw explain(error, `put the table that was filled beside "${settings.table}" in its place`);
  } finally {
    await client.end().catch(() => {});
  }
}

interface Places {
  readonly serving: Place;
  readonly beside: Place;
  readonly kept: Place | undefined;
  readonly labels: { readonly beside: string; readonly kept: string | undefined };
  /** Those that the former rows have by their own flow. */
  readonly formerColumns: ReadonlySet<string>;
}

function labelOf({ task, config }: TargetPlace): string {
  const { aside } = readConfig(config);
  if (aside === undefined) throw new Error(`The configuration of "${task}" is of no place of its own.`);
  return aside.label;
}

function columnsOf(place: TargetPlace | undefined): ReadonlySet<string> {
  if (place === undefined) return new Set();
  const { columns } = layOut(place.collection, { ...readConfig(place.config), mode: place.mode });
  return new Set(columns.all.map(({ name }) => name));
}

/** pg_class.oid of the table that readers look at, if there is one, and of the one to come. */
interface Tables {
  readonly former: string | undefined;
  /** Whether the former table is the target's, and so is kept. */
  readonly isOwn: boolean;
  readonly newer: string;
}

/** Undefined where they are swapped already. Throws `HaltError` where what is there cannot be. */
async function tablesOf(client: Client, places: Places): Promise<Tables | undefined> {
  const { serving, beside, kept } = places;
  const [former, newer] = [await stateOf(client, serving), await stateOf(client, beside)];
  if (!newer.hasCheckpoint) {
    if (former.hasCheckpoint) return undefined;
    throw new HaltError(
      `Neither "${beside.task}" nor "${serving.task}" has a checkpoint in the schema ${quote(serving.name.schema)}, so there is nothing to swap; give the target the url and the schema under which it was filled.`,
    );
  }
  if (newer.table === undefined) {
    throw new HaltError(
      `The table ${qualified(beside.name)} is gone, but the checkpoint of "${beside.task}" says that it was filled; bring it back, or delete that checkpoint (${checkpoints(serving.name.schema)}) to have it filled again.`,
    );
  }
  const isOwn = former.table !== undefined && former.hasCheckpoint;
  if (former.table !== undefined && !former.hasCheckpoint) await refuseForeignRows(client, serving.name);
  if (isOwn) await refuseToLose(client, serving, kept);
  return { former: former.table, isOwn, newer: newer.table };
}

async function refuseToLose(client: Client, serving: Place, kept: Place | undefined): Promise<void> {
  const state: PlaceState | undefined = kept && (await stateOf(client, kept));
  if (kept === undefined) {
    throw new HaltError(
      `The table ${qualified(serving.name)} holds rows that "${serving.task}" stored at an earlier time; drop it, and delete that task's row of ${checkpoints(serving.name.schema)}, then start the task again.`,
    );
  }
  if (state?.table === undefined) return;
  throw new HaltError(
    `The table ${qualified(serving.name)} is to be kept as ${qualified(kept.name)}, which exists; drop that one (weir drop ${kept.task}), then start the task again.`,
  );
}

async function refuse(client: Client, places: Places, former: string, newer: string): Promise<void> {
  await refuseToSwap(client, places.serving.name, former);
  await refuseLostColumns(client, successionOf(places, former, newer));
}

function successionOf({ serving, beside, formerColumns }: Places, former: string, newer: string): Succession {
  return {
    former: { oid: former, name: serving.name },
    newer: { oid: newer, name: beside.name },
    known: formerColumns,
  };
}

function compare(client: Client, places: Places, former: string, newer: string): Promise<Alike> {
  return compareIndexes(client, former, newer, { name: places.beside.name, label: places.labels.beside });
}

async function makeAlike(
  client: Client,
  places: Places,
  former: string,
  newer: string,
  log: TaskLog,
): Promise<void> {
  const columns = await emptyColumns(client, successionOf(places, former, newer));
  for (const statement of columns) await client.query(statement);
  await refuse(client, places, former, newer);
  for (const statement of (await compare(client, places, former, newer)).missing) {
    try {
      await client.query(statement);
    } catch (error) {
      throw explain(error, `give the new table what the former one has (${statement})`);
    }
    log.info(`The new table has what the former one has: ${statement}.`);
  }
}

async function swapInTransaction(client: Client, places: Places, log: TaskLog): Promise<void> {
  const { serving, beside, kept } = places;
  await client.query("BEGIN");
  try {
    await client.query(LOCK_TIMEOUT);
    await lockPreparations(client);
    // Before the tables, as every transaction that stores rows: two never wait for each other.
    await client.query(
      `SELECT FROM ${checkpoints(serving.name.schema)} WHERE task = ANY ($1) ORDER BY task FOR UPDATE`,
      [[serving, beside, kept].flatMap((place) => place?.task ?? [])],
    );
    const tables = await tablesOf(client, places);
    if (tables === undefined) {
      await client.query("ROLLBACK");
      return;
    }
    const inherited = await rename(client, places, tables);
    await moveCheckpoints(client, places, tables.isOwn);
    protocolPoint("postgres.swap.before");
    await client.query("COMMIT");
    protocolPoint("postgres.swap.after");
    const former = tables.isOwn && kept !== undefined ? ` The former one is now "${kept.name.table}".` : "";
    log.info(`"${beside.name.table}" has become "${serving.name.table}".${former}`);
    for (const statement of inherited) log.info(`It has what the former table had: ${statement}.`);
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}

/** Returns the statements that gave the new table what the former one had. */
async function rename(
  client: Client,
  places: Places,
  { former, isOwn, newer }: Tables,
): Promise<readonly string[]> {
  const { serving, beside, kept, labels } = places;
  const [old, now] = [qualified(serving.name), qualified(beside.name)];
  let inherited: readonly string[] = [];
  let pairs: Alike["pairs"] = [];
  if (former !== undefined) {
    await client.query(`LOCK TABLE ${old}, ${now} IN ACCESS EXCLUSIVE MODE`);
    if (!isOwn) await refuseForeignRows(client, serving.name);
    await refuse(client, places, former, newer);
    const alike = await compare(client, places, former, newer);
    if (alike.missing.length > 0) throw new Error(`The table ${old} changed meanwhile.`);
    pairs = alike.pairs;
    inherited = await inherit(client, { former, newer, name: beside.name, pairs });
  }
  if (isOwn && kept !== undefined) {
    for (const pair of pairs)
      await renameIndex(client, serving, pair.former, asideName(pair.former, labels.kept ?? ""));
    await client.query(`ALTER TABLE ${old} RENAME TO ${quote(kept.name.table)}`);
  } else if (former !== undefined) await client.query(`DROP TABLE ${old}`);
  for (const pair of pairs) await renameIndex(client, serving, pair.newer, pair.former);
  await client.query(`ALTER TABLE ${now} RENAME TO ${quote(serving.name.table)}`);
  return inherited;
}

/** A constraint that the index belongs to is renamed with it. */
async function renameIndex(
  client: Client,
  { name: { schema } }: Place,
  from: string,
  to: string,
): Promise<void> {
  await client.query(`ALTER INDEX ${qualified({ schema, table: from })} RENAME TO ${quote(to)}`);
}

/** All get a fence above each that was ever given for one of them, so that no instance of any commits again. */
async function moveCheckpoints(
  client: Client,
  { serving, beside, kept }: Places,
  isKept: boolean,
): Promise<void> {
  const all = checkpoints(serving.name.schema);
  const tasks = [serving.task, beside.task, ...(kept === undefined ? [] : [kept.task])];
  const { rows } = await client.query<{ fence: string }>(
    `SELECT (max(fence) + 1)::text AS fence FROM ${all} WHERE task = ANY ($1)`,
    [tasks],
  );
  const fence = rows[0]?.fence;
  const move = `UPDATE ${all} SET task = $2, fence = $3, updated_at = now() WHERE task = $1`;
  if (kept !== undefined) {
    await client.query(`DELETE FROM ${all} WHERE task = $1`, [kept.task]);
    if (isKept) await client.query(move, [serving.task, kept.task, fence]);
  }
  await client.query(`DELETE FROM ${all} WHERE task = $1`, [serving.task]);
  await client.query(move, [beside.task, serving.task, fence]);
}
