import type { PlanDiff } from "../compiler/index.ts";
import { createTableSql } from "../connectors/postgres/shown-sql.ts";
import type { Plan } from "../plan/plan.ts";

/** With the statements by which the drivers of new targets make their tables. */
export function withTargetSql(diff: PlanDiff, next: Plan): PlanDiff {
  const changes = diff.changes.map((change) => {
    const target = change.kind === "materialization" ? next.materializations[change.name] : undefined;
    const collection = target && next.collections[target.collection];
    if (change.action !== "create" || target?.connector !== "postgres" || collection === undefined)
      return change;
    const statement = createTableSql(collection, target.config, target.mode ?? "standard");
    return statement === undefined ? change : { ...change, sql: [statement] };
  });
  return { ...diff, changes };
}
