import type { CompileRequest, CompileResult } from "./compile.ts";

/** What the command line and the tests of flows call. */
export { type CheckResult, checkFlows } from "./check-cache.ts";
export type { CompiledBuild, CompileRequest, CompileResult } from "./compile.ts";
export { loadConfig, type ResolvedConfig } from "./config/config-file.ts";
export { findFlowFiles } from "./config/flow-files.ts";
export { hasErrors } from "./diagnostics/diagnostic.ts";
export { renderGithub } from "./render/github.ts";
export { renderJson } from "./render/json.ts";
export { renderSarif } from "./render/sarif.ts";
export { renderText } from "./render/text.ts";
export { writeBuild } from "./write-build.ts";

/** Flow files to a plan and its bundles, or to diagnostics. TypeScript is loaded by the first call. */
export async function compile(request: CompileRequest): Promise<CompileResult> {
  return (await import("./compile.ts")).compile(request);
}
