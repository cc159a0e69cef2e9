import { renderDiagnostics } from "../../compiler/index.ts";
import { compileProject } from "../compile-project.ts";

interface CheckOptions {
  readonly format: "text" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

export async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const { diagnostics, projectDir } = await compileProject(files, options.config);
  const format = options.json ? "json" : options.format;
  const output = renderDiagnostics(diagnostics, { format, projectDir, color: process.stdout.isTTY === true });
  process.stdout.write(output);
  if (diagnostics.some(({ severity }) => severity === "error")) process.exitCode = 1;
}
