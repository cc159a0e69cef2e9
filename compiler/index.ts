/** What the command line and the tests of flows call. */
export { type CompiledBuild, type CompileResult, compile } from "./compile.ts";
export { loadConfig, type ResolvedConfig } from "./config/config-file.ts";
export { findFlowFiles } from "./config/flow-files.ts";
export { hasErrors } from "./diagnostics/diagnostic.ts";
export { explain } from "./diagnostics/explain.ts";
export { REGISTRY } from "./diagnostics/registry.ts";
export { renderJson } from "./render/json.ts";
export { renderText } from "./render/text.ts";
export { writeBuild } from "./write-build.ts";
