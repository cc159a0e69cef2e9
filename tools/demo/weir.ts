/** The runtime as a user runs it: a process of its own, in a project directory of its own. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { askRunning, json } from "../../runtime/control/client.ts";
import type { StatusReport } from "../../runtime/runtime.ts";
import { type SupervisedServer, startSupervised } from "../../test/servers/supervised.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const NODE_FLAGS = ["--conditions=weir-source"];

export class WeirProcess {
  readonly #directory: string;
  #flows: readonly string[];
  #process: SupervisedServer | undefined;

  /** `flows`: absolute paths of flow files. */
  constructor(directory: string, flows: readonly string[]) {
    this.#directory = directory;
    this.#flows = flows;
  }

  get dataDir(): string {
    return join(this.#directory, ".weir");
  }

  async start(flows: readonly string[] = this.#flows): Promise<void> {
    this.#flows = flows;
    this.#process = await startSupervised({
      command: process.execPath,
      args: [...NODE_FLAGS, MAIN, "run", ...flows],
      dir: this.#directory,
      stopSignal: "TERM",
      uid: undefined,
    });
  }

  /** As a user's Ctrl-C or a service manager does. */
  async stop(): Promise<void> {
    await this.#process?.stop("keep");
    this.#process = undefined;
  }

  /** SIGKILL: no chance to finish anything. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  get running(): boolean {
    return this.#process?.running() ?? false;
  }

  log(): string {
    return this.#process?.log() ?? "";
  }

  /** Undefined while it starts or has just been killed. */
  async status(): Promise<StatusReport | undefined> {
    const answer = await askRunning(this.dataDir, "/status").catch(() => undefined);
    // The control server's own form.
    return answer ? ((await json(answer).catch(() => undefined)) as StatusReport | undefined) : undefined;
  }

  /** Polls until the status is as wanted. A process that ends meanwhile is started again, as a service manager would. */
  async until(wanted: (status: StatusReport) => boolean, withinMs: number, onRestart: () => void): Promise<StatusReport> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const status = await this.status();
      const halted = status?.tasks.find(({ state }) => state === "halted");
      if (halted) throw new Error(`${halted.name} halted: ${halted.lastError}`);
      if (status && wanted(status)) return status;
      if (Date.now() > deadline) {
        throw new Error(`Not reached within ${withinMs / 1000} s; status ${JSON.stringify(status)}; log:\n${this.log()}`);
      }
      if (!this.running) {
        onRestart();
        await this.start();
      }
      await sleep(150);
    }
  }
}
