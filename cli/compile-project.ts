import { type CompileResult, compile, findFlowFiles, loadConfig, type ResolvedConfig, renderDiagnostics } from "../compiler/index.ts";
import { CommandError } from "./command-error.ts";

/** Compiles the flow files that a command was given, or those of the configuration. */
export async function compileProject(
  files: readonly string[],
  configFile: string | undefined,
): Promise<CompileResult & { readonly config: ResolvedConfig; readonly projectDir: string }> {
  const config = await loadConfig(process.cwd(), configFile);
  const { projectDir } = config;
  const flowFiles = await findFlowFiles(config, process.cwd(), files);
  return { ...(await compile({ projectDir, files: flowFiles, config })), config, projectDir };
}

/** The build, or the diagnostics on stderr and a failure. */
export async function buildProject(files: readonly string[], configFile: string | undefined) {
  const { diagnostics, build, config, projectDir } = await compileProject(files, configFile);
  if (diagnostics.length > 0) {
    const color = process.stderr.isTTY === true;
    process.stderr.write(renderDiagnostics(diagnostics, { format: "text", projectDir, color }));
  }
  if (!build) throw new CommandError("The flows do not compile; nothing was built.");
  return { build, config };
}
