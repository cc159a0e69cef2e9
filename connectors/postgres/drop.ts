/** A place that nobody needs any more goes, table and checkpoint in one transaction. */
import { HaltError, type TargetPlace, type TaskLog } from "../driver.ts";
import { connect, readConfig, tableName } from "./connection.ts";
import { refuseToDrop } from "./dependents.ts";
import { explain } from "./errors.ts";
import { endBackendOf } from "./fence.ts";
import { placeOf, stateOf } from "./place-state.ts";
import { checkpoints, qualified } from "./statements.ts";
import { LOCK_TIMEOUT, lockPreparations } from "./table.ts";

export async function dropTable(given: TargetPlace, log: TaskLog): Promise<void> {
  const settings = readConfig(given.config);
  const client = await connect(settings.url);
  try {
    const { schema } = await tableName(client, settings);
    const place = placeOf(given, schema);
    await endBackendOf(client, schema, place.task, log);
    await client.query("BEGIN");
    await client.query(LOCK_TIMEOUT);
    await lockPreparations(client);
    const { table, hasCheckpoint } = await stateOf(client, place);
    if (table !== undefined && !hasCheckpoint) {
      throw new HaltError(
        `The table ${qualified(place.name)} has no checkpoint of "${place.task}", so that it may be another's; drop it yourself if it is not.`,
      );
    }
    if (hasCheckpoint) {
      // Before the table, as every transaction that stores rows: two never wait for each other.
      await client.query(`DELETE FROM ${checkpoints(schema)} WHERE task = $1`, [place.task]);
    }
    if (table !== undefined) {
      await refuseToDrop(client, place.name, table);
      await client.query(`DROP TABLE ${qualified(place.name)}`);
    }
    await client.query("COMMIT");
    if (table !== undefined) log.info(`Dropped the table ${qualified(place.name)}.`);
  } catch (error) {
    throw explain(error, `drop "${settings.table}"`);
  } finally {
    // Ends the transaction too, where it was not committed.
    await client.end().catch(() => {});
  }
}
