import type { PlanDiff } from "../compiler/diff/index.ts";
import { alterTableSql, createTableSql, type ShownTarget } from "../connectors/postgres/shown-sql.ts";
import { renamesOf, withRenames } from "../plan/evolution/renames.ts";
import type { Plan } from "../plan/plan.ts";

/** With the statements by which the drivers make the tables of new targets, and alter those that stay with their rows. */
export function withTargetSql(diff: PlanDiff, base: Plan | undefined, next: Plan): PlanDiff {
  const before = base && withRenames(base, renamesOf(base, next));
  const changes = diff.changes.map((change) => {
    if (change.kind !== "materialization" || change.refusedToday !== null) return change;
    const after = shownTarget(next, change.name);
    const earlier = before && shownTarget(before, change.name);
    const statement =
      change.action === "create"
        ? after && createTableSql(after)
        : change.action === "update" && earlier && after
          ? alterTableSql(earlier, after)
          : undefined;
    return statement === undefined ? change : { ...change, sql: [statement] };
  });
  return { ...diff, changes };
}

function shownTarget(plan: Plan, name: string): ShownTarget | undefined {
  const target = plan.materializations[name];
  const collection = target && plan.collections[target.collection];
  if (target?.connector !== "postgres" || collection === undefined) return undefined;
  return { collection, config: target.config, mode: target.mode ?? "standard" };
}
