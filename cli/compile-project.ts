import { join } from "node:path";
import {
  type CheckResult,
  type CompiledBuild,
  type CompileRequest,
  checkFlows,
  compile,
  findFlowFiles,
  loadConfig,
  type ResolvedConfig,
  renderText,
} from "../compiler/index.ts";
import { CommandError } from "./command-error.ts";
import { targetFit } from "./target-fit.ts";

/** The flow files that a command was given, or those of the configuration. */
async function projectOf(
  files: readonly string[],
  configFile: string | undefined,
): Promise<{ readonly config: ResolvedConfig; readonly request: CompileRequest }> {
  const config = await loadConfig(process.cwd(), configFile);
  const flowFiles = await findFlowFiles(config, process.cwd(), files);
  return { config, request: { projectDir: config.projectDir, files: flowFiles, targetFit } };
}

/** Whether the flows are right. What was found of flows that have not changed since is taken from the data directory. */
export async function checkProject(
  files: readonly string[],
  configFile: string | undefined,
): Promise<CheckResult> {
  const { config, request } = await projectOf(files, configFile);
  return checkFlows(request, join(config.dataDir, "cache", "check.json"));
}

/** The build. Diagnostics go to stderr; with an error among them there is none, and this throws. */
export async function buildProject(
  files: readonly string[],
  configFile: string | undefined,
): Promise<{ readonly build: CompiledBuild; readonly config: ResolvedConfig }> {
  const { config, request } = await projectOf(files, configFile);
  const { diagnostics, build } = await compile(request);
  process.stderr.write(renderText(diagnostics, { cwd: process.cwd(), color: process.stderr.isTTY === true }));
  if (!build) throw new CommandError("The flows do not compile; nothing was built.");
  return { build, config };
}
