import type { ResolvedConfig } from "../compiler/index.ts";
import type { RuntimeConfig } from "../runtime/runtime.ts";

/** What the runtime needs of a project's configuration. */
export function runtimeConfig(config: ResolvedConfig): RuntimeConfig {
  const { dataDir, store, http, fragments, projectDir } = config;
  return { dataDir, store, fragments, settings: { baseDir: projectDir, http } };
}
