/** What earlier runs have left that a start must know. */
import type { MaterializationDriver } from "../../connectors/driver.ts";
import { withoutEmpty } from "../../plan/evolution/without-empty.ts";
import type { Plan } from "../../plan/plan.ts";
import { materializationDriver } from "../connectors.ts";
import type { Head } from "../head/head.ts";
import { APPLIED_PLAN, LAST_PLAN } from "../notes.ts";
import { noteOf } from "./rebuild.ts";
import type { Aside } from "./running-plan.ts";

/** Undefined where nothing ever ran. Without collections that have never had a document: these may change as if they were new. */
export async function earlierPlans(
  head: Pick<Head, "getNote" | "journals">,
): Promise<{ readonly applied: Plan | undefined; readonly last: Plan | undefined }> {
  const [applied, last] = [await noteOf<Plan>(head, APPLIED_PLAN), await noteOf<Plan>(head, LAST_PLAN)];
  const journals = await head.journals();
  const isEmpty = (name: string) => !journals.some(({ collection, next }) => collection === name && next > 0);
  return { applied: applied && withoutEmpty(applied, isEmpty), last: last && withoutEmpty(last, isEmpty) };
}

/** Of the targets of these plans, by connector. */
export async function targetDrivers(
  plans: readonly (Plan | undefined)[],
  baseDir: string,
): Promise<ReadonlyMap<string, MaterializationDriver>> {
  const drivers = new Map<string, MaterializationDriver>();
  for (const { connector } of plans.flatMap((plan) => Object.values(plan?.materializations ?? {}))) {
    if (!drivers.has(connector)) drivers.set(connector, await materializationDriver(connector, baseDir));
  }
  return drivers;
}

export function asideOf(plan: Plan, drivers: ReadonlyMap<string, MaterializationDriver>): Aside {
  return (target, config, label) => {
    const { connector = "" } = plan.materializations[target] ?? {};
    const aside = drivers.get(connector)?.aside;
    if (!aside)
      throw new Error(`The connector of "${target}" cannot fill a target beside the one that serves.`);
    return aside(config, label);
  };
}
