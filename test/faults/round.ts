/**
 * One round: a project with a history gets new derivations and targets while its client goes on sending; the runtime is
 * killed in one phase after the other, each time at a protocol point, and started again; then everything is compared.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { tellRunning } from "../../runtime/control/client.ts";
import type { ControlCommand } from "../../runtime/control/command.ts";
import type { PlanName } from "./bank.ts";
import {
  compareJournals,
  compareStore,
  compareTargets,
  type Places,
  readFolders,
  readJournals,
} from "./compare.ts";
import type { Edit, Fault } from "./fault.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { Feeder } from "./feeder.ts";
import { type Copy, copyHistory, type History } from "./history.ts";
import { removeDirectory } from "./project.ts";
import type { Outcome, ScenarioContext } from "./scenario.ts";
import { TUNING } from "./tuning.ts";

/**
 * In which it is killed. `refill`: the counter of back-fills has moved, and targets are emptied. `rebuild`: what is derived has
 * another meaning, and is made again beside what stands.
 */
export type RoundPhase = "back-fill" | "cutover" | "live" | "refill" | "rebuild";

/** For other numbers of shards of a derivation, for a log to be read again from somewhere, for what was replaced to be deleted. */
export type Asked = "shards" | "back-fills" | "drops";

export interface Step {
  readonly phase: RoundPhase;
  readonly point: string;
  readonly occurrence: number;
  /** Whether the point is passed only while a process or task starts: then it is started again within the phase. */
  readonly atStart: boolean;
  /** What is asked of the running process, again and again, until it fires. */
  readonly asks: Asked | undefined;
  /** `never`: a point that this phase cannot reach, which is watched for a while. `maybe`: chance decides. */
  readonly fires: "always" | "never" | "maybe";
}

const FIRES_WITHIN_MS = 90_000;
const WATCHED_MS = 1_500;
const CAUGHT_UP_WITHIN_MS = 60_000;
const FEED_PAUSE_MS = 15;
const ASK_PAUSE_MS = 200;
/** Begins a difference that says no more than that it takes too long. */
export const STUCK = "not caught up";

export interface RoundOptions {
  readonly history: History;
  readonly steps: readonly Step[];
  /** Of a seeded defect. */
  readonly edits?: readonly Edit[];
  readonly caughtUpWithinMs?: number;
}

export async function runRound(options: RoundOptions, context: ScenarioContext): Promise<Outcome> {
  const copy = await copyHistory(options.history);
  const round = new Round(options, copy, {
    dataDir: copy.dataDir,
    store: copy.store,
    database: await context.servers.database(),
    redis: await context.servers.redis(),
  });
  try {
    const outcome = await round.run();
    if (outcome.differences.length + outcome.missed.length > 0) context.log(round.runtime.weir.log());
    return outcome;
  } finally {
    await round.close();
    removeDirectory(copy.directory);
  }
}

class Round {
  readonly runtime: FaultyRuntime;
  readonly #options: RoundOptions;
  readonly #places: Places;
  readonly #feeder: Feeder;
  readonly #missed: string[] = [];
  #plan: PlanName = "live";
  #fired = 0;

  constructor(options: RoundOptions, { directory, origin }: Copy, places: Places) {
    this.#options = options;
    this.#places = places;
    this.runtime = new FaultyRuntime({
      directory,
      env: { DATABASE_URL: places.database, REDIS_URL: places.redis },
      edits: [...TUNING, ...(options.edits ?? [])],
    });
    this.#feeder = new Feeder(origin, directory, options.history.sent);
  }

