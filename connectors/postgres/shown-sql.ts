/** The statement that makes a target's table, for whoever has no server at hand. */
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { layOut, readColumns } from "./columns.ts";
import { quote } from "./identifiers.ts";
import { qualified, tableBody } from "./statements.ts";

/**
 * As the driver runs it where the table is not there; without a schema in the configuration the table's name is alone, and
 * the connection decides. Undefined for a table that is declared with Drizzle, which its migrations make.
 */
export function createTableSql(
  collection: CollectionPlan,
  config: JsonObject,
  mode: "standard" | "delta",
): string | undefined {
  const { table, schema } = config;
  const settings = { ...readColumns(config), mode };
  const { columns, misfits } = layOut(collection, settings);
  if (settings.primaryKey !== undefined || misfits.length > 0 || typeof table !== "string") return undefined;
  const name = typeof schema === "string" ? qualified({ schema, table }) : quote(table);
  return `CREATE TABLE ${name} ${tableBody(columns)}`;
}
