/**
 * Runs a plan: the head's thread, the archiver's, and one for each task. Everything that can be refused is
 * refused before anything starts: a data directory in use, a missing variable, a plan that changes what stands.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessagePort, Worker } from "node:worker_threads";
import type { RuntimeSettings } from "../connectors/driver.ts";
import { protocolPoint } from "../connectors/protocol-point.ts";
import { withoutEmpty } from "../plan/evolution/without-empty.ts";
import type { ParentHash } from "../plan/parent.ts";
import type { Json, Plan } from "../plan/plan.ts";
import type { ArchiveEvent, ArchiveThreadData } from "./archive/archive-thread.ts";
import { backfill } from "./backfill/backfill.ts";
import { mergeApplied, refuseChanges, renamesSince } from "./changes.ts";
import { captureDriver, materializationDriver } from "./connectors.ts";
import type { ControlCommand } from "./control/command.ts";
import { ControlServer } from "./control/server.ts";
import { type DataDirectoryLock, lockDataDirectory } from "./data-directory-lock.ts";
import { type DeadLetterCount, deadLetterCounts } from "./deadletters/counts.ts";
import { answerJson, DeadLetterDesk } from "./deadletters/desk.ts";
import { deadLettersOf, replaysOf } from "./deadletters/names.ts";
import { type Environment, requireEnvironment, resolveEnvironment } from "./environment.ts";
import { tasksOf } from "./graph.ts";
import type { Head, StoredCut } from "./head/head.ts";
import { type OpenHead, openHead } from "./head/open-head.ts";
import { isInternal } from "./internal-collections.ts";
import { initialJournals } from "./journal/router.ts";
import { APPLIED_PLAN, LAST_PLAN, STORED_CUT } from "./notes.ts";
import { refuseOtherParent } from "./parent.ts";
import { askForShards, renameShards, shardCounts } from "./shards.ts";
import { formatTime } from "./store/fragment-time.ts";
import { type ObjectStore, openStore, type StoreConfig } from "./store/store.ts";
import { HeldClaim, isTakenOver, refuseTakenOver } from "./store-epoch/held-claim.ts";
import { historyOf, ownership } from "./store-epoch/ownership.ts";
import type { ThreadLimits } from "./supervised-thread.ts";
import { Supervisor, type TaskGroup } from "./supervisor.ts";
import type { Task, TaskReport } from "./task/task.ts";
import { isSettled, statusOf, type TaskStatus } from "./task-status.ts";
import { startWorker } from "./threads/entry.ts";

export interface RuntimeConfig {
  /** Absolute. Holds the head, the lock, and by default the store. */
  readonly dataDir: string;
  /** As written in the configuration: strings may be environment references. */
  readonly store: unknown;
  readonly settings: RuntimeSettings;
  readonly fragments: { readonly targetBytes: number; readonly maxAgeSeconds: number };
  readonly limits: ThreadLimits;
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

export interface StatusReport {
  readonly planHash: string;
  readonly pid: number;
  readonly tasks: readonly TaskStatus[];
  readonly collections: readonly CollectionStatus[];
  /** Of the tasks that have some, whether they run or not. */
  readonly deadLetters: readonly DeadLetterCount[];
  readonly store: StoreStatus;
}

export interface CollectionStatus {
  readonly name: string;
  /** Documents ever appended. */
  readonly documents: number;
  /** Documents of these that come after what the store alone can bring back: what a lost disk would lose. */
  readonly notInStore: number;
}

export interface StoreStatus {
  readonly location: string;
  /** Commit time to which `weir restore` would return, ISO 8601; null while there is nothing to return to. */
  readonly restorableTo: string | null;
  readonly lastError: string | null;
}

const ARCHIVE_INTERVAL_MS = 1_000;
/** How long a stop waits for the last documents to reach the store, ms. */
const ARCHIVE_STOP_MS = 20_000;
/** How long a start waits to hear whether the store is still this data directory's, ms. */
const LOOK_AT_STORE_MS = 3_000;

export class Runtime {
  readonly #config: RuntimeConfig;
  readonly #build: RunnableBuild;
  readonly #lock: DataDirectoryLock;
  readonly #head: OpenHead;
  readonly #store: ObjectStore;
  readonly #supervisor: Supervisor;
  readonly #archive: Worker;
  readonly #deadLetters: DeadLetterDesk;
  readonly #onEvent: (event: RuntimeEvent) => void;
  /** Names of the captures whose sources end. */
  readonly #bounded: ReadonlySet<string>;
  #control: ControlServer | undefined;
  #storeError: string | null = null;

