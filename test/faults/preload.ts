/**
 * Loaded by `--import` before the modules of every thread of the runtime under test; knows nothing of the runtime. It
 * ends or pauses the process at an armed protocol point, and puts edits into the sources of production modules as they
 * load. What it is told and what it tells are the files of `fault-files.ts`.
 */
import { existsSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Fault } from "./fault.ts";
import { FaultFiles } from "./fault-files.ts";

/** Longer than any round: a thread that has ended its process, or is held, does not go on. */
const FOREVER_MS = 600_000;
/** A paused process runs on for an instant before it stops; the thread must not. */
const PAUSE_MS = 300;
const CUTOVER = "reader.cutover.before";

const directory = process.env.WEIR_FAULTS;
if (directory !== undefined) listen(new FaultFiles(directory));

function listen(files: FaultFiles): void {
  // Kept: while a transform runs, the thread's `process` throws.
  const { pid } = process;
  const kill = process.kill.bind(process);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const wait = (ms: number) => Atomics.wait(cell, 0, 0, ms);
  let armedAt = 0;
  let armed: Fault | undefined;
  let passed = 0;

  /** The file is looked at on every passing: arming has effect at once, and what was counted before is forgotten. */
  const current = (): Fault | undefined => {
    const changed = statSync(files.armed, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed === armedAt) return armed;
    armedAt = changed;
    passed = 0;
    // Written whole, by renaming, by `FaultFiles.arm`.
    armed = changed === 0 ? undefined : (JSON.parse(readFileSync(files.armed, "utf8")) as Fault);
    return armed;
  };

  const fire = ({ action }: Fault, point: string): void => {
    if (!claim(files.fired, point)) return; // another thread is ending the process
    kill(pid, action === "stop" ? "SIGSTOP" : "SIGKILL");
    wait(action === "stop" ? PAUSE_MS : FOREVER_MS);
  };

  const onPoint = (point: string): void => {
    const fault = current();
    if (fault === undefined || existsSync(files.fired)) return;
    if (point === CUTOVER && fault.phase === "back-fill" && fault.point !== CUTOVER) {
      // In this phase nothing passes from history to the head: the thread is held until the process is ended.
      wait(FOREVER_MS);
    }
    if (point === CUTOVER) claim(files.cutover, point);
    if (point !== fault.point) return;
    if (fault.phase === "cutover" && !existsSync(files.cutover)) return;
    passed++;
    if (passed >= fault.occurrence) fire(fault, point);
  };
  Reflect.set(globalThis, Symbol.for("weir.protocolPoint"), onPoint);

  const edits = files.edits();
  if (edits.length === 0) return;
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter(
        ({ file }) => url.startsWith("file:") && fileURLToPath(url).endsWith(`/${file}`),
      );
      if (own.length === 0) return loaded;
      let source = String(loaded.source);
      for (const { file, find, replace } of own) {
        if (source.split(find).length !== 2) {
          writeFileSync(files.misfit, `${file} does not contain exactly once:\n${find}\n`);
          writeSync(2, `an edit does not fit ${file}\n`);
          kill(pid, "SIGKILL");
        }
        source = source.replace(find, () => replace);
        claim(files.applied(file), file);
      }
      return { ...loaded, source };
    },
  });
}

/** Creates the file; false if it was there. */
function claim(file: string, content: string): boolean {
  try {
    writeFileSync(file, `${content}\n`, { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}
