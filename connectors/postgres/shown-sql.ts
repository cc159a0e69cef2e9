/** The statements that make and alter a target's table, for whoever has no server at hand. */
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { layOut, readColumns, type TableColumns } from "./columns.ts";
import { quote } from "./identifiers.ts";
import { qualified, tableBody } from "./statements.ts";
import { type FoundTable, misfitsOf } from "./table-form.ts";

export interface ShownTarget {
  readonly collection: CollectionPlan;
  /** Of the target. */
  readonly config: JsonObject;
  readonly mode: "standard" | "delta";
}

/**
 * As the driver runs it where the table is not there; without a schema in the configuration the table's name is alone, and
 * the connection decides. Undefined for a table that is declared with Drizzle, which its migrations make.
 */
export function createTableSql(target: ShownTarget): string | undefined {
  const shown = shownTable(target);
  return shown && `CREATE TABLE ${shown.name} ${tableBody(shown.columns)}`;
}

/**
 * As the driver runs it where the table is as the earlier target had made it, with its rows kept. Undefined where nothing
 * is altered, or not with the rows.
 */
export function alterTableSql(earlier: ShownTarget, later: ShownTarget): string | undefined {
  const [before, after] = [shownTable(earlier), shownTable(later)];
  if (!before || !after) return undefined;
  const found: FoundTable = {
    ...{ kind: "r", lostColumn: false, primaryKey: before.columns.key.map(({ name }) => name) },
    columns: before.columns.all.map(({ name, type, notNull }) => ({
      ...{ name, type, notNull, hasDefault: false, generated: false, deterministic: true },
    })),
  };
  // The name is in messages alone.
  const misfits = misfitsOf({ schema: "", table: "" }, after.columns, found);
  const clauses = misfits.map(({ inPlace }) => inPlace?.clause);
  if (clauses.length === 0 || clauses.includes(undefined)) return undefined;
  return `ALTER TABLE ${after.name} ${clauses.join(", ")}`;
}

/** Undefined for a table that is declared elsewhere, and for one that cannot be. */
function shownTable({
  collection,
  config,
  mode,
}: ShownTarget): { readonly name: string; readonly columns: TableColumns } | undefined {
  const { table, schema } = config;
  const settings = { ...readColumns(config), mode };
  const { columns, misfits } = layOut(collection, settings);
  if (settings.primaryKey !== undefined || misfits.length > 0 || typeof table !== "string") return undefined;
  return { columns, name: typeof schema === "string" ? qualified({ schema, table }) : quote(table) };
}
