import { pipeline } from "node:stream/promises";
import { loadConfig } from "../../compiler/config/config-file.ts";
import { askRunning, checkWhole } from "../../runtime/control/client.ts";
import { type ReadRequest, readLines } from "../../runtime/journal/read-lines.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { CommandError } from "../command-error.ts";
import type { From } from "../read-options.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface ReadOptions {
  readonly partition?: string;
  readonly from?: From;
  readonly limit?: number;
  readonly follow?: boolean;
  readonly reduced?: boolean;
  readonly meta?: boolean;
  readonly config?: string;
}

/** Asks the running process, or opens the data directory if none runs. */
export async function read(collection: string, options: ReadOptions): Promise<void> {
  const { partition, from, limit, follow, reduced, meta } = options;
  if (reduced && (follow || from || meta)) {
    throw new CommandError("--reduced is of everything there is now: leave out --follow, --from and --meta.");
  }
  const request: ReadRequest = {
    collection,
    ...(partition === undefined ? {} : { partition }),
    ...(from && "offset" in from ? { fromOffset: from.offset } : {}),
    ...(from && "time" in from ? { fromTime: from.time } : {}),
    ...(limit === undefined ? {} : { limit }),
    ...(follow ? { follow } : {}),
    ...(reduced ? { reduced } : {}),
    ...(meta ? { meta } : {}),
  };
  const config = runtimeConfig(await loadConfig(process.cwd(), options.config));
  const query = new URLSearchParams({ request: JSON.stringify(request) });
  const answer = await askRunning(config.dataDir, `/read?${query}`);
  if (answer) {
    await pipeline(answer, process.stdout, { end: false });
    return checkWhole(answer);
  }
  if (follow) {
    throw new CommandError(`--follow needs the flows to be running, and nothing runs on ${config.dataDir}.`);
  }
  const rest = await openAtRest(config, process.env);
  try {
    const lines = readLines(rest.head, rest.store, request, new AbortController().signal);
    await pipeline(lines, process.stdout, { end: false });
  } finally {
    await rest.close();
  }
}
