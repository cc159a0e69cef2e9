/**
 * Runs a plan: the head's thread, the archiver's, and one for each task. Everything that can be refused is
 * refused before anything starts: a data directory in use, a missing variable, a plan that changes what stands.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessagePort, Worker } from "node:worker_threads";
import type { MaterializationDriver, RuntimeSettings, TaskLog } from "../connectors/driver.ts";
import { protocolPoint } from "../connectors/protocol-point.ts";
import type { ParentHash } from "../plan/parent.ts";
import type { Json, Plan } from "../plan/plan.ts";
import type { ArchiveCommand, ArchiveEvent, ArchiveThreadData } from "./archive/archive-thread.ts";
import { mergeApplied, refuseDestructive, renamesSince } from "./changes.ts";
import { materializationDriver } from "./connectors.ts";
import type { ControlCommand } from "./control/command.ts";
import { ControlServer } from "./control/server.ts";
import { type DataDirectoryLock, lockDataDirectory } from "./data-directory-lock.ts";
import { deadLetterCounts } from "./deadletters/counts.ts";
import type { DeadLetterDesk, DeadLetterRequest } from "./deadletters/desk.ts";
import { deadLettersOf, replaysOf } from "./deadletters/names.ts";
import { type Environment, requireEnvironment, resolveEnvironment } from "./environment.ts";
import type { Head } from "./head/head.ts";
import { type OpenHead, openHead } from "./head/open-head.ts";
import { initialJournals } from "./journal/router.ts";
import { APPLIED_PLAN, LAST_PLAN } from "./notes.ts";
import { refuseOtherParent } from "./parent.ts";
import { beginRebuild, withoutRebuilt } from "./rebuild/begin.ts";
import { bundleDirOf, keepBundles } from "./rebuild/bundles.ts";
import { RebuildCompletion } from "./rebuild/completion.ts";
import { type DropParts, dropAbandoned, dropByName, keptNames, sweepGarbage } from "./rebuild/drop.ts";
import { asideOf, earlierPlans, targetDrivers } from "./rebuild/earlier.ts";
import { jsonOf, namesOf, noteOf, type Rebuild, type RebuildStatus } from "./rebuild/rebuild.ts";
import { type Aside, type Part, type RunningPlan, runningPlan } from "./rebuild/running-plan.ts";
import { askForShards, renameShards } from "./shards.ts";
import { type StatusReport, storageOf } from "./status-report.ts";
import { type ObjectStore, openStore, type StoreConfig } from "./store/store.ts";
import { HeldClaim, isTakenOver, refuseTakenOver } from "./store-epoch/held-claim.ts";
import { historyOf, ownership } from "./store-epoch/ownership.ts";
import type { ThreadLimits } from "./supervised-thread.ts";
import { Supervisor } from "./supervisor.ts";
import type { TaskReport } from "./task/task.ts";
import { type Grouping, groupTasks, plannedGroups } from "./task-groups.ts";
import { isSettled, statusOf, type TaskSnapshot } from "./task-status.ts";
import { TaskThreads } from "./task-threads.ts";
import { keepFreedMemory, limitHeapGrowth, startWorker } from "./threads/entry.ts";

export interface RuntimeConfig {
  /** Absolute. Holds the head, the lock, and by default the store. */
  readonly dataDir: string;
  /** As written in the configuration: strings may be environment references. */
  readonly store: unknown;
  readonly settings: RuntimeSettings;
  readonly fragments: { readonly targetBytes: number; readonly maxAgeSeconds: number };
  readonly limits: ThreadLimits;
  /** Whether a plan may give up what is stored or kept in step now. */
  readonly allowDestructive?: boolean;
}

export interface RunnableBuild {
  readonly plan: Plan;
  readonly planHash: string;
  /** Of the plan that is to have run before, null for none; undefined where that does not matter. */
  readonly parentHash?: ParentHash | undefined;
  /** Directory that holds `bundles/`. */
  readonly directory: string;
}

export type RuntimeEvent =
  | TaskReport
  | { readonly kind: "store"; readonly message: string }
  | { readonly kind: "fatal"; readonly message: string };

