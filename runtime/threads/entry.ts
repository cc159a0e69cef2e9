import nodeModule from "node:module";
import { setFlagsFromString } from "node:v8";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { letGo } from "../../connectors/buffers.ts";

/**
 * MB of a thread's young generation. V8's own choice for a 64-bit process, 48, is for one heap; a runtime has a
 * dozen. On a back-fill of a million documents (capture from files, one derivation) 6 MB took an eighth less memory
 * than 48 MB, and a fifth more time; this is between the two.
 */
const YOUNG_GENERATION_MB = 16;

/**
 * How much a heap grows before it is collected, % of what was alive. V8's own choice, up to 300 where a heap may have 2048 MB
 * or more, is for speed alone. On a back-fill of ten million documents 170 took 26 MB less, and 2 % more CPU.
 */
const HEAP_GROWTH = 170;

/** Half of what glibc may keep. More is faster by nothing that could be measured. */
const KEPT_BYTES = 16 * 1024 * 1024;

let isLimited = false;

/**
 * For the whole process, and read at each collection: threads have no setting of their own for it. To be called when they have
 * started: V8 takes no code from its caches that was compiled under other flags, neither Node's own (100 ms of CPU at a start
 * of five threads) nor the package's, so what has been compiled until now is put there first.
 */
export function limitHeapGrowth(): void {
  if (isLimited) return;
  isLimited = true;
  nodeModule.flushCompileCache();
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
}

/**
 * Lets glibc keep freed memory up to some 32 MB, and use it again. Until something large has been freed it gives whatever is over
 * 128 KiB back to the kernel at once, so that each page of each buffer is fetched and cleared anew: in ingest of 1 KB documents
 * a quarter of the CPU. A large piece that is freed raises its limits (`M_MMAP_THRESHOLD` in mallopt(3)): to its own size what is
 * fetched alone, to twice that what is kept. Nothing is written to the piece, so that it takes no memory. Done again,
 * and with another malloc, it changes nothing.
 */
export function keepFreedMemory(): void {
  letGo(Buffer.allocUnsafeSlow(KEPT_BYTES).buffer);
}

/** Starts a worker from a sibling module: `.ts` in the repository, `.js` in the published package. */
export function startWorker(base: string, module: string, options: WorkerOptions): Worker {
  const extension = base.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`${module}${extension}`, base), {
    ...options,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB, ...options.resourceLimits },
  });
}
