/** What last ran in the data directory, and how much it holds. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CollectionSize, ResolvedConfig } from "../compiler/index.ts";
import type { Plan } from "../plan/plan.ts";
import { parsePlan } from "../plan/read-build.ts";
import { askRunning, json } from "../runtime/control/client.ts";
import { openAtRest } from "../runtime/open-at-rest.ts";
import type { StatusReport } from "../runtime/runtime.ts";
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
  const answer = await askRunning(config.dataDir, "/status");
  if (answer !== undefined) return running(config.dataDir, (await json(answer)) as StatusReport); // the server's own form
  if (!existsSync(join(config.dataDir, "head"))) return { plan: undefined, sizes: new Map() };
  const { head, close } = await openAtRest(config, process.env);
  try {
    const noted = await head.getNote("applied-plan");
    const name = `what last ran in ${config.dataDir}`;
    const plan = noted === undefined ? undefined : await parsePlan(JSON.stringify(noted), name);
    const sizes = new Map<string, CollectionSize>();
    for (const { collection, id, next, headBytes } of await head.journals()) {
      const stored = (await head.fragments(id)).filter(({ kind }) => kind === "full");
      const before = sizes.get(collection);
      const bytes = stored.reduce((sum, { storedBytes }) => sum + storedBytes, headBytes);
      sizes.set(collection, {
        documents: (before?.documents ?? 0) + next,
        bytes: (before?.bytes ?? 0) + bytes,
      });
    }
    return { plan, sizes };
  } finally {
    await close();
  }
}

/** A running process tells its plan's hash; the plan is where `weir run` wrote it. */
async function running(dataDir: string, { planHash, collections }: StatusReport): Promise<DiffBase> {
  const file = join(dataDir, "builds", planHash, "plan.json");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const message = `The process that runs on ${dataDir} was started with --plan, and its plan is not in the data directory. Name it: weir diff DIR, with the directory that was given to --plan.`;
    throw new CommandError(message, { cause });
  });
  const sizes = collections.map(({ name, documents }) => [name, { documents, bytes: undefined }] as const);
  return { plan: await parsePlan(text, file), sizes: new Map(sizes) };
}
