/** What a plan is compared with: a plan file, a git revision, or what last ran in the data directory. */
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { ResolvedConfig } from "../compiler/index.ts";
import { parsePlan } from "../plan/read-build.ts";
import { CommandError } from "./command-error.ts";
import { type DiffBase, lastRun } from "./last-run.ts";
import { planOfRevision, resolveRevision } from "./revision.ts";

/** Reads `base`, or what last ran where it is undefined. `files` are those of the command line. */
export async function diffBase(
  base: string | undefined,
  files: readonly string[],
  config: ResolvedConfig,
): Promise<DiffBase> {
  if (base === undefined) return lastRun(config);
  const sizes = new Map<string, never>();
  const file = planFile(base);
  if (file !== undefined) return { plan: await parsePlan(await readFile(file, "utf8"), base), sizes };
  const revision = await resolveRevision(base, config.projectDir);
  if (revision !== undefined) return { plan: await planOfRevision(revision, files, config), sizes };
  const flows = existsSync(resolve(base))
    ? ` To compare flow files with what last ran: weir diff -- ${base}`
    : "";
  throw new CommandError(
    `${base} is neither a git revision nor a plan: name a branch, a commit, a plan.json or a directory that holds one.${flows}`,
    "WEIR5004",
  );
}

function planFile(base: string): string | undefined {
  const path = resolve(base);
  if (!existsSync(path)) return undefined;
  if (statSync(path).isFile()) return path.endsWith("plan.json") ? path : undefined;
  const inside = join(path, "plan.json");
  return existsSync(inside) ? inside : undefined;
}
