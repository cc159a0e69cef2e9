import type {
  CaptureContext,
  CaptureDriver,
  CapturedBatch,
  RuntimeSettings,
} from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import { Turns } from "../../connectors/turns.ts";
import type { Json } from "../../plan/plan.ts";
import type { Head } from "../head/head.ts";
import { JournalRouter } from "../journal/router.ts";
import { compileRecogniser } from "../recogniser/recogniser.ts";
import { compileValidator } from "../validation.ts";
import { RefusedRows } from "./capture/refused-rows.ts";
import type { CaptureTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

/** Bytes that a capture has asked the head to commit and that are not committed; further ones wait here, in their order. */
const COMMITTING_BYTES = 32 * 1024 * 1024;

/** Runs captures of one connector until their sources are exhausted or the signal aborts. */
export async function runCaptures(
  tasks: readonly CaptureTask[],
  driver: CaptureDriver,
  head: Head,
  settings: RuntimeSettings,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const contexts = await Promise.all(tasks.map((task) => openCapture(task, head, signal, report)));
  await driver.run(contexts, settings);
  if (signal.aborted) return;
  for (const { name } of tasks) report({ kind: "exhausted", task: name });
}

async function openCapture(
  task: CaptureTask,
  head: Head,
  signal: AbortSignal,
  report: Report,
): Promise<CaptureContext> {
  const { fence, checkpoint } = await head.openTask(task.name);
  protocolPoint("capture.open.after");
  const router = await JournalRouter.open(head, task.name, task.collection);
  const turns = new Turns(COMMITTING_BYTES);
  const refusedRows = new RefusedRows(task, head, report);
  return {
    task: task.name,
    collection: task.collection,
    config: task.config,
    cursor: checkpoint,
    signal,
    log: taskLog(task.name, report),
    setsAside: task.plan.onError === "deadLetter",
    isPaused: task.isPaused === true,
    ready: () => report({ kind: "opened", task: task.name }),
    validate: compileValidator(task.collection.schema),
    recognise: compileRecogniser(task.collection.schema),
    async append(batch: CapturedBatch, cursor?: Json) {
      const { count } = batch;
      const routed = await router.route(batch.values ?? count, batch.lines);
      const appends = [...routed, ...(await refusedRows.appends(batch))];
      if (appends.length === 0 && cursor === undefined) return;
      const endTurn = await turns.take(task.name, batch.lines.byteLength);
      try {
        protocolPoint("capture.append.before");
        await head.commit({
          task: task.name,
          fence,
          appends,
          ...(cursor === undefined ? {} : { checkpoint: cursor }),
        });
        protocolPoint("capture.append.after");
      } finally {
        endTurn();
      }
      report({ kind: "progress", task: task.name, positions: undefined, documents: count, at: 0 });
    },
  };
}
