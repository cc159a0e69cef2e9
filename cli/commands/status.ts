import { loadConfig } from "../../compiler/config/config-file.ts";
import { ANSWER_WITHIN_MS, askRunning, json } from "../../runtime/control/client.ts";
import { deadLetterCounts } from "../../runtime/deadletters/counts.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import { rebuildAtRest } from "../../runtime/rebuild/rebuild.ts";
import { type StatusReport, storageOf } from "../../runtime/status-report.ts";
import { renderStatus } from "../render-status.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface StatusOptions {
  readonly format: "text" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

export async function status(options: StatusOptions): Promise<void> {
  const config = runtimeConfig(await loadConfig(process.cwd(), options.config));
  const answer = await askRunning(config.dataDir, "/status", { withinMs: ANSWER_WITHIN_MS });
  const report = answer
    ? { running: true, ...((await json(answer)) as StatusReport) } // the control server's own form
    : { running: false, ...(await statusAtRest(config)) };
  if (options.json || options.format === "json") {
    process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(renderStatus(report, process.stdout.columns));
}

async function statusAtRest(
  config: ReturnType<typeof runtimeConfig>,
): Promise<Omit<StatusReport, "pid" | "planHash">> {
  const rest = await openAtRest(config, process.env);
  try {
    const { collections, restorableTo } = await storageOf(rest.head);
    const deadLetters = await deadLetterCounts(rest.head);
    const store = { location: rest.store.description, lastError: null, restorableTo };
    return { tasks: [], collections, deadLetters, rebuild: await rebuildAtRest(rest.head), store };
  } finally {
    await rest.close();
  }
}
