import { loadConfig } from "../../compiler/config/config-file.ts";
import { parsePlan } from "../../plan/read-build.ts";
import {
  type BackfillOrder,
  type BackfillReport,
  backfill as order,
} from "../../runtime/backfill/backfill.ts";
import { tellRunning } from "../../runtime/control/client.ts";
import { LAST_PLAN } from "../../runtime/notes.ts";
import { openAtRest } from "../../runtime/open-at-rest.ts";
import type { RuntimeConfig } from "../../runtime/runtime.ts";
import { CommandError } from "../command-error.ts";
import type { From } from "../read-options.ts";
import { renderBackfill } from "../render-backfill.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface BackfillOptions {
  readonly from?: From;
  readonly partition?: string;
  readonly dryRun?: boolean;
  readonly format: "text" | "json";
  readonly json?: boolean;
  readonly config?: string;
}

/** Asks the running process; where none runs, notes the request for the next `weir run`. */
export async function backfill(task: string, options: BackfillOptions): Promise<void> {
  const { from, partition, dryRun } = options;
  const wanted: BackfillOrder = {
    task,
    ...(from === undefined ? {} : { from }),
    ...(partition === undefined ? {} : { partition }),
    ...(dryRun ? { dryRun } : {}),
  };
  const config = runtimeConfig(await loadConfig(process.cwd(), options.config));
  const answer = await tellRunning(config.dataDir, { kind: "backfill", order: wanted });
  const running = answer !== undefined;
  // The running process answers with the report.
  const report = running ? (answer as unknown as BackfillReport) : await atRest(config, wanted);
  if (options.json || options.format === "json") {
    process.stdout.write(`${JSON.stringify({ running, ...report }, undefined, 2)}\n`);
    return;
  }
  process.stdout.write(renderBackfill(report));
  process.stderr.write(`${outcome(report, running)}\n`);
}

function outcome({ request }: BackfillReport, running: boolean): string {
  if (request === null) return "Nothing was done: --dry-run.";
  return running
    ? "It has begun; weir status shows how far it is."
    : "It is noted, and the next weir run does it: nothing runs now.";
}

async function atRest(config: RuntimeConfig, wanted: BackfillOrder): Promise<BackfillReport> {
  const { head, store, close } = await openAtRest(config, process.env);
  try {
    const noted = await head.getNote(LAST_PLAN);
    if (noted === undefined) {
      throw new CommandError(`Nothing has run in ${config.dataDir} yet, so there is nothing to fill again.`);
    }
    const plan = await parsePlan(JSON.stringify(noted), `what last ran in ${config.dataDir}`);
    return await order(head, store, plan, wanted);
  } finally {
    await close();
  }
}
