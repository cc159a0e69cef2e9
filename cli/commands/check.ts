import { hasErrors, renderJson, renderText } from "../../compiler/index.ts";
import { compileProject } from "../compile-project.ts";

interface CheckOptions {
  readonly format: "text" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

export async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const { diagnostics, build } = await compileProject(files, options.config);
  const cwd = process.cwd();
  if (options.json || options.format === "json") {
    process.stdout.write(renderJson(diagnostics, { cwd }));
  } else {
    process.stdout.write(renderText(diagnostics, { cwd, color: process.stdout.isTTY === true }));
    if (build) process.stderr.write(`${summary(Object.keys(build.plan.collections).length)}\n`);
  }
  if (hasErrors(diagnostics)) process.exitCode = 1;
}

function summary(collections: number): string {
  return `${collections} ${collections === 1 ? "collection" : "collections"}, no errors`;
}
