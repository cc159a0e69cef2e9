import type { ResolvedConfig } from "../compiler/config/config-file.ts";
import type { RuntimeConfig } from "../runtime/runtime.ts";

/** A fragment is read whole: this bounds what a reader holds, and is large enough for S3 and for lake engines. */
const TARGET_BYTES = 32 * 1024 * 1024;
const MAX_AGE_SECONDS = 60;

/** What the runtime needs of a project's configuration. */
export function runtimeConfig({
  dataDir,
  store,
  fragments,
  projectDir,
  http,
}: ResolvedConfig): RuntimeConfig {
  const { targetBytes = TARGET_BYTES, maxAgeSeconds = MAX_AGE_SECONDS } = fragments;
  return {
    dataDir,
    store,
    fragments: { targetBytes, maxAgeSeconds },
    settings: { baseDir: projectDir, http },
  };
}
