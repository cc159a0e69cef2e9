import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * MB of a thread's young generation. V8's own choice for a 64-bit process, 48, is for one heap; a runtime has a
 * dozen. On a back-fill of a million documents (capture from files, one derivation) 6 MB took an eighth less memory
 * than 48 MB, and a fifth more time; this is between the two.
 */
const YOUNG_GENERATION_MB = 16;

/** Starts a worker from a sibling module: `.ts` in the repository, `.js` in the published package. */
export function startWorker(base: string, module: string, options: WorkerOptions): Worker {
  const extension = base.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`${module}${extension}`, base), {
    ...options,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB, ...options.resourceLimits },
  });
}
