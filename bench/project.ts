/** A user's project on disk, and `weir` as a user runs it: the built package, in processes of its own. Linux only: it reads /proc. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const repository = join(import.meta.dirname, "..");
const weir = join(repository, "dist", "cli", "main.js");

/** Of a whole process, from its start to its end. */
export interface ProcessFigures {
  readonly seconds: number;
  /** Of all its threads; sampled, so the last instant is missing. */
  readonly cpuSeconds: number;
  /** The most that was resident, as the system counts it: with pages of files that happen to be in memory. */
  readonly peakBytes: number;
  /** The most that the process held for itself; sampled. */
  readonly ownBytes: number;
}

/** A process that serves. */
export interface ServedProcess extends AsyncDisposable {
  readonly pid: number;
  /** The end of what it told on its standard error. */
  readonly said: string;
  /** Throws what it said where it has ended. */
  requireRunning(): void;
}

let isBuilt = false;

export class BenchProject implements Disposable {
  readonly directory: string;

  constructor(files: Readonly<Record<string, string>> = {}) {
    buildPackage();
    this.directory = mkdtempSync(join(tmpdir(), "weir-bench-"));
    mkdirSync(join(this.directory, "node_modules"));
    symlinkSync(repository, join(this.directory, "node_modules", "weir"), "dir");
    symlinkSync(join(repository, "node_modules", "zod"), join(this.directory, "node_modules", "zod"), "dir");
    this.write("package.json", '{ "name": "bench", "type": "module" }\n');
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** `weir build` of `flows/`. */
  build(flows: string): void {
    this.write("flows/bench.flow.ts", flows);
    const built = spawnSync(process.execPath, [weir, "build"], { cwd: this.directory, encoding: "utf8" });
    if (built.status !== 0) throw new Error(`weir build failed: ${built.stderr}${built.stdout}`);
  }

  /** `weir run --once` of what was built. What an earlier build had and this one has not is given up. */
  run(env: Readonly<Record<string, string>> = {}): Promise<ProcessFigures> {
    return timed(
      process.execPath,
      [weir, "run", ...["--plan", "weir-build", "--once", "--allow", "destructive"]],
      {
        cwd: this.directory,
        env,
      },
    );
  }

  /** `weir run` of what was built, until it is disposed of. */
  serve(env: Readonly<Record<string, string>> = {}): ServedProcess {
    return served([weir, "run", "--plan", "weir-build"], { cwd: this.directory, env });
  }

  /** `weir read` of a collection while nothing runs: a document for each key, where it has a reduction. */
  read(collection: string): readonly unknown[] {
    const read = spawnSync(process.execPath, [weir, "read", collection, "--reduced"], {
      cwd: this.directory,
      encoding: "utf8",
      maxBuffer: 1024 * 1024 * 1024,
    });
    if (read.status !== 0) throw new Error(`weir read failed: ${read.stderr}`);
    return read.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  /** What `weir` answers to a command, on its standard output, in parts. */
  async *answer(...args: string[]): AsyncGenerator<Buffer> {
    const child = spawn(process.execPath, [weir, ...args], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "inherit"],
    });
    yield* child.stdout as AsyncIterable<Buffer>;
    if (child.exitCode === null) await once(child, "close");
    if (child.exitCode !== 0) throw new Error(`weir ${args.join(" ")} failed.`);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process, and the end of what it has told on its standard error. */
function spawned(command: string, args: readonly string[], options: ProcessOptions) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    said = (said + part).slice(-4_000);
  });
  return { child, said: () => said };
}

/** A process of Node with these arguments, until it is disposed of. */
export function served(args: readonly string[], options: ProcessOptions): ServedProcess {
  const { child, said } = spawned(process.execPath, args, options);
  const ended = once(child, "close");
  return {
    pid: child.pid ?? 0, // it has one once it is spawned
    get said() {
      return said();
    },
    requireRunning: () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${args.join(" ")} ended: ${said()}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

/** Runs a process to its end. Throws what it said where it failed. */
export async function timed(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessFigures> {
  const started = performance.now();
  const { child, said } = spawned(command, args, options);
  let sampled: Sample = { cpuSeconds: 0, peakBytes: 0, ownBytes: 0 };
  const sampling = setInterval(() => {
    sampled = sample(child.pid, sampled);
  }, SAMPLE_MS);
  await once(child, "close");
  clearInterval(sampling);
  if (child.exitCode !== 0) throw new Error(`${command} ${args[0]} failed: ${said()}`);
  return { seconds: (performance.now() - started) / 1000, ...sampled };
}

const SAMPLE_MS = 50;

type Sample = Omit<ProcessFigures, "seconds">;

/** That a process has used, with all its threads. Throws where it has ended. */
export function cpuSecondsOf(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, "latin1"));
}

/** See proc(5): fields 14 and 15 of `stat` are user and system time in ticks of 10 ms. */
function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sample(pid: number | undefined, before: Sample): Sample {
  let [stat, status]: string[] = [];
  try {
    [stat, status] = [
      readFileSync(`/proc/${pid}/stat`, "latin1"),
      readFileSync(`/proc/${pid}/status`, "latin1"),
    ];
  } catch {
    return before; // it has ended
  }
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  return {
    cpuSeconds: cpuSecondsIn(stat),
    peakBytes: Math.max(before.peakBytes, bytes("VmHWM")),
    ownBytes: Math.max(before.ownBytes, bytes("RssAnon")),
  };
}

function buildPackage(): void {
  if (isBuilt) return;
  const build = spawnSync(process.execPath, [join(repository, "tools", "build.ts")], { stdio: "inherit" });
  if (build.status !== 0) throw new Error("The package does not build.");
  isBuilt = true;
}
