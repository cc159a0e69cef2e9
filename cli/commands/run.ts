import { EventEmitter, once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../../compiler/config/config-file.ts";
import { readBuild } from "../../plan/read-build.ts";
import { type RunnableBuild, Runtime, type RuntimeConfig } from "../../runtime/runtime.ts";
import { CommandError } from "../command-error.ts";
import { RunReporter } from "../run-reporter.ts";
import { runtimeConfig } from "../runtime-config.ts";

interface RunOptions {
  readonly plan?: string;
  readonly once?: boolean;
  readonly allow?: "destructive";
  readonly json?: boolean;
  readonly config?: string;
}

/** `--once` looks whether everything is done when something has been reported, and otherwise after so long, ms. */
const LOOK_MS = 100;
/** It looks no sooner again than this, ms, and than after ten times what a look has taken. */
const PAUSE_MS = 10;

export async function run(files: readonly string[], options: RunOptions): Promise<void> {
  if (options.plan !== undefined && files.length > 0) {
    throw new CommandError("--plan runs what was built: leave out the flow files.");
  }
  const { build, config: own } = await prepare(files, options);
  const config = { ...own, allowDestructive: options.allow === "destructive" };
  const reporter = new RunReporter(options.json ? "json" : process.stderr.isTTY ? "tty" : "lines");
  const stop = stopSignal();
  const reported = new EventEmitter();
  const runtime = await Runtime.start(build, config, process.env, (event) => {
    reporter.accept(event);
    reported.emit("event");
    // What is on disk after a failed flush is unknown: end here, and let a restart read what is there.
    if (event.kind === "fatal") process.exit(1);
  });
  reporter.started(runtime, build.planHash);
  if (options.once) await settled(runtime, reported, stop);
  else await aborted(stop);
  await reporter.finish(stop.aborted ? "stopped" : "done");
  const { halted } = runtime;
  await runtime.stop();
  if (options.once && halted.length > 0) {
    throw new CommandError(`${halted.join(", ")} halted; see the messages above.`);
  }
}

async function prepare(
  files: readonly string[],
  options: RunOptions,
): Promise<{ build: RunnableBuild; config: RuntimeConfig }> {
  if (options.plan !== undefined) {
    const directory = resolve(options.plan);
    const config = runtimeConfig(await loadConfig(process.cwd(), options.config));
    const { plan, planHash, parentHash } = await readBuild(directory);
    return { build: { plan, planHash, parentHash, directory }, config };
  }
  const { buildProject } = await import("../compile-project.ts");
  const { writeBuild } = await import("../../compiler/index.ts");
  const { build, config: projectConfig } = await buildProject(files, options.config);
  const config = runtimeConfig(projectConfig);
  const directory = join(config.dataDir, "builds", build.planHash);
  await writeBuild(build, directory);
  return { build: { plan: build.plan, planHash: build.planHash, directory }, config };
}

/** Aborts on the first SIGINT or SIGTERM; a second one ends the process where it stands, which loses nothing committed. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    process.stderr.write("stopping: each task finishes its transaction (again to end at once)\n");
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stop.signal;
}

async function settled(runtime: Runtime, reported: EventEmitter, stop: AbortSignal): Promise<void> {
  let isArchiving = false;
  for (;;) {
    const looks = new AbortController();
    // From before the look, so that what is reported meanwhile is not missed.
    const next = once(reported, "event", { signal: looks.signal }).catch(() => {});
    const started = performance.now();
    const left = stop.aborted ? "nothing" : await runtime.left();
    const isSettled = left === "nothing";
    // Beside the last of the targets, so that a stop has less to do.
    if (left === "targets" && !isArchiving) {
      isArchiving = true;
      runtime.archiveAll();
    }
    const tookMs = performance.now() - started;
    if (!isSettled) await Promise.race([next, sleep(LOOK_MS, undefined, { ref: false })]);
    looks.abort();
    if (isSettled) return;
    await sleep(Math.min(PAUSE_MS + 10 * tookMs, LOOK_MS));
  }
}

async function aborted(stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  await new Promise((done) => stop.addEventListener("abort", done, { once: true }));
}
