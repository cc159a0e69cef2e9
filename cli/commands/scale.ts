import { availableParallelism } from "node:os";
import { loadConfig } from "../../compiler/config/config-file.ts";
import { parsePlan } from "../../plan/read-build.ts";
import { tellRunning } from "../../runtime/control/client.ts";
import { LAST_PLAN } from "../../runtime/notes.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { askForShards } from "../../runtime/shards.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface ScaleOptions {
  readonly json?: boolean;
  readonly config?: string;
}

/** Where nothing runs, it is noted for the next start. */
export async function scale(
  task: string,
  shards: number | "auto",
  { json, config: path }: ScaleOptions,
): Promise<void> {
  const config = runtimeConfig(await loadConfig(process.cwd(), path));
  const told = await tellRunning(config.dataDir, { kind: "scale", task, shards });
  const count = told ?? (await scaleAtRest(config, task, shards));
  if (json) process.stdout.write(`${JSON.stringify({ task, shards: count, running: told !== undefined })}\n`);
  const how = shards === "auto" ? ", as many as suit the flow and this machine" : "";
  const when = told === undefined ? "from the next start on" : "now";
  const noun = count === 1 ? "shard" : "shards";
  process.stderr.write(`${task}: ${String(count)} ${noun}${how}, ${when}\n`);
}

async function scaleAtRest(
  config: ReturnType<typeof runtimeConfig>,
  task: string,
  shards: number | "auto",
): Promise<number> {
  const { head, close } = await openAtRest(config, process.env);
  try {
    const noted = await head.getNote(LAST_PLAN);
    const plan = await parsePlan(JSON.stringify(noted), `what last ran in ${config.dataDir}`);
    return await askForShards(head, plan, task, shards, availableParallelism());
  } finally {
    await close();
  }
}