const ARCHIVE_INTERVAL_MS = 1_000;
/** How long a stop waits for the last documents to reach the store, ms. */
const ARCHIVE_STOP_MS = 20_000;
/** How long a start waits to hear whether the store is still this data directory's, ms. */
const LOOK_AT_STORE_MS = 3_000;
/** How often objects that nothing needs any more are looked for, ms. */
const SWEEP_MS = 5_000;

export class Runtime {
  readonly #config: RuntimeConfig;
  readonly #build: RunnableBuild;
  readonly #lock: DataDirectoryLock;
  readonly #head: OpenHead;
  readonly #store: ObjectStore;
  readonly #supervisor: Supervisor;
  readonly #archive: Worker;
  #deadLetters: DeadLetterDesk | undefined;
  readonly #onEvent: (event: RuntimeEvent) => void;
  readonly #environment: Environment;
  /** Names of the captures whose sources end. */
  #bounded: ReadonlySet<string>;
  #control: ControlServer | undefined;
  /** The one that is under way. */
  #rebuild: RebuildCompletion | undefined;
  readonly #ending = new AbortController();
  /** What goes on beside the tasks: the rebuild, and the deletion of what is not needed any more. */
  #chores: readonly Promise<void>[] = [];
  #storeError: string | null = null;

  private constructor(parts: {
    config: RuntimeConfig;
    build: RunnableBuild;
    lock: DataDirectoryLock;
    head: OpenHead;
    store: ObjectStore;
    storeConfig: StoreConfig;
    threads: TaskThreads;
    isClaimed: boolean;
    grouping: Grouping;
    environment: Environment;
    onEvent: (event: RuntimeEvent) => void;
  }) {
    this.#config = parts.config;
    this.#build = parts.build;
    this.#lock = parts.lock;
    this.#head = parts.head;
    this.#store = parts.store;
    this.#onEvent = parts.onEvent;
    this.#environment = parts.environment;
    this.#bounded = parts.grouping.bounded;
    this.#supervisor = new Supervisor(parts.grouping.groups, {
      head: parts.head.head,
      connectHead: () => parts.head.connect(),
      threads: parts.threads,
      limits: parts.config.limits,
      onReport: (report) => {
        if (report.kind !== "progress" && this.#hasStarted) limitHeapGrowth();
        parts.onEvent(report);
      },
    });
    this.#archive = this.#startArchive(parts.storeConfig, parts.isClaimed);
  }

  /** Resolves once everything has been started. Throws, with nothing left running, if anything is refused. */
  static async start(
    build: RunnableBuild,
    config: RuntimeConfig,
    environment: Environment,
    onEvent: (event: RuntimeEvent) => void,
  ): Promise<Runtime> {
    keepFreedMemory();
    requireEnvironment(build.plan, config.store, environment);
    const lock = await lockDataDirectory(config.dataDir);
    const undo: (() => unknown)[] = [() => lock.release()];
    try {
      // A failed flush leaves unknown what is on disk: end at once, and let a restart read what is.
      const die = (error: Error) => onEvent({ kind: "fatal", message: `The head failed: ${error.message}` });
      // The references have been replaced: what is left is the store's own configuration.
      const storeConfig = resolveEnvironment(config.store, environment) as StoreConfig;
      const { settings, limits } = config;
      const { threadMemoryMb } = limits;
      const threads = new TaskThreads({ settings, store: storeConfig, threadMemoryMb });
      undo.unshift(() => threads.endWaiting());
      // They start beside the opening of the head. What of it cannot be loaded is told once it is known that it is to run.
      threads.prepare(await plannedGroups(build.plan, settings.baseDir).catch(() => []));
      const head = await openHead(join(config.dataDir, "head"), die);
      undo.unshift(() => head.close());
      const before = await earlierPlans(head.head);
      refuseOtherParent(await noteOf<Plan>(head.head, LAST_PLAN), build);
      if (before.last && !config.allowDestructive) refuseDestructive(before.last, build.plan);
      const drivers = () => targetDrivers([build.plan, before.applied], config.settings.baseDir);
      const beginning = before.applied && (await beginRebuild(head.head, before.applied, build, drivers));
      const applied = beginning?.applied;
      const rebuild = beginning?.rebuild;
      const aside = rebuild && asideOf(build.plan, await drivers());
      const running: RunningPlan =
        aside && applied
          ? runningPlan(rebuild, applied, aside)
          : { plan: build.plan, serves: new Map(), paused: new Set() };
      requireEnvironment(running.plan, config.store, environment);
      // What is captured is safe in the head: a store that cannot be reached just now holds up nothing but itself.
      const isNew = (await ownership(head.head)).history === undefined;
      const store = await openStore(storeConfig, { probe: isNew });
      undo.unshift(() => store.close());
      if (isNew) await HeldClaim.take(head.head, store);
      else await refuseIfTold(refuseTakenOver(head.head, store));
      const history = await historyOf(head.head);
      // Done before the note says so: after a crash in between it is found done.
      const renames = renamesSince(before.applied, build.plan).collections;
      for (const [from, to] of renames) {
        await head.head.renameCollection(from, to);
        for (const named of [deadLettersOf, replaysOf])
          await head.head.renameCollection(named(from), named(to));
      }
      await renameShards(head.head, renames);
      await keepBundles(build.directory, config.dataDir, build.plan, applied ? [applied] : []);
      await head.head.ensureJournals(
        Object.entries(running.plan.collections).flatMap(([name, plan]) => initialJournals(name, plan)),
      );
      protocolPoint("start.journals.after");
      const merged = mergeApplied(applied, withoutRebuilt(build.plan, rebuild));
      await head.head.adopt({
        collections: [],
        tasks: [],
        notes: { ...beginning?.notes, [APPLIED_PLAN]: jsonOf(merged), [LAST_PLAN]: jsonOf(build.plan) },
      });
      protocolPoint("start.plan.after");
      const group = (plan: RunningPlan) =>
        groupTasks(
          head.head,
          plan,
          { planHash: build.planHash, bundleDir: bundleDirOf(config.dataDir), history, environment },
          config.settings.baseDir,
        );
      const grouping = await group(running);
      await layOut(head.head, grouping);
      const parts = {
        config,
        build,
        lock,
        head,
        store,
        storeConfig,
        threads,
        grouping,
        environment,
        onEvent,
      };
      const runtime = new Runtime({ ...parts, isClaimed: isNew });
      undo.unshift(() => runtime.#endArchive());
      if (aside) await runtime.#goOn(rebuild, { applied: merged, aside, group });
      runtime.#control = await ControlServer.listen(runtime, config.dataDir);
      lock.announce({ pid: process.pid });
      runtime.#supervisor.start();
      await threads.endWaiting();
      runtime.#doChores();
      return runtime;
    } catch (error) {
      for (const step of undo) await step();
      throw error;
    }
  }

  /** Whether every task has been opened, or cannot be. */
  get #hasStarted(): boolean {
    return this.#supervisor.monitors.every(({ state }) => state !== "starting");
  }

  #startArchive(store: StoreConfig, isClaimed: boolean): Worker {
    const head: MessagePort = this.#head.connect();
    const { targetBytes, maxAgeSeconds } = this.#config.fragments;
    const worker = startWorker(import.meta.url, "./archive/archive-thread", {
      workerData: {
        head,
        store,
        isClaimed,
        settings: { targetBytes, tailAfterMs: maxAgeSeconds * 1000 },
        intervalMs: ARCHIVE_INTERVAL_MS,
      } satisfies ArchiveThreadData,
      transferList: [head],
      name: "archive",
    });
    worker.on("message", (event: ArchiveEvent) => {
      if (event.kind === "taken-over") this.#onEvent({ kind: "fatal", message: event.message });
      const message = event.kind === "ok" ? null : event.message;
      if (message !== null && message !== this.#storeError) this.#onEvent({ kind: "store", message });
      this.#storeError = message;
    });
    worker.on("error", (error) =>
      this.#onEvent({ kind: "fatal", message: `The archiver failed: ${error.message}` }),
    );
    return worker;
  }

  /** Tells of the rebuild that is under way, and settles what a crash left in the middle of a swap, before anything is opened. */
  async #goOn(
    rebuild: Rebuild,
    parts: {
      readonly applied: Plan;
      readonly aside: Aside;
      readonly group: (plan: RunningPlan) => Promise<Grouping>;
    },
  ): Promise<void> {
    const { applied, aside, group } = parts;
    const running = (of: Rebuild, part: Part) => runningPlan(of, applied, aside, part);
    const reconcile = async (plan: RunningPlan) => {
      const grouping = await group(plan);
      this.#bounded = grouping.bounded;
      await this.#supervisor.reconcile(grouping.groups, () => layOut(this.head, grouping));
    };
    this.#rebuild = new RebuildCompletion(
      {
        ...{ head: this.head, environment: this.#environment, applied, running, reconcile },
        monitors: () => this.#supervisor.monitors,
        isBounded: (task) => this.#bounded.has(task),
        driver: (connector) => this.#driver(connector),
        tell: (task, level, message) => this.#onEvent({ kind: "log", task, level, message }),
      },
      rebuild,
    );
    for (const name of namesOf(rebuild)) {
      this.#log(name).info(
        "is made again from history, beside what stands; that goes on serving until it has caught up.",
      );
    }
    await this.#rebuild.settleSwaps();
    await reconcile(running(this.#rebuild.rebuild, "all"));
  }

  #log(task: string): TaskLog {
    const tell = (level: "info" | "warn") => (message: string) =>
      this.#onEvent({ kind: "log", task, level, message });
    return { info: tell("info"), warn: tell("warn") };
  }

  #driver(connector: string): Promise<MaterializationDriver> {
    return materializationDriver(connector, this.#config.settings.baseDir);
  }

  #doChores(): void {
    const { signal } = this.#ending;
    const chores = [this.#endRebuild(signal), dropAbandoned(this.head, this.#dropParts), this.#sweep(signal)];
    this.#chores = chores.map((chore) =>
      chore.catch((error: unknown) => {
        if (signal.aborted) return;
        this.#onEvent({ kind: "fatal", message: error instanceof Error ? error.message : String(error) });
      }),
    );
  }

  async #endRebuild(signal: AbortSignal): Promise<void> {
    const rebuild = this.#rebuild;
    if (!rebuild || (await rebuild.run(signal)) === "aborted") return;
    this.#rebuild = undefined;
    for (const name of namesOf(rebuild.rebuild)) {
      this.#log(name).info(`has been made again, and serves; weir drop ${name} deletes what it replaces.`);
    }
  }

  get #dropParts(): DropParts {
    const tell = (task: string, message: string) => this.#log(task).info(message);
    return { environment: this.#environment, baseDir: this.#config.settings.baseDir, tell };
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // What the store refuses now is tried again: nothing waits for it.
      await sweepGarbage(this.head, this.store).catch(() => {});
      await sleep(SWEEP_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #endArchive(): Promise<void> {
    const exited = new Promise((resolve) => this.#archive.once("exit", resolve));
    this.#archive.postMessage("stop" satisfies ArchiveCommand);
    const deadline = setTimeout(() => void this.#archive.terminate(), ARCHIVE_STOP_MS);
    await exited;
    clearTimeout(deadline);
  }

  get head(): OpenHead["head"] {
    return this.#head.head;
  }

  get plan(): Plan {
    return this.#build.plan;
  }

  get store(): ObjectStore {
    return this.#store;
  }

  async status(): Promise<StatusReport> {
    // In this order: see `statusOf`.
    const snapshots = this.#supervisor.monitors.map((monitor) => monitor.snapshot());
    const journals = await this.head.journals();
    const now = Date.now();
    const { collections, restorableTo } = await storageOf(this.head);
    return {
      planHash: this.#build.planHash,
      pid: process.pid,
      tasks: snapshots.map((snapshot) => statusOf(snapshot, journals, now)),
      collections,
      deadLetters: await deadLetterCounts(this.head),
      rebuild: this.#rebuildStatus,
      store: { location: this.#store.description, lastError: this.#storeError, restorableTo },
    };
  }

  get #rebuildStatus(): RebuildStatus | null {
    if (!this.#rebuild) return null;
    const { rebuild, stuck = null } = this.#rebuild;
    return { names: namesOf(rebuild), stuck };
  }

  /** What a command needs is loaded when it comes. */
  async command(command: ControlCommand): Promise<Json> {
    switch (command.kind) {
      case "reopen":
        await this.#supervisor.reopen(command.task);
        return null;
      case "scale":
        return this.#scale(command.task, command.shards);
      case "backfill": {
        const { backfill } = await import("./backfill/backfill.ts");
        const report = await backfill(this.head, this.#store, this.plan, command.order);
        if (report.request !== null) await this.#supervisor.reopen(command.order.task);
        return { ...report } as unknown as Json; // it is JSON
      }
      case "drop":
        return command.name === null
          ? jsonOf(await keptNames(this.head))
          : jsonOf(await dropByName(this.head, command.name, this.#dropParts));
      case "deadletters":
        return this.#answerDeadLetters(command.request);
      default:
        throw new Error(
          `The running process does not know the command ${JSON.stringify((command satisfies never as ControlCommand).kind)}.`,
        );
    }
  }

  async #answerDeadLetters(request: DeadLetterRequest): Promise<Json> {
    const { answerJson, DeadLetterDesk } = await import("./deadletters/desk.ts");
    // One for all requests: it makes its changes one after the other.
    this.#deadLetters ??= new DeadLetterDesk(this.head, this.#store, this.plan);
    return answerJson(await this.#deadLetters.answer(request));
  }

  async #scale(task: string, asked: number | "auto"): Promise<number> {
    const { plan } = this.#build;
    const shards = await askForShards(this.head, plan, task, asked, availableParallelism());
    protocolPoint("scale.noted.after");
    await this.#supervisor.scale(task, shards, () => this.head.layOutTask(task, shards));
    return shards;
  }

  /**
   * Nothing is left once bounded sources are exhausted and every task has read all there is, or has halted; and what is made
   * again has taken its place, or cannot without a person. Targets are once that is so but for them.
   */
  async left(): Promise<"all" | "targets" | "nothing"> {
    if (this.#rebuild !== undefined && this.#rebuild.stuck === undefined) return "all";
    const snapshots = this.#supervisor.monitors.map((monitor) => monitor.snapshot());
    const journals = await this.head.journals();
    const areSettled = (some: readonly TaskSnapshot[]) =>
      isSettled(some, journals, (task) => this.#bounded.has(task.name));
    if (areSettled(snapshots)) return "nothing";
    return areSettled(snapshots.filter(({ task }) => task.kind !== "materialization")) ? "targets" : "all";
  }

  /** Puts what is committed into the store, also what is not due yet; returns before that is done. */
  archiveAll(): void {
    this.#archive.postMessage("everything" satisfies ArchiveCommand);
  }

  get halted(): readonly string[] {
    const tasks = this.#supervisor.monitors
      .filter(({ state }) => state === "halted")
      .map(({ task }) => task.name);
    return [...tasks, ...(this.#rebuild?.refused ?? [])];
  }

  /** Lets every task finish its transaction, moves what is committed to the store, and closes. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#supervisor.stop();
    await Promise.all(this.#chores);
    await this.#endArchive();
    await this.#control?.close();
    await this.#store.close();
    await this.#head.close();
    this.#lock.release();
  }
}

/** Lays the derivations out in their shards, before any of them is opened. */
async function layOut(head: Head, { shards }: Grouping): Promise<void> {
  for (const [task, count] of shards) await head.layOutTask(task, count);
}

/** A store that does not answer soon holds up no start: the archiver asks again before it puts anything. */
async function refuseIfTold(look: Promise<void>): Promise<void> {
  const settled = look.then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = await Promise.race([settled, sleep(LOOK_AT_STORE_MS, undefined, { ref: false })]);
  if (isTakenOver(error)) throw error;
}
