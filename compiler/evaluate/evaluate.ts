import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { EvaluationRequest, EvaluationResult } from "./evaluation.ts";

// V8 may abort where two threads compile the wrapper of one WebAssembly import and another thread has just ended (seen in
// Node 24.21: WasmImportWrapperCache frees code that is in use). Node's own modules are such; without tiering there is none.
setFlagsFromString("--wasm-wrapper-tiering-budget=1000000000");

/** Flow files declare; they do not compute. One that needs longer loops without end. */
const TIME_LIMIT_MS = 60_000;

/**
 * Bundles the flow files and evaluates them, all in a thread of its own: TypeScript keeps this one busy meanwhile. The
 * thread ends with it, so that one evaluation leaves nothing to the next. Undefined if it does not end.
 */
export async function evaluate(
  projectDir: string,
  files: readonly string[],
): Promise<EvaluationResult | undefined> {
  // Nothing is awaited before the thread is there: the caller goes on with work that gives nobody a turn.
  const directory = mkdtempSync(join(tmpdir(), "weir-"));
  try {
    return await inThread({ projectDir, files, path: join(directory, "flows.mjs") });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function inThread(request: EvaluationRequest): Promise<EvaluationResult | undefined> {
  // ".ts" in the repository, ".js" in the package.
  const extension = extname(fileURLToPath(import.meta.url));
  const worker = new Worker(new URL(`./evaluation-worker${extension}`, import.meta.url), {
    workerData: request,
    // What a flow file prints is talk; our standard output is for data.
    stdout: true,
  });
  worker.stdout.pipe(process.stderr, { end: false });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<EvaluationResult | undefined>((resolve, reject) => {
      timer = setTimeout(() => {
        // TypeScript may have kept this thread busy meanwhile: an answer that waits comes first.
        timer = setTimeout(() => resolve(undefined), 100);
      }, TIME_LIMIT_MS);
      worker.once("message", resolve);
      worker.once("error", reject);
      // An exit without a message: a top-level await that nothing will settle, or process.exit().
      worker.once("exit", () => resolve(undefined));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
