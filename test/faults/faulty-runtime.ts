import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { allCaughtUp, WeirProcess } from "../servers/weir-process.ts";
import type { Edit, Fault } from "./fault.ts";
import { FaultFiles } from "./fault-files.ts";

const PRELOAD = fileURLToPath(new URL("preload.ts", import.meta.url));
const POLL_MS = 15;

export interface FaultyRuntimeOptions {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly edits: readonly Edit[];
}

/** The real runtime in a process of its own, with the preload that ends or pauses it at a protocol point. */
export class FaultyRuntime {
  readonly weir: WeirProcess;
  readonly directory: string;
  readonly #files: FaultFiles;
  #args: readonly string[] = [];

  constructor({ directory, env, edits }: FaultyRuntimeOptions) {
    const faults = join(directory, "faults");
    this.directory = directory;
    this.#files = new FaultFiles(faults);
    this.#files.disarm();
    this.#files.setEdits(edits);
    const options = `${process.env.NODE_OPTIONS ?? ""} --import=${PRELOAD}`;
    this.weir = new WeirProcess({ directory, env: { ...env, NODE_OPTIONS: options, WEIR_FAULTS: faults } });
  }

  /** `weir run` with this plan, or that of the last time. */
  start(plan?: string): void {
    if (plan !== undefined) this.#args = ["--plan", plan];
    this.weir.start(this.#args);
  }

  arm(fault: Fault): void {
    this.#files.arm(fault);
  }

  disarm(): void {
    this.#files.disarm();
  }

  get hasFired(): boolean {
    return this.#files.hasFired();
  }

  /** Whether a reader has passed from fragments to the head since arming. */
  get hasCrossed(): boolean {
    return existsSync(this.#files.cutover);
  }

  /** Waits for something that the process does. False if it has not come in time, or the process has ended otherwise. */
  async until(come: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    while (!come()) {
      this.#files.checkEdits();
      if (Date.now() > deadline) return false;
      if (!this.weir.running && !this.hasFired) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  /** Waits for an armed kill, and for the process's end by it. False if it did not come in time. */
  async killed(withinMs: number): Promise<boolean> {
    if (!(await this.until(() => this.hasFired, withinMs))) return false;
    await this.until(() => !this.weir.running, withinMs);
    await this.weir.kill(); // ends its watchdog as well
    this.disarm();
    return true;
  }

  /** After an armed stop. */
  resume(): void {
    const { pid } = this.weir;
    if (pid === undefined) throw new Error("There is no process to go on.");
    process.kill(pid, "SIGCONT");
  }

  /** Throws where a task halts or it takes too long. */
  async caughtUp(withinMs: number, documents: Readonly<Record<string, number>> = {}): Promise<void> {
    await this.weir.until(
      (status) =>
        allCaughtUp(status) &&
        Object.entries(documents).every(([name, count]) =>
          status.collections.some((collection) => collection.name === name && collection.documents >= count),
        ),
      withinMs,
    );
  }

  /** Throws where an edit did not fit: what was run is not what was meant. */
  checkEdits(): void {
    this.#files.checkEdits();
  }

  /** Modules that were to be edited and never loaded. */
  unapplied(): readonly string[] {
    return this.#files.unapplied();
  }
}
