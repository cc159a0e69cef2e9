import type {
  CaptureContext,
  CaptureDriver,
  CapturedBatch,
  RuntimeSettings,
} from "../../connectors/driver.ts";
import { HaltError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";
import { type Head, MAX_APPEND_BYTES } from "../head/head.ts";
import { ownBytes, splitLines } from "../journal/runs.ts";
import { compileValidator } from "../validation.ts";
import type { CaptureTask, Report } from "./task.ts";
import { taskLog } from "./task-log.ts";

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
  return {
    task: task.name,
    collection: task.collection,
    config: task.config,
    cursor: checkpoint,
    signal,
    log: taskLog(task.name, report),
    ready: () => report({ kind: "opened", task: task.name }),
    validate: compileValidator(task.collection.schema),
    async append(batch: CapturedBatch, cursor?: Json) {
      const appends = splitLines(batch.lines, MAX_APPEND_BYTES).map((piece) => ({
        journal: task.target.id,
        count: piece.count,
        lines: ownBytes(piece.lines),
      }));
      const count = appends.reduce((sum, append) => sum + append.count, 0);
      if (count !== batch.values.length) {
        throw new HaltError(`The capture handed over ${batch.values.length} documents in ${count} lines.`);
      }
      if (count === 0 && cursor === undefined) return;
      await head.commit({
        task: task.name,
        fence,
        appends,
        ...(cursor === undefined ? {} : { checkpoint: cursor }),
      });
      report({ kind: "progress", task: task.name, position: undefined, documents: count, at: 0 });
    },
  };
}
