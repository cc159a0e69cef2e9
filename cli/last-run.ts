/** What last ran in the data directory, and how much it holds. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CollectionSize, ResolvedConfig } from "../compiler/index.ts";
import type { Plan } from "../plan/plan.ts";
import { parsePlan } from "../plan/read-build.ts";
import { ANSWER_WITHIN_MS, askRunning, json } from "../runtime/control/client.ts";
import { LAST_PLAN } from "../runtime/notes.ts";
import { openAtRest } from "../runtime/open-at-rest.ts";
import type { StatusReport } from "../runtime/status-report.ts";
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
  const answer = await askRunning(config.dataDir, "/status", { withinMs: ANSWER_WITHIN_MS });
  if (answer !== undefined) return running(config.dataDir, (await json(answer)) as StatusReport); // the server's own form
  if (!existsSync(join(config.dataDir, "head"))) return { plan: undefined, sizes: new Map() };
  const { head, close } = await openAtRest(config, process.env);
  try {
    const noted = await head.getNote(LAST_PLAN);
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

async function running(dataDir: string, { collections }: StatusReport): Promise<DiffBase> {
  const answer = await askRunning(dataDir, "/plan", { withinMs: ANSWER_WITHIN_MS });
  if (!answer) throw new CommandError(`The process that runs on ${dataDir} has just ended. Try again.`);
  const plan = await parsePlan(JSON.stringify(await json(answer)), `what runs in ${dataDir}`);
  const sizes = collections.map(({ name, documents }) => [name, { documents, bytes: undefined }] as const);
  return { plan, sizes: new Map(sizes) };
}
