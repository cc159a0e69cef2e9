import type { MaterializationContext, MaterializationDriver, TargetSession } from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { planColumns } from "./columns.ts";
import { connect, readConfig, tableName } from "./connection.ts";
import { dropTable } from "./drop.ts";
import { explain } from "./errors.ts";
import { endBackendOf, takeFence } from "./fence.ts";
import { asideConfig } from "./place.ts";
import { reductionsInSql } from "./reductions.ts";
import { PostgresSession } from "./session.ts";
import { swapTables } from "./swap.ts";
import { alterTableInPlace, type FormerName, isEmptyTable, prepareTable, reshapeTable } from "./table.ts";

/**
 * Rows, checkpoint and fence in one database transaction: exactly once. The checkpoint is a row of `weir_checkpoints`
 * in the table's schema.
 */
export const driver: MaterializationDriver = {
  async open(context: MaterializationContext): Promise<TargetSession> {
    const { collection, task, mode, log, mayReshape, mayRemake } = context;
    const settings = readConfig(context.config);
    const columns = planColumns(collection, { ...settings, mode });
    const former = formerName(context, settings.schema);
    const client = await connect(settings.url);
    try {
      const name = await tableName(client, settings);
      if (former !== undefined) await endBackendOf(client, name.schema, former.task, log);
      const declared = settings.primaryKey !== undefined;
      const table = await prepareTable(client, {
        ...{ name, columns, task, former, declared, like: settings.aside?.of },
        ...{ mayReshape, mayRemake },
      });
      protocolPoint("postgres.fence.before");
      const found = await takeFence(client, name.schema, task, log);
      protocolPoint("postgres.fence.after");
      const altering = { name, columns, task, owned: found, log };
      if (table === "alter") await alterTableInPlace(client, altering);
      const owned = table === "reshape" ? await reshapeTable(client, altering) : found;
      const reductions = mode === "delta" ? undefined : reductionsInSql(collection, columns);
      return new PostgresSession({
        ...{ client, url: settings.url, name, task, columns, reductions, owned },
        isEmpty: mode === "standard" && (await isEmptyTable(client, name)),
      });
    } catch (error) {
      await client.end().catch(() => {});
      throw explain(error, `prepare "${settings.table}"`);
    }
  },

  aside: asideConfig,
  swap: swapTables,
  drop: dropTable,
};

/** A table is renamed within its schema, with which a task's name begins if the target names one. */
function formerName(
  { task, renamedFrom }: MaterializationContext,
  schema: string | undefined,
): FormerName | undefined {
  if (renamedFrom === undefined) return undefined;
  const start = task.indexOf(":") + 1;
  const connector = task.slice(0, start);
  const resource = renamedFrom.startsWith(connector) ? renamedFrom.slice(start) : renamedFrom;
  if (schema === undefined) return { table: resource, task: connector + resource };
  const inSchema = `${schema}.`;
  const table = resource.startsWith(inSchema) ? resource.slice(inSchema.length) : resource;
  return { table, task: connector + inSchema + table };
}
