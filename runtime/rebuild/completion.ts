/**
 * Ends a rebuild: once what is made again has caught up, what serves is stopped, each target is swapped in one transaction
 * of its own, and one transaction of the head gives the new collections and tasks their names. Each step is noted before it is taken,
 * and can be repeated.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isHalt, type MaterializationDriver, type TargetPlace } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import { collectionsInOrder } from "../../plan/order.ts";
import type { CollectionPlan, MaterializationPlan, Plan } from "../../plan/plan.ts";
import { type Environment, resolveEnvironment } from "../environment.ts";
import type { Head, Position } from "../head/head.ts";
import type { TaskMonitor } from "../task-status.ts";
import {
  hasReached,
  isNear,
  type Requirement,
  requirementOf,
  type Stopped,
  withoutDelayed,
} from "./catching-up.ts";
import { flip, standingBefore } from "./flip.ts";
import { jsonOf, REBUILD, type Rebuild, type RebuiltTarget } from "./rebuild.ts";
import type { Part, RunningPlan } from "./running-plan.ts";

/** How often it is looked whether all has caught up, ms. */
const LOOK_MS = 100;
/** How long what serves may stand still for a swap before it goes on and the swap is tried later, ms. */
const STANDSTILL_MS = 30_000;
/** How long after a swap that was given up, or that the target refused, it is tried again, ms. */
const AGAIN_MS = 30_000;
/** How often a swap whose target does not answer is tried before what serves goes on, and the pause between, ms. */
const SWAP_TRIES = 5;
const SWAP_PAUSE_MS = 500;

/** What ending a rebuild needs of the runtime. */
export interface RebuildHost {
  readonly head: Head;
  readonly environment: Environment;
  /** The definitions that what stands was made under. */
  readonly applied: Plan;
  running(rebuild: Rebuild, part: Part): RunningPlan;
  /** Runs just the tasks of this plan: those that it has already go on, others end, the rest begin. */
  reconcile(running: RunningPlan): Promise<void>;
  monitors(): readonly TaskMonitor[];
  isBounded(task: string): boolean;
  driver(connector: string): Promise<MaterializationDriver>;
  tell(name: string, level: "info" | "warn", message: string): void;
}

export class RebuildCompletion {
  readonly #host: RebuildHost;
  #rebuild: Rebuild;
  /** Why targets cannot be swapped without a person. */
  readonly #refusals = new Map<string, string>();

  constructor(host: RebuildHost, rebuild: Rebuild) {
    this.#host = host;
    this.#rebuild = rebuild;
  }

  get rebuild(): Rebuild {
    return this.#rebuild;
  }

