/** What of a target's configuration its collection does not fit: for the compiler, which asks no server. */
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { type ColumnMisfit, layOut, readColumns } from "./columns.ts";

/** None where a table can hold the collection. `at` of each is a path in the constructor's options. */
export function targetMisfits(
  collection: CollectionPlan,
  config: JsonObject,
  mode: "standard" | "delta",
): readonly ColumnMisfit[] {
  return layOut(collection, { ...readColumns(config), mode }).misfits;
}
