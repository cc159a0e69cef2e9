/** From a plan to the tasks that run it. */
import type { Plan } from "../plan/plan.ts";
import { type Environment, resolveEnvironment } from "./environment.ts";
import { isCopy } from "./rebuild/running-plan.ts";
import type { History } from "./store-epoch/ownership.ts";
import type { CaptureTask, DerivationTask, MaterializationTask, PlannedTask, Task } from "./task/task.ts";

export interface GraphParts {
  readonly plan: Plan;
  readonly planHash: string;
  /** Directory of the functions' bundles. */
  readonly bundleDir: string;
  /** By target that is filled beside another: the name under which it will serve. */
  readonly serves?: ReadonlyMap<string, string>;
  /** Captures that take in nothing for now. */
  readonly paused?: ReadonlySet<string>;
  readonly history: History;
  readonly environment: Environment;
}

/** In the order of the data's way: captures, then derivations (sources before what reads them), then materializations. */
export function tasksOf(parts: GraphParts): Task[] {
  const { plan, planHash, bundleDir, serves, paused, history, environment } = parts;
  const collection = (name: string) => {
    const found = plan.collections[name];
    if (!found) throw new Error(`The plan names a collection "${name}" and does not have it.`);
    return found;
  };
  const captures = Object.entries(plan.captures).map(
    ([name, capture]): CaptureTask => ({
      kind: "capture",
      name,
      plan: capture,
      config: resolveEnvironment(capture.config, environment),
      collection: collection(name),
      ...(paused?.has(name) ? { isPaused: true } : {}),
      planHash,
    }),
  );
  const derivations = derivationOrder(plan).map(
    ([name, derivation]): DerivationTask => ({
      kind: "derivation",
      name,
      plan: derivation,
      // What a capture has taken in is not combined, so its copy is not either.
      collection: isCopy(derivation) ? { ...collection(name), reduce: {} } : collection(name),
      sources: derivation.sources.map((source) => collection(source.collection)),
      epoch: history.epoch,
      bundleDir,
      planHash,
    }),
  );
  const materializations = Object.entries(plan.materializations).map(
    ([name, materialization]): MaterializationTask => ({
      kind: "materialization",
      name,
      serves: serves?.get(name),
      plan: materialization,
      config: resolveEnvironment(materialization.config, environment),
      collection: collection(materialization.collection),
      epoch: history.epoch,
      restores: history.restores,
    }),
  );
  return [...captures, ...derivations, ...materializations];
}

/** The same tasks, as far as a plan tells by itself. */
export function plannedTasks({ captures, derivations, materializations }: Plan): PlannedTask[] {
  return [
    ...Object.entries(captures).map(([name, plan]) => ({ kind: "capture", name, plan }) as const),
    ...Object.entries(derivations).map(([name, plan]) => ({ kind: "derivation", name, plan }) as const),
    ...Object.entries(materializations).map(
      ([name, plan]) => ({ kind: "materialization", name, plan }) as const,
    ),
  ];
}

/** Derivations by name, sources first. The compiler has refused cycles. */
function derivationOrder(plan: Plan): [string, DerivationTask["plan"]][] {
  const order = new Map<string, DerivationTask["plan"]>();
  const visit = (name: string, path: readonly string[]) => {
    const derivation = plan.derivations[name];
    if (!derivation || order.has(name)) return;
    if (path.includes(name))
      throw new Error(`The plan's derivations form a cycle: ${[...path, name].join(" -> ")}.`);
    for (const source of derivation.sources) visit(source.collection, [...path, name]);
    order.set(name, derivation);
  };
  for (const name of Object.keys(plan.derivations)) visit(name, []);
  return [...order];
}
