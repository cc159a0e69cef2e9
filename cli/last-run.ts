/** What last ran in the data directory, and how much it holds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CollectionSize } from "../compiler/diff/index.ts";
import type { ResolvedConfig } from "../compiler/index.ts";
import type { Plan } from "../plan/plan.ts";
import { parsePlan } from "../plan/read-build.ts";
import { ANSWER_WITHIN_MS, askRunning, json } from "../runtime/control/client.ts";
import { LAST_PLAN } from "../runtime/notes.ts";
import { openAtRest } from "../runtime/open-at-rest.ts";
import { sizesOf } from "../runtime/sizes.ts";
import { CommandError } from "./command-error.ts";
import { runtimeConfig } from "./runtime-config.ts";

/** What a plan is compared with. */
export interface DiffBase {
  /** Undefined where nothing ran before, or a revision has no flows. */
  readonly plan: Plan | undefined;
  /** Of the data directory's collections; empty for any other base. */
  readonly sizes: ReadonlyMap<string, CollectionSize>;
}

/** Asks the running process, or opens the data directory at rest. No plan if nothing ever ran there. */
export async function lastRun(project: ResolvedConfig): Promise<DiffBase> {
  const config = runtimeConfig(project);
  const answer = await askRunning(config.dataDir, "/plan", { withinMs: ANSWER_WITHIN_MS });
  if (answer !== undefined) return running(config.dataDir, await json(answer));
  if (!existsSync(join(config.dataDir, "head"))) return { plan: undefined, sizes: new Map() };
  const { head, close } = await openAtRest(config, process.env);
  try {
    const noted = await head.getNote(LAST_PLAN);
    const name = `what last ran in ${config.dataDir}`;
    const plan = noted === undefined ? undefined : await parsePlan(JSON.stringify(noted), name);
    return { plan, sizes: new Map(Object.entries(await sizesOf(head))) };
  } finally {
    await close();
  }
}

async function running(dataDir: string, runs: unknown): Promise<DiffBase> {
  const answer = await askRunning(dataDir, "/sizes", { withinMs: ANSWER_WITHIN_MS });
  if (!answer) throw new CommandError(`The process that runs on ${dataDir} has just ended. Try again.`);
  const plan = await parsePlan(JSON.stringify(runs), `what runs in ${dataDir}`);
  const sizes = (await json(answer)) as Readonly<Record<string, CollectionSize>>; // the server's own form
  return { plan, sizes: new Map(Object.entries(sizes)) };
}