  /** Why it cannot be ended without a person; undefined where it only takes its time. */
  get stuck(): string | undefined {
    return [...this.#refusals.values()][0] ?? this.#haltedTask();
  }

  /** Targets that cannot be swapped without a person. */
  get refused(): readonly string[] {
    return [...this.#refusals.keys()];
  }

  #haltedTask(): string | undefined {
    const awaited = this.#awaitedNames();
    const halted = this.#host
      .monitors()
      .find(({ task, state }) => state === "halted" && awaited.has(task.name));
    return halted && `${halted.task.name} has halted`;
  }

  /** Resolves once the rebuild is done, or the signal aborts. */
  async run(signal: AbortSignal): Promise<"done" | "aborted"> {
    while (!signal.aborted) {
      if (await this.#isNear()) {
        if (await this.#tryToEnd(signal)) return "done";
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => {});
      } else await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
    return "aborted";
  }

  /** Before anything is opened: what a crash left in the middle of a swap is one thing or the other afterwards. */
  async settleSwaps(): Promise<void> {
    for (const [name, { state }] of Object.entries(this.#rebuild.targets)) {
      if (state === "swapping") await this.#swap(name);
    }
  }

  get #isSwapped(): boolean {
    return Object.values(this.#rebuild.targets).every(({ state }) => state === "swapped");
  }

  /** Tasks that fill what is to be swapped, and those that fill what is new above it. */
  #awaitedNames(): ReadonlySet<string> {
    const { collections, targets, awaited } = this.#rebuild;
    const beside = [...Object.values(collections), ...Object.values(targets)].map((each) => each.beside);
    return new Set([...beside, ...awaited]);
  }

  async #isNear(): Promise<boolean> {
    const awaited = this.#awaitedNames();
    const snapshots = this.#host
      .monitors()
      .filter(({ task }) => awaited.has(task.name))
      .map((monitor) => monitor.snapshot());
    return isNear(snapshots, await this.#host.head.journals(), (task) => this.#host.isBounded(task));
  }

  async #tryToEnd(signal: AbortSignal): Promise<boolean> {
    const host = this.#host;
    const served = new Map(host.monitors().map((monitor) => [monitor.task.name, monitor]));
    protocolPoint("rebuild.stop.before");
    const withoutServing = host.running(this.#rebuild, "without-serving");
    await host.reconcile(withoutServing);
    const stopped = await this.#stopped(served);
    if (!(await this.#catchUp(withoutServing.plan, stopped, signal))) {
      await host.reconcile(host.running(this.#rebuild, "all"));
      return false;
    }
    await host.reconcile(host.running(this.#rebuild, "without-both"));
    protocolPoint("rebuild.swaps.before");
    for (const [name, { state }] of Object.entries(this.#rebuild.targets)) {
      if (state !== "swapped") await this.#swap(name);
    }
    if (!this.#isSwapped) {
      await host.reconcile(host.running(this.#rebuild, "all"));
      return false;
    }
    protocolPoint("rebuild.flip.before");
    await flip(host.head, this.#rebuild, host.applied);
    protocolPoint("rebuild.flip.after");
    await host.reconcile({ plan: this.#rebuild.plan, serves: new Map(), paused: new Set() });
    return true;
  }

  async #stopped(served: ReadonlyMap<string, TaskMonitor>): Promise<Stopped> {
    const { plan, collections, targets } = this.#rebuild;
    const { applied } = this.#host;
    const names = Object.keys(collections);
    const checkpoints = await this.#host.head.checkpoints(names);
    return {
      // Written by the derivations themselves, by source.
      derivations: Object.fromEntries(
        names.map((name, i) => {
          const positions = Object(checkpoints[i]) as Readonly<Record<string, Position>>;
          return [name, withoutDelayed(positions, applied.derivations[name], plan.derivations[name])];
        }),
      ),
      targets: Object.fromEntries(
        Object.keys(targets).map((name) => [name, served.get(name)?.snapshot().positions?.[0] ?? {}]),
      ),
    };
  }

  /** In the order of the data's way: what one of them reads of another is all there by then. */
  async #catchUp(running: Plan, stopped: Stopped, signal: AbortSignal): Promise<boolean> {
    const { plan, collections, targets } = this.#rebuild;
    const order = [
      ...collectionsInOrder(plan).flatMap((name) => collections[name]?.beside ?? []),
      ...Object.values(targets)
        .filter(({ state }) => state === "filling")
        .map(({ beside }) => beside),
    ];
    const deadline = performance.now() + STANDSTILL_MS;
    for (const name of order) {
      const requirement: Requirement = await requirementOf(
        name,
        running,
        this.#rebuild,
        stopped,
        this.#host.head,
      );
      const monitor = this.#host.monitors().find(({ task }) => task.name === name);
      while (!hasReached(monitor, requirement)) {
        if (signal.aborted) return false;
        if (performance.now() > deadline || monitor?.state === "halted") {
          this.#host.tell(
            name,
            "warn",
            "did not catch up in time to be swapped; what it replaces goes on serving.",
          );
          return false;
        }
        await sleep(LOOK_MS / 4);
      }
    }
    return true;
  }

  async #swap(name: string): Promise<void> {
    const { plan, targets } = this.#rebuild;
    const [target, definition] = [targets[name], plan.materializations[name]];
    if (target === undefined || definition === undefined)
      throw new Error(`The rebuild has no target "${name}".`);
    await this.#note(name, "swapping");
    const driver = await this.#host.driver(definition.connector);
    for (let tries = 1; ; tries++) {
      try {
        const log = {
          info: (message: string) => this.#host.tell(name, "info", message),
          warn: (message: string) => this.#host.tell(name, "warn", message),
        };
        await driver.swap?.({ ...this.#places(name, target, definition, driver), log });
        protocolPoint("rebuild.swap.after");
        this.#refusals.delete(name);
        await this.#note(name, "swapped");
        return;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const refused = isHalt(error);
        if (!refused && tries < SWAP_TRIES) {
          await sleep(SWAP_PAUSE_MS * tries);
          continue;
        }
        this.#host.tell(name, "warn", `cannot be swapped yet: ${message} What it replaces goes on serving.`);
        // Only a refusal says for certain that nothing was exchanged: else neither of the two is opened until that is known.
        if (!refused) return;
        this.#refusals.set(name, message);
        await this.#note(name, "filling");
        return;
      }
    }
  }

  #places(
    name: string,
    { beside, besideLabel, kept, keptLabel }: RebuiltTarget,
    definition: MaterializationPlan,
    { aside }: MaterializationDriver,
  ): { beside: TargetPlace; serving: TargetPlace; kept: TargetPlace | undefined } {
    if (aside === undefined)
      throw new Error(`The connector of "${name}" cannot fill a target beside another.`);
    const { plan } = this.#rebuild;
    const own = plan.collections[definition.collection];
    if (own === undefined) throw new Error(`The plan has no collection "${definition.collection}".`);
    const place = (
      task: string,
      of: MaterializationPlan,
      collection: CollectionPlan,
      label?: string,
    ): TargetPlace => {
      const config = label === undefined ? of.config : aside(of.config, label);
      const mode = of.mode ?? "standard";
      return { task, collection, mode, config: resolveEnvironment(config, this.#host.environment) };
    };
    const before = standingBefore(this.#rebuild, this.#host.applied, name);
    return {
      beside: place(beside, definition, own, besideLabel),
      serving: place(name, definition, own),
      kept: before && place(kept, before.target, before.collection, keptLabel),
    };
  }

  async #note(name: string, state: RebuiltTarget["state"]): Promise<void> {
    const target = this.#rebuild.targets[name];
    if (target === undefined || target.state === state) return;
    this.#rebuild = { ...this.#rebuild, targets: { ...this.#rebuild.targets, [name]: { ...target, state } } };
    await this.#host.head.setNote(REBUILD, jsonOf(this.#rebuild));
  }
}
