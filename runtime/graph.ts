/** From a plan to the tasks that run it. */
import { join } from "node:path";
import type { Plan } from "../plan/plan.ts";
import { type Environment, resolveEnvironment } from "./environment.ts";
import type { JournalState } from "./head/head.ts";
import type { CaptureTask, DerivationTask, MaterializationTask, Task, TaskJournal } from "./task/task.ts";

export interface GraphParts {
  readonly plan: Plan;
  /** Directory with `bundles/`. */
  readonly buildDir: string;
  readonly journals: readonly JournalState[];
  readonly epoch: number;
  readonly environment: Environment;
}

/** In the order of the data's way: captures, then derivations (sources before what reads them), then materializations. */
export function tasksOf({ plan, buildDir, journals, epoch, environment }: GraphParts): Task[] {
  const collection = (name: string) => {
    const found = plan.collections[name];
    if (!found) throw new Error(`The plan names a collection "${name}" and does not have it.`);
    return found;
  };
  const journal = (name: string): TaskJournal => {
    const found = journals.find((state) => state.collection === name);
    if (!found) throw new Error(`The head has no journal for "${name}".`);
    return { id: found.id, partition: found.partition, epoch };
  };
  const captures = Object.entries(plan.captures).map(
    ([name, capture]): CaptureTask => ({
      kind: "capture",
      name,
      plan: capture,
      config: resolveEnvironment(capture.config, environment),
      collection: collection(name),
      target: journal(name),
    }),
  );
  const derivations = derivationOrder(plan).map((name): DerivationTask => {
    const derivation = plan.derivations[name];
    const source = derivation?.sources[0];
    if (!derivation || !source) throw new Error(`The plan's derivation "${name}" has no source.`);
    return {
      kind: "derivation",
      name,
      plan: derivation,
      collection: collection(name),
      sourceName: source.collection,
      source: journal(source.collection),
      target: journal(name),
      bundleFile: join(buildDir, "bundles", `${derivation.transform.bundle}.mjs`),
    };
  });
  const materializations = Object.entries(plan.materializations).map(
    ([name, materialization]): MaterializationTask => ({
      kind: "materialization",
      name,
      plan: materialization,
      config: resolveEnvironment(materialization.config, environment),
      collection: collection(materialization.collection),
      source: journal(materialization.collection),
    }),
  );
  return [...captures, ...derivations, ...materializations];
}

/** Names of derived collections, sources first. The compiler has refused cycles. */
function derivationOrder(plan: Plan): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]) => {
    const derivation = plan.derivations[name];
    if (!derivation || order.includes(name)) return;
    if (path.includes(name))
      throw new Error(`The plan's derivations form a cycle: ${[...path, name].join(" -> ")}.`);
    for (const source of derivation.sources) visit(source.collection, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(plan.derivations)) visit(name, []);
  return order;
}
