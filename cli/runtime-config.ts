import type { ResolvedConfig } from "../compiler/config/config-file.ts";
import type { RuntimeConfig } from "../runtime/runtime.ts";

/** A fragment is read whole: this bounds what a reader holds, and is large enough for S3 and for lake engines. */
const TARGET_BYTES = 32 * 1024 * 1024;
const MAX_AGE_SECONDS = 60;
/** A pure function of one document takes a fraction of a second: this is for one that never returns. */
const TRANSFORM_SECONDS = 30;
/** A transaction's documents, several caches of state of 64 MB of JSON each, and what functions build meanwhile. */
const THREAD_MEMORY_MB = 2048;

/** What the runtime needs of a project's configuration. */
export function runtimeConfig({
  dataDir,
  store,
  fragments,
  limits,
  projectDir,
  http,
}: ResolvedConfig): RuntimeConfig {
  const { targetBytes = TARGET_BYTES, maxAgeSeconds = MAX_AGE_SECONDS } = fragments;
  const { transformSeconds = TRANSFORM_SECONDS, threadMemoryMb = THREAD_MEMORY_MB } = limits;
  return {
    dataDir,
    store,
    fragments: { targetBytes, maxAgeSeconds },
    limits: { transformSeconds, threadMemoryMb },
    settings: { baseDir: projectDir, http },
  };
}
