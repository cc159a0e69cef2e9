/** Reads files into a collection; docs/connectors/files.md says in which order, and what is remembered. */
import { setTimeout as sleep } from "node:timers/promises";
import { type CaptureContext, type CaptureDriver, HaltError, type RuntimeSettings } from "../driver.ts";
import { filesConfig } from "./config.ts";
import { FilesCapture } from "./files-capture.ts";
import { fileSearch } from "./find-files.ts";

/** Milliseconds between two looks at a watched directory: at least so many, and at most. */
const LEAST_PAUSE = 200;
const MOST_PAUSE = 1_000;
/** Where a look takes long, as with thousands of files, the pause is longer. */
const PAUSES_PER_LOOK = 20;

export const driver: CaptureDriver = {
  thread: "own",
  bounded: (config) => config.watch !== true,
  async run(captures, settings) {
    await Promise.all(captures.map((context) => run(context, settings)));
  },
};

async function run(context: CaptureContext, settings: RuntimeSettings): Promise<void> {
  const config = filesConfig(context);
  const { signal } = context;
  const search = await fileSearch(config.path, settings.baseDir);
  const capture = new FilesCapture(context, config, search);
  context.ready();
  if (!config.watch) {
    if (!(await capture.readAll())) {
      throw new HaltError(
        `No file matches ${config.path} in ${search.directory}. Correct the path, or set watch to wait for files.`,
      );
    }
    return;
  }
  context.log.info(`Watching ${config.path} in ${search.directory}.`);
  while (!signal.aborted) {
    const began = performance.now();
    await capture.readAll();
    const pause = PAUSES_PER_LOOK * (performance.now() - began);
    await sleep(Math.min(Math.max(pause, LEAST_PAUSE), MOST_PAUSE), undefined, { signal }).catch(() => {});
  }
}
