/** Where a start stands with rebuilds: goes on with the one that is under way, begins one, or gives one up for another. */
import type { MaterializationDriver } from "../../connectors/driver.ts";
import { canonicalJson } from "../../plan/canonical.ts";
import { effectsOf } from "../../plan/evolution/effects.ts";
import type { Renames } from "../../plan/evolution/renames.ts";
import type { MaterializationPlan, Plan } from "../../plan/plan.ts";
import { PlanChangeError, refuseChanges } from "../changes.ts";
import type { Head } from "../head/head.ts";
import { definedTarget, KEPT, type Kept, keptTarget, STALE } from "./flip.ts";
import { planRebuild } from "./plan-rebuild.ts";
import {
  GENERATIONS,
  type Generations,
  jsonOf,
  noteOf,
  REBUILD,
  type Rebuild,
  type StaleTarget,
} from "./rebuild.ts";

export interface Beginning {
  /** The definitions that what stands was made under, with the names of now. */
  readonly applied: Plan;
  /** Undefined where nothing is to be made again. */
  readonly rebuild: Rebuild | undefined;
  /** What is to be written with it. */
  readonly notes: Readonly<Record<string, ReturnType<typeof jsonOf> | null>>;
}

/**
 * Throws `PlanChangeError` where the plan asks for what cannot be done. Writes nothing: the caller renames what has
 * another name first, and then sets the notes.
 * @param earlier the definitions that what stands was made under, as they were noted
 * @param drivers of targets, by connector; asked for where something has changed
 */
export async function beginRebuild(
  head: Pick<Head, "getNote">,
  earlier: Plan,
  { plan: next, planHash }: { readonly plan: Plan; readonly planHash: string },
  drivers: () => Promise<ReadonlyMap<string, MaterializationDriver>>,
): Promise<Beginning> {
  const effects = effectsOf(earlier, next);
  const { renames } = effects.evolution;
  const applied = servingUnderNewNames(effects.evolution.base, next, renames);
  const underWay = await noteOf<Rebuild>(head, REBUILD);
  if (underWay && canonicalJson(underWay.plan) === canonicalJson(next)) {
    return { applied, rebuild: underWay, notes: {} };
  }
  const generations = renamedKeys((await noteOf<Generations>(head, GENERATIONS)) ?? {}, renames);
  const stale = (await noteOf<Record<string, StaleTarget>>(head, STALE)) ?? {};
  const hasChanged = effects.collections.size + effects.targets.size + Object.keys(stale).length > 0;
  const found = hasChanged ? await drivers() : new Map<string, MaterializationDriver>();
  const alone: string[] = [];
  const { rebuild, generations: taken } = planRebuild({
    ...{ effects, next, planHash, generations, stale },
    canStandBeside: (name) => {
      const target = next.materializations[name];
      const driver = target && found.get(target.connector);
      if (driver?.aside && driver.swap) return true;
      alone.push(name);
      return false;
    },
  });
  refuseChanges(effects, alone);
  const kept = (await noteOf<readonly Kept[]>(head, KEPT)) ?? [];
  const abandoned = underWay ? abandon(underWay) : [];
  return {
    applied,
    rebuild,
    notes: {
      [REBUILD]: rebuild ? jsonOf(rebuild) : null,
      [GENERATIONS]: jsonOf(taken),
      [KEPT]: jsonOf([...kept, ...abandoned]),
    },
  };
}

/** A target that has another name serves under it from now on, where its table is renamed with it. */
function servingUnderNewNames(base: Plan, next: Plan, { targets }: Renames): Plan {
  const renamed = [...targets.values()].flatMap((name): [string, MaterializationPlan][] => {
    const [before, after] = [base.materializations[name], next.materializations[name]];
    if (!before || !after?.renamedFrom) return [];
    const { table } = after.config;
    return [
      [
        name,
        {
          ...before,
          renamedFrom: after.renamedFrom,
          config: { ...before.config, ...(table === undefined ? {} : { table }) },
        },
      ],
    ];
  });
  return { ...base, materializations: { ...base.materializations, ...Object.fromEntries(renamed) } };
}

function renamedKeys(generations: Generations, { collections, targets }: Renames): Generations {
  return Object.fromEntries(
    Object.entries(generations).map(([name, each]) => [
      collections.get(name) ?? targets.get(name) ?? name,
      each,
    ]),
  );
}

/** What of a rebuild that is given up is to be dropped. Once a target was swapped there is no way back. */
function abandon({ plan, planHash, collections, targets }: Rebuild): Kept[] {
  const swapped = Object.entries(targets).filter(([, { state }]) => state !== "filling");
  if (swapped.length > 0) {
    throw new PlanChangeError(
      `The plan ${planHash.slice(0, 12)} is being applied here, and ${swapped.map(([name]) => name).join(", ")} shows what it makes already. Run that plan until it is applied, then this one.`,
    );
  }
  return [
    ...Object.entries(collections).map(([name, { beside }]) => ({
      name,
      as: beside,
      abandoned: true as const,
    })),
    ...Object.entries(targets).flatMap(([name, { beside, besideLabel: label }]): Kept[] => {
      const defined = definedTarget(plan, name);
      return defined ? [{ name, as: beside, abandoned: true, target: keptTarget(defined, label) }] : [];
    }),
  ];
}

/** The plan without what is made again: what of it holds from now on. */
export function withoutRebuilt(plan: Plan, rebuild: Rebuild | undefined): Plan {
  if (!rebuild) return plan;
  const others = <T>(entries: Readonly<Record<string, T>>, rebuilt: object) =>
    Object.fromEntries(Object.entries(entries).filter(([name]) => !Object.hasOwn(rebuilt, name)));
  const { collections, targets } = rebuild;
  return {
    ...plan,
    collections: others(plan.collections, collections),
    captures: others(plan.captures, collections),
    derivations: others(plan.derivations, collections),
    materializations: others(plan.materializations, targets),
  };
}
