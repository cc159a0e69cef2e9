import type { MaterializationContext, MaterializationDriver, TargetSession } from "../driver.ts";
import { planColumns } from "./columns.ts";
import { connect, readConfig, tableName } from "./connection.ts";
import { explain } from "./errors.ts";
import { takeFence } from "./fence.ts";
import { reductionsInSql } from "./reductions.ts";
import { PostgresSession } from "./session.ts";
import { prepareTable } from "./table.ts";

/**
 * Rows, checkpoint and fence in one database transaction: exactly once. The checkpoint is a row of `weir_checkpoints`
 * in the table's schema.
 */
export const driver: MaterializationDriver = {
  async open({ config, collection, task, log }: MaterializationContext): Promise<TargetSession> {
    const settings = readConfig(config);
    const columns = planColumns(collection);
    const client = await connect(settings.url);
    try {
      const name = await tableName(client, settings);
      await prepareTable(client, name, columns, task);
      const owned = await takeFence(client, name.schema, task, log);
      const reductions = reductionsInSql(collection, columns);
      return new PostgresSession({ client, url: settings.url, name, task, columns, reductions, owned });
    } catch (error) {
      await client.end().catch(() => {});
      throw explain(error, `prepare "${settings.table}"`);
    }
  },
};
