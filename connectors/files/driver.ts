/** Reads files into a collection; docs/connectors/files.md says in which order, and what is remembered. */
import { setTimeout as sleep } from "node:timers/promises";
import { type CaptureContext, type CaptureDriver, HaltError, type RuntimeSettings } from "../driver.ts";
import { filesConfig } from "./config.ts";
import { FilesCapture } from "./files-capture.ts";
import { fileSearch } from "./find-files.ts";

/** Milliseconds between two looks at a watched directory. */
const POLL_INTERVAL = 1_000;

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
  context.log.info(`Watching ${config.path} in ${search.directory}, every second.`);
  while (!signal.aborted) {
    await capture.readAll();
    await sleep(POLL_INTERVAL, undefined, { signal }).catch(() => {});
  }
}