  private constructor(parts: {
    config: RuntimeConfig;
    build: RunnableBuild;
    lock: DataDirectoryLock;
    head: OpenHead;
    store: ObjectStore;
    storeConfig: StoreConfig;
    isClaimed: boolean;
    groups: readonly TaskGroup[];
    bounded: ReadonlySet<string>;
    onEvent: (event: RuntimeEvent) => void;
  }) {
    this.#config = parts.config;
    this.#build = parts.build;
    this.#lock = parts.lock;
    this.#head = parts.head;
    this.#store = parts.store;
    this.#onEvent = parts.onEvent;
    this.#bounded = parts.bounded;
    this.#supervisor = new Supervisor(parts.groups, {
      head: parts.head.head,
      connectHead: () => parts.head.connect(),
      store: parts.storeConfig,
      settings: parts.config.settings,
      limits: parts.config.limits,
      onReport: parts.onEvent,
    });
    this.#deadLetters = new DeadLetterDesk(parts.head.head, parts.store, parts.build.plan);
    this.#archive = this.#startArchive(parts.storeConfig, parts.isClaimed);
  }

  /** Resolves once everything has been started. Throws, with nothing left running, if anything is refused. */
  static async start(
    build: RunnableBuild,
    config: RuntimeConfig,
    environment: Environment,
    onEvent: (event: RuntimeEvent) => void,
  ): Promise<Runtime> {
    requireEnvironment(build.plan, config.store, environment);
    const lock = await lockDataDirectory(config.dataDir);
    const undo: (() => unknown)[] = [() => lock.release()];
    try {
      // A failed flush leaves unknown what is on disk: end at once, and let a restart read what is.
      const die = (error: Error) => onEvent({ kind: "fatal", message: `The head failed: ${error.message}` });
      const head = await openHead(join(config.dataDir, "head"), die);
      undo.unshift(() => head.close());
      refuseOtherParent((await head.head.getNote(LAST_PLAN)) as unknown as Plan | undefined, build); // written below
      const noted = (await head.head.getNote(APPLIED_PLAN)) as unknown as Plan | undefined; // written below
      const applied = noted && withoutEmpty(noted, await emptyCollections(head.head));
      refuseChanges(applied, build.plan);
      // The references have been replaced: what is left is the store's own configuration.
      const storeConfig = resolveEnvironment(config.store, environment) as StoreConfig;
      // What is captured is safe in the head: a store that cannot be reached just now holds up nothing but itself.
      const isNew = (await ownership(head.head)).history === undefined;
      const store = await openStore(storeConfig, { probe: isNew });
      undo.unshift(() => store.close());
      if (isNew) await HeldClaim.take(head.head, store);
      else await refuseIfTold(refuseTakenOver(head.head, store));
      const history = await historyOf(head.head);
      // Done before the note says so: after a crash in between it is found done.
      const renames = renamesSince(applied, build.plan).collections;
      for (const [from, to] of renames) {
        await head.head.renameCollection(from, to);
        for (const named of [deadLettersOf, replaysOf])
          await head.head.renameCollection(named(from), named(to));
      }
      await renameShards(head.head, renames);
      await head.head.ensureJournals(
        Object.entries(build.plan.collections).flatMap(([name, plan]) => initialJournals(name, plan)),
      );
      protocolPoint("start.journals.after");
      await head.head.setNote(APPLIED_PLAN, jsonOf(mergeApplied(applied, build.plan)));
      await head.head.setNote(LAST_PLAN, jsonOf(build.plan));
      protocolPoint("start.plan.after");
      const shards = await shardCounts(head.head, build.plan, availableParallelism());
      for (const [task, count] of shards) await head.head.layOutTask(task, count);
      const { plan, planHash, directory: buildDir } = build;
      const tasks = tasksOf({ plan, planHash, buildDir, history, environment });
      const groups = await threadGroups(tasks, shards, config.settings.baseDir);
      const bounded = await boundedCaptures(tasks, config.settings.baseDir);
      const parts = { config, build, lock, head, store, storeConfig, groups, bounded, onEvent };
      const isClaimed = isNew;
      const runtime = new Runtime({ ...parts, isClaimed });
      runtime.#control = await ControlServer.listen(runtime, config.dataDir);
      lock.announce({ pid: process.pid });
      runtime.#supervisor.start();
      return runtime;
    } catch (error) {
      for (const step of undo) await step();
      throw error;
    }
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
      store: { location: this.#store.description, lastError: this.#storeError, restorableTo },
    };
  }

  async command(command: ControlCommand): Promise<Json> {
    switch (command.kind) {
      case "reopen":
        await this.#supervisor.reopen(command.task);
        return null;
      case "scale":
        return this.#scale(command.task, command.shards);
      case "backfill": {
        const report = await backfill(this.head, this.#store, this.plan, command.order);
        if (report.request !== null) await this.#supervisor.reopen(command.order.task);
        return { ...report } as unknown as Json; // it is JSON
      }
      case "deadletters":
        return answerJson(await this.#deadLetters.answer(command.request));
      default:
        throw new Error(
          `The running process does not know the command ${JSON.stringify((command satisfies never as ControlCommand).kind)}.`,
        );
    }
  }

  async #scale(task: string, asked: number | "auto"): Promise<number> {
    const { plan } = this.#build;
    const shards = await askForShards(this.head, plan, task, asked, availableParallelism());
    protocolPoint("scale.noted.after");
    await this.#supervisor.scale(task, shards, () => this.head.layOutTask(task, shards));
    return shards;
  }

  /** True once bounded sources are exhausted and every task has read all there is, or has halted. */
  async isSettled(): Promise<boolean> {
    const snapshots = this.#supervisor.monitors.map((monitor) => monitor.snapshot());
    return isSettled(snapshots, await this.head.journals(), (task) => this.#bounded.has(task.name));
  }

  get halted(): readonly string[] {
    return this.#supervisor.monitors.filter(({ state }) => state === "halted").map(({ task }) => task.name);
  }

  /** Lets every task finish its transaction, moves what is committed to the store, and closes. */
  async stop(): Promise<void> {
    await this.#supervisor.stop();
    const exited = new Promise((resolve) => this.#archive.once("exit", resolve));
    this.#archive.postMessage("stop");
    const deadline = setTimeout(() => void this.#archive.terminate(), ARCHIVE_STOP_MS);
    await exited;
    clearTimeout(deadline);
    await this.#control?.close();
    await this.#store.close();
    await this.#head.close();
    this.#lock.release();
  }
}

/** Whether a collection has never had a document. */
async function emptyCollections(head: OpenHead["head"]): Promise<(collection: string) => boolean> {
  const journals = await head.journals();
  return (name) => !journals.some(({ collection, next }) => collection === name && next > 0);
}

/** What the head says of collections, and of what the store has of them. */
export async function storageOf(
  head: Head,
): Promise<{ collections: CollectionStatus[]; restorableTo: string | null }> {
  const cut = (await head.getNote(STORED_CUT)) as unknown as StoredCut | undefined; // written by the head
  const { journals } = await head.survey();
  const own = journals.filter(({ collection }) => !isInternal(collection));
  const names = [...new Set(own.map(({ collection }) => collection))].sort();
  const collections = names.map((name) => {
    const parts = own.filter(({ collection }) => collection === name);
    return {
      name,
      documents: parts.reduce((sum, { next }) => sum + next, 0),
      notInStore: parts.reduce((sum, { next, restorable }) => sum + next - restorable, 0),
    };
  });
  return { collections, restorableTo: cut ? formatTime(cut.clock) : null };
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

/** Captures of a connector that shares a thread together, every other task by itself. */
async function threadGroups(
  tasks: readonly Task[],
  shards: ReadonlyMap<string, number>,
  baseDir: string,
): Promise<TaskGroup[]> {
  const groups: TaskGroup[] = [];
  const shared = new Map<string, Task[]>();
  for (const task of tasks) {
    if (task.kind === "materialization") await materializationDriver(task.plan.connector, baseDir);
    const { connector } = task.kind === "capture" ? task.plan : { connector: undefined };
    if (connector === undefined || (await captureDriver(connector, baseDir)).thread === "own") {
      groups.push({ tasks: [task], shards: shards.get(task.name) ?? 1 });
      continue;
    }
    const group = shared.get(connector);
    if (group) group.push(task);
    else {
      const created = [task];
      shared.set(connector, created);
      groups.push({ tasks: created, shards: 1 });
    }
  }
  return groups;
}

async function boundedCaptures(tasks: readonly Task[], baseDir: string): Promise<ReadonlySet<string>> {
  const bounded = new Set<string>();
  for (const task of tasks) {
    if (task.kind !== "capture") continue;
    const driver = await captureDriver(task.plan.connector, baseDir);
    if (driver.bounded(task.config)) bounded.add(task.name);
  }
  return bounded;
}

function jsonOf(plan: Plan): Json {
  return JSON.parse(JSON.stringify(plan)) as Json; // a plan is JSON
}
