/** The runtime as a user runs it: a process of its own, in a project directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askRunning, json } from "../../runtime/control/client.ts";
import type { StatusReport } from "../../runtime/status-report.ts";
import type { TaskStatus } from "../../runtime/task-status.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const NODE_FLAGS = ["--conditions=weir-source"];

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WeirProcessOptions {
  /** The project: where `weir.config.ts` is, and by default the flows. */
  readonly directory: string;
  /** Flow files, if not those of the configuration. */
  readonly flows?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Called when the runtime was killed by someone else; it is then started again, as a service manager would.
   * Without it, it stays down.
   */
  readonly onKilled?: () => void;
}

export class WeirProcess {
  readonly #options: WeirProcessOptions;
  #args: readonly string[];
  #child: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(options: WeirProcessOptions) {
    this.#options = options;
    this.#args = options.flows ?? [];
  }

  get dataDir(): string {
    return join(this.#options.directory, ".weir");
  }

  /** `weir run` with these arguments, or those of the last time. */
  start(args: readonly string[] = this.#args): void {
    this.#args = args;
    const log = openSync(this.#logFile, "a");
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, "run", ...args], {
      cwd: this.#options.directory,
      env: { ...process.env, ...this.#options.env },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    child.once("exit", (_code, signal) => {
      if (signal === null || this.#child !== child || !this.#options.onKilled) return;
      this.#options.onKilled();
      this.start();
    });
    // However this process ends, its end of the pipe closes, and the runtime is told to stop.
    this.#watchdog = spawn(
      "sh",
      ["-c", 'read -r word; kill -TERM "$1" 2>/dev/null', "sh", String(child.pid)],
      {
        stdio: ["pipe", "ignore", "ignore"],
        detached: true,
      },
    );
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Null while it runs, or where a signal ended it. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** As a service manager does, or a user's Ctrl-C. The exit code. */
  stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  /** No chance to finish anything. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    const isRunning = this.running;
    this.#child = undefined;
    if (isRunning) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
    this.#watchdog?.stdin?.end();
    return child.exitCode;
  }

  log(): string {
    return readFileSync(this.#logFile, "utf8");
  }

  get #logFile(): string {
    return join(this.#options.directory, "weir.log");
  }

  /** Runs another command of the command line to its end. */
  async command(...args: string[]): Promise<CommandResult> {
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], {
      cwd: this.#options.directory,
      env: { ...process.env, ...this.#options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      output.stdout += part;
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      output.stderr += part;
    });
    await once(child, "close");
    return { code: child.exitCode, ...output };
  }

  /** Undefined while it starts or has just been killed. */
  async status(): Promise<StatusReport | undefined> {
    const answer = await askRunning(this.dataDir, "/status").catch(() => undefined);
    // The control server's own form.
    return answer ? ((await json(answer).catch(() => undefined)) as StatusReport | undefined) : undefined;
  }

  /** Polls until the status is as wanted. Fails at once if a task halts, unless that is allowed. */
  async until(
    wanted: (status: StatusReport) => boolean,
    withinMs: number,
    halting: "fails" | "allowed" = "fails",
  ): Promise<StatusReport> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const status = await this.status();
      if (status && wanted(status)) return status;
      const halted = status?.tasks.find(({ state }) => state === "halted");
      if (halted && halting === "fails") throw new Error(`${halted.name} halted: ${halted.lastError}`);
      if (this.#child?.exitCode === 1) throw new Error(`weir run failed:\n${this.log()}`);
      if (Date.now() > deadline) {
        throw new Error(
          `Not reached within ${withinMs / 1000} s; status ${JSON.stringify(status)}; log:\n${this.log()}`,
        );
      }
      await sleep(100);
    }
  }
}

export function taskOf(status: StatusReport, name: string): TaskStatus | undefined {
  return status.tasks.find((task) => task.name === name);
}

/** Every bounded capture is exhausted and every other task stands at its source's end. */
/** Nor is anything made again beside what stands. */
export function allCaughtUp({ tasks, rebuild }: StatusReport): boolean {
  return (
    rebuild === null &&
    tasks.every(({ kind, state }) => (kind === "capture" ? state !== "starting" : state === "caught-up"))
  );
}
