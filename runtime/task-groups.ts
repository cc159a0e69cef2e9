/** From a plan to the threads that run it: its tasks, how many shards each has, and which of them share a thread. */
import { availableParallelism } from "node:os";
import { captureTraits, requireMaterializationDriver } from "./connectors.ts";
import { type GraphParts, tasksOf } from "./graph.ts";
import type { Head } from "./head/head.ts";
import type { RunningPlan } from "./rebuild/running-plan.ts";
import { shardCounts } from "./shards.ts";
import type { TaskGroup } from "./supervisor.ts";
import type { Task } from "./task/task.ts";

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
  return {
    groups: await threadGroups(tasks, shards, baseDir),
    shards,
    bounded: await boundedCaptures(tasks, baseDir),
  };
}

/**
 * Captures of a connector that shares a thread together, every other task by itself. Of these, a paused capture has none:
 * nobody waits for its answer.
 */
async function threadGroups(
  tasks: readonly Task[],
  shards: ReadonlyMap<string, number>,
  baseDir: string,
): Promise<TaskGroup[]> {
  const groups: TaskGroup[] = [];
  const shared = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.kind === "materialization") await requireMaterializationDriver(task.plan.connector, baseDir);
    const { connector } = task.kind === "capture" ? task.plan : { connector: undefined };
    if (connector === undefined || (await captureTraits(connector, baseDir)).thread === "own") {
      if (task.kind === "capture" && task.isPaused) continue;
      groups.push({ tasks: [task], shards: shards.get(task.name) ?? 1 });
      continue;
    }
    const group = shared.get(connector);
    if (group) group.push(task);
    else {
      const created = [task];
      shared.set(connector, created);
      groups.push({ tasks: created, shards: 1 });
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
