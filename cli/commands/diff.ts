import {
  changedGraph,
  diff as diffPlans,
  type PlanDiff,
  renderDiffJson,
  renderDiffMarkdown,
  renderDiffText,
} from "../../compiler/diff/index.ts";
import type { Plan } from "../../plan/plan.ts";
import { CommandError } from "../command-error.ts";
import { buildProject } from "../compile-project.ts";
import { diffBase } from "../diff-base.ts";
import { withTargetSql } from "../target-sql.ts";

interface DiffOptions {
  readonly format: "text" | "json" | "markdown";
  readonly json?: boolean;
  readonly exitCode?: boolean;
  readonly failOn?: "destructive" | "rebuild";
  readonly config?: string;
}

/** `--exit-code`'s answer to "are there changes?". */
const CHANGES = 2;

export async function diff(operands: readonly string[], options: DiffOptions): Promise<void> {
  const { base: name, files } = split(operands, process.argv);
  const { build, config } = await buildProject(files, options.config);
  const base = await diffBase(name, files, config);
  const found = withTargetSql(diffPlans(base.plan, build.plan, base.sizes), base.plan, build.plan);
  process.stdout.write(render(found, base.plan, build.plan, options));
  if (options.exitCode && found.changes.length > 0) process.exitCode = CHANGES;
  const reached = options.failOn === "rebuild" ? ["rebuild", "destructive"] : ["destructive"];
  if (options.failOn !== undefined && reached.includes(found.verdict)) {
    throw new CommandError(`The diff is ${found.verdict}, and --fail-on ${options.failOn} refuses that.`);
  }
}

/** The first operand is the base, unless all of them stand after `--`. */
function split(
  operands: readonly string[],
  argv: readonly string[],
): { readonly base: string | undefined; readonly files: readonly string[] } {
  const end = argv.indexOf("--");
  const after = end === -1 ? 0 : argv.length - end - 1;
  if (operands.length === 0 || after === operands.length) return { base: undefined, files: operands };
  return { base: operands[0], files: operands.slice(1) };
}

function render(found: PlanDiff, base: Plan | undefined, next: Plan, options: DiffOptions): string {
  switch (options.json ? "json" : options.format) {
    case "json":
      return renderDiffJson(found);
    case "markdown":
      return renderDiffMarkdown(found, changedGraph(base, next));
    case "text":
      return renderDiffText(found, { color: process.stdout.isTTY === true });
  }
}