  async run(): Promise<Outcome> {
    this.#feeder.start(FEED_PAUSE_MS);
    const differences: string[] = [];
    try {
      for (const step of this.#options.steps) {
        await this.#begin(step);
        await this.#awaitFault(step);
      }
    } catch (error) {
      this.runtime.checkEdits();
      differences.push(`${STUCK}: ${firstLine(error)}`);
      await this.runtime.weir.kill();
    }
    differences.push(...(await this.#compare()));
    const missed = [...this.#missed, ...this.runtime.unapplied().map((file) => `${file} was never loaded`)];
    return { fired: this.#fired, missed, differences };
  }

  /** From a runtime that is down to one that runs, in the phase, with the fault armed. */
  async #begin(step: Step): Promise<void> {
    const { phase, atStart } = step;
    switch (phase) {
      case "back-fill":
        this.#arm(step, "back-fill");
        this.#start();
        break;
      case "cutover":
        this.#arm(atStart ? { ...step, point: "" } : step, "cutover");
        this.#start();
        if (!atStart) break;
        if (!(await this.runtime.until(() => this.runtime.hasCrossed, FIRES_WITHIN_MS))) {
          this.#missed.push("no reader passed from fragments to the head");
        }
        await this.#startAgain(step);
        break;
      case "live":
        this.#start();
        await this.#quiet();
        if (atStart) await this.#startAgain(step);
        else this.#arm(step, "any");
        this.#feeder.start(FEED_PAUSE_MS);
        break;
      case "refill":
      case "rebuild":
        this.#start();
        await this.#quiet();
        await this.runtime.weir.stop();
        this.#plan = phase;
        this.#arm(step, "any");
        this.#start();
        this.#feeder.start(FEED_PAUSE_MS);
        break;
    }
  }

  #arm({ point, occurrence }: Pick<Step, "point" | "occurrence">, phase: Fault["phase"]): void {
    this.runtime.arm({ point, phase, occurrence, action: "kill" });
  }

  #start(): void {
    this.runtime.start(this.#plan);
  }

  async #startAgain(step: Step): Promise<void> {
    await this.runtime.weir.kill();
    this.#arm(step, "any");
    this.#start();
  }

  /** Ends with a runtime that is down. */
  async #awaitFault({ phase, point, fires, asks }: Step): Promise<void> {
    const over = new AbortController();
    if (asks !== undefined) void this.#ask(asks, over.signal);
    const fired = await this.runtime.killed(fires === "always" ? FIRES_WITHIN_MS : WATCHED_MS);
    over.abort();
    if (fired) this.#fired++;
    if (!fired && fires === "always") this.#missed.push(`${point} was not passed, ${phase}`);
    if (fired && fires === "never")
      this.#missed.push(`${point} was passed, ${phase}, and is declared out of reach there`);
    this.runtime.disarm();
    await this.runtime.weir.kill();
  }

  /** Again and again, until the process has ended by it. */
  async #ask(asked: Asked, over: AbortSignal): Promise<void> {
    for (let n = 1; !over.aborted; n = 3 - n) {
      await tellRunning(this.#places.dataDir, commandOf(asked, n)).catch(() => {}); // it may have ended by it
      await sleep(ASK_PAUSE_MS);
    }
  }

  /** Nothing more is sent, and every task has worked through what was. */
  async #quiet(): Promise<void> {
    await this.#feeder.stop();
    const { transfers, owners } = this.#feeder.sent;
    await this.runtime.caughtUp(this.#options.caughtUpWithinMs ?? CAUGHT_UP_WITHIN_MS, {
      "bank/transfers": transfers.length,
      "bank/owners": owners.length,
    });
  }

  async #compare(): Promise<string[]> {
    const found: string[] = [];
    this.#start();
    try {
      await this.#quiet();
    } catch (error) {
      found.push(`${STUCK}: ${firstLine(error)}`);
    }
    try {
      const journals = await readJournals(this.#places.dataDir);
      found.push(
        ...compareJournals(journals, this.#feeder.sent),
        ...(await compareTargets(journals, this.#places)),
      );
      const folders = await readFolders(this.#places.dataDir);
      await this.runtime.weir.stop();
      found.push(...(await compareStore(journals, this.#places, folders)));
    } catch (error) {
      found.push(`what there is cannot be read: ${firstLine(error)}`);
    }
    return found;
  }

  async close(): Promise<void> {
    await this.runtime.weir.kill();
    await this.#feeder.end();
  }
}

/** What is kept of a collection, and of a target. */
const DROPPED = ["bank/balances", "postgres:balances"];

/** `n` is 1 or 2. */
function commandOf(asked: Asked, n: number): ControlCommand {
  if (asked === "drops") return { kind: "drop", name: DROPPED[n - 1] ?? null };
  if (asked === "shards") return { kind: "scale", task: "bank/sizes", shards: n };
  return {
    kind: "backfill",
    order: { task: "postgres:transfers_log", from: { time: n } },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500);
}
