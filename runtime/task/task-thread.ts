/**
 * A task's own thread: it shares nothing with the others, so that what it does to itself hurts it alone. It loads what it will need
 * before it is told what to run.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { isHalt } from "../../connectors/driver.ts";
import { captureDriver, materializationDriver } from "../connectors.ts";
import type { Head } from "../head/head.ts";
import { loadStore, openStore } from "../store/store.ts";
import { remote } from "../threads/remote.ts";
import { runCaptures } from "./capture.ts";
import { runDerivation } from "./derivation.ts";
import { GatheredReports } from "./gathered-reports.ts";
import { runMaterialization } from "./materialization.ts";
import type { CaptureTask, TaskCommand, TaskThreadData, TaskThreadNeeds } from "./task.ts";
import { WorkCell } from "./work-cell.ts";

if (!parentPort) throw new Error("task-thread.ts runs as a worker thread only.");
const parent: Pick<MessagePort, "postMessage" | "on"> = parentPort;
const needs = workerData as TaskThreadNeeds; // set by `TaskThreads`
const stop = new AbortController();
const told = Promise.withResolvers<TaskThreadData>();
parent.on("message", (command: TaskCommand) => {
  if (command.kind === "run") told.resolve(command.data);
  else stop.abort();
});
const reports = new GatheredReports((message) => parent.postMessage(message));
const { report } = reports;

async function load({ kind, connector = "", settings: { baseDir }, store }: TaskThreadNeeds): Promise<void> {
  if (kind === "capture") await captureDriver(connector, baseDir);
  else await loadStore(store);
  if (kind === "materialization") await materializationDriver(connector, baseDir);
}

async function run(data: TaskThreadData): Promise<void> {
  const [first, ...rest] = data.tasks;
  if (!first) throw new Error("A task thread was started without a task.");
  const head = remote<Head>(data.head);
  if (first.kind === "capture") {
    // Only captures share a thread.
    const captures = [first, ...rest] as CaptureTask[];
    const driver = await captureDriver(first.plan.connector, needs.settings.baseDir);
    return runCaptures(captures, driver, head, needs.settings, stop.signal, report);
  }
  const store = await openStore(needs.store, { probe: false });
  try {
    if (first.kind === "derivation") {
      // Stacks of transforms lead to the flow file's own lines. Set here, so that nobody looks for maps of Weir's own modules.
      process.setSourceMapsEnabled(true);
      const cell = new WorkCell(data.work);
      return await runDerivation(first, head, store, stop.signal, report, undefined, cell);
    }
    const driver = await materializationDriver(first.plan.connector, needs.settings.baseDir);
    return await runMaterialization(first, driver, head, store, stop.signal, report);
  } finally {
    await store.close();
  }
}

// What cannot be loaded is asked for again by whoever needs it, and told then.
await load(needs).catch(() => {});
const data = await told.promise;
try {
  await run(data);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const kind = isHalt(error) ? "halted" : "failed";
  for (const { name } of data.tasks) report({ kind, task: name, message });
}
reports.flush();
process.exit(0);
