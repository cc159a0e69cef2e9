import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts a worker from a sibling module: `.ts` in the repository, `.js` in the published package. */
export function startWorker(base: string, module: string, options: WorkerOptions): Worker {
  const extension = base.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`${module}${extension}`, base), options);
}
