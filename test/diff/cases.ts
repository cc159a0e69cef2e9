/** The cases: `cases/<name>/base` and `next` are trees of flow files. Equal trees are compiled once. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, renderText } from "../../compiler/index.ts";
import type { Plan } from "../../plan/plan.ts";

export const CASES = fileURLToPath(new URL("./cases/", import.meta.url));

export const caseNames = readdirSync(CASES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

const plans = new Map<string, Promise<Plan>>();

/** The plan of one side of a case; undefined where it has no such tree. */
export function planOf(name: string, side: "base" | "next"): Promise<Plan | undefined> {
  const projectDir = join(CASES, name, side);
  if (!existsSync(projectDir)) return Promise.resolve(undefined);
  const files = readdirSync(projectDir).sort();
  const content = JSON.stringify(files.map((file) => [file, readFileSync(join(projectDir, file), "utf8")]));
  const known = plans.get(content) ?? compiled(projectDir, files);
  plans.set(content, known);
  return known;
}

async function compiled(projectDir: string, files: readonly string[]): Promise<Plan> {
  const { build, diagnostics } = await compile({
    projectDir,
    files: files.map((file) => join(projectDir, file)),
  });
  if (build === undefined) throw new Error(renderText(diagnostics, { cwd: projectDir, color: false }));
  // As a reader of plan.json has it.
  return JSON.parse(build.planJson);
}
