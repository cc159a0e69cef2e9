/** From a plan to the threads that run it: its tasks, how many shards each has, and which of them share a thread. */
import { availableParallelism } from "node:os";
import type { Plan } from "../plan/plan.ts";
import { captureTraits, requireMaterializationDriver } from "./connectors.ts";
import { type GraphParts, plannedTasks, tasksOf } from "./graph.ts";
import type { Head } from "./head/head.ts";
import type { RunningPlan } from "./rebuild/running-plan.ts";
import { shardCounts } from "./shards.ts";
import type { TaskGroup } from "./supervisor.ts";
import type { PlannedTask, Task } from "./task/task.ts";

export interface Grouping {
  readonly groups: readonly TaskGroup[];
  /** By derivation. */
  readonly shards: ReadonlyMap<string, number>;
  /** Names of the captures whose sources end. */
  readonly bounded: ReadonlySet<string>;
}

/** `baseDir` is where packages of connectors are looked for. Throws where one of them cannot be loaded. */
export async function groupTasks(
  head: Head,
  { plan, serves, paused }: RunningPlan,
  parts: Omit<GraphParts, "plan" | "serves" | "paused">,
  baseDir: string,
): Promise<Grouping> {
  const shards = await shardCounts(head, plan, availableParallelism());
  const tasks = tasksOf({ ...parts, plan, serves, paused });
  // Only derivations have shards, and these share no thread.
  const toGroup = (tasks: readonly Task[]) => ({ tasks, shards: shards.get(tasks[0]?.name ?? "") ?? 1 });
  return {
    groups: (await threadGroups(tasks, baseDir)).map(toGroup),
    shards,
    bounded: await boundedCaptures(tasks, baseDir),
  };
}

/** The tasks of each thread that a plan needs, as far as it tells by itself: rebuilds and shards may change them. */
export function plannedGroups(plan: Plan, baseDir: string): Promise<PlannedTask[][]> {
  return threadGroups(plannedTasks(plan), baseDir);
}

/**
 * Captures of a connector that shares a thread together, every other task by itself. Of these, a paused capture has none:
 * nobody waits for its answer.
 */
async function threadGroups<T extends PlannedTask>(tasks: readonly T[], baseDir: string): Promise<T[][]> {
  const groups: T[][] = [];
  const shared = new Map<string, T[]>();
  for (const task of tasks) {
    if (task.kind === "materialization") await requireMaterializationDriver(task.plan.connector, baseDir);
    const { connector } = task.kind === "capture" ? task.plan : { connector: undefined };
    if (connector === undefined || (await captureTraits(connector, baseDir)).thread === "own") {
      if (task.kind === "capture" && task.isPaused) continue;
      groups.push([task]);
      continue;
    }
    const group = shared.get(connector);
    if (group) group.push(task);
    else {
      const created = [task];
      shared.set(connector, created);
      groups.push(created);
    }
  }
  return groups;
}

async function boundedCaptures(tasks: readonly Task[], baseDir: string): Promise<ReadonlySet<string>> {
  const bounded = new Set<string>();
  for (const task of tasks) {
    if (task.kind !== "capture" || task.isPaused) continue;
    const traits = await captureTraits(task.plan.connector, baseDir);
    if (traits.bounded(task.config)) bounded.add(task.name);
  }
  return bounded;
}
