import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { Evaluation, EvaluationRequest } from "./evaluation.ts";
import type { FlowBundle } from "./flow-bundle.ts";

/** Flow files declare; they do not compute. One that needs longer loops without end. */
const TIME_LIMIT_MS = 60_000;

export type EvaluationResult =
  | { readonly kind: "evaluated"; readonly evaluation: Evaluation; readonly bundleUrl: string }
  | { readonly kind: "endless" };

/**
 * Evaluates the bundle in a thread of its own. The thread ends with it, so that one evaluation leaves
 * nothing to the next. `started` is called when the thread runs on its own.
 */
export async function evaluate(bundle: FlowBundle, started: () => void): Promise<EvaluationResult> {
  const directory = await mkdtemp(join(tmpdir(), "weir-"));
  try {
    const path = join(directory, "flows.mjs");
    await writeFile(path, bundle.code);
    const bundleUrl = pathToFileURL(path).href;
    const evaluation = await inThread({ bundle: bundleUrl, externals: bundle.externals }, started);
    return evaluation === undefined ? { kind: "endless" } : { kind: "evaluated", evaluation, bundleUrl };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function inThread(request: EvaluationRequest, started: () => void): Promise<Evaluation | undefined> {
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
    started();
    return await new Promise<Evaluation | undefined>((resolve, reject) => {
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
