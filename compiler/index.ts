/** What the command line and the tests of flows call. */
export { type CompiledBuild, type CompileRequest, type CompileResult, compile } from "./compile.ts";
export { ConfigError, loadConfig, type ResolvedConfig } from "./config/config-file.ts";
export { findFlowFiles } from "./config/flow-files.ts";
export { type Diagnostic, hasErrors, type Place, type RelatedPlace } from "./diagnostics/diagnostic.ts";
export { explain } from "./diagnostics/explain.ts";
export { type DiagnosticCode, isDiagnosticCode, REGISTRY } from "./diagnostics/registry.ts";
export { renderJson } from "./render/json.ts";
export { renderText } from "./render/text.ts";
export type { Bundle } from "./transform/bundle.ts";
export { writeBuild } from "./write-build.ts";
