/** What of a target's configuration its collection does not fit: for the compiler, which asks no server. */
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { type ColumnMisfit, layOut, readColumns } from "./columns.ts";

/** None where a table can hold the collection. `at` of each is a path in the constructor's options. */
export function targetMisfits(
  collection: CollectionPlan,
  config: JsonObject,
  mode: "standard" | "delta",
): readonly ColumnMisfit[] {
  const settings = { ...readColumns(config), mode };
  const { misfits } = layOut(collection, settings);
  // The columns of a declared table are not the options'.
  const isDeclared = settings.primaryKey !== undefined;
  return isDeclared ? misfits.map(({ message }) => ({ at: ["table"], message })) : misfits;
}
