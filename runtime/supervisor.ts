/**
 * Keeps the tasks' threads running: a failing one is opened again after a growing pause while the others go on,
 * a halted one stays down, and a stop lets each finish the transaction it is in. A task may have several threads, each
 * with a shard of it: they fail and halt one by one.
 */
import { SupervisedThread, type ThreadParts } from "./supervised-thread.ts";
import type { Task, TaskReport } from "./task/task.ts";
import { TaskMonitor } from "./task-status.ts";
import { LOOK_MS } from "./watchdog.ts";

export interface SupervisorParts extends ThreadParts {
  readonly onReport: (report: TaskReport) => void;
}

/** Tasks that share their threads: captures one, any other task has its own, one for each shard. */
export interface TaskGroup {
  readonly tasks: readonly Task[];
  readonly shards: number;
}

export class Supervisor {
  readonly #parts: SupervisorParts;
  #groups: readonly SupervisedGroup[];
  #looking: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isStopped = false;

  constructor(groups: readonly TaskGroup[], parts: SupervisorParts) {
    this.#parts = parts;
    this.#groups = groups.map((group) => new SupervisedGroup(group, parts));
  }

  get monitors(): readonly TaskMonitor[] {
    return this.#groups.flatMap(({ monitors }) => monitors);
  }

  start(): void {
    this.#isStarted = true;
    for (const group of this.#groups) group.start();
    this.#looking = setInterval(() => {
      for (const group of this.#groups) group.look();
    }, LOOK_MS);
  }

  /** Lets a task finish its transaction and opens it again, one that has halted too. */
  reopen(task: string): Promise<void> {
    return this.#groupOf(task).reopen();
  }

  /** Lets a task finish its transactions and opens it in so many shards. `layOut` is called while none of it runs. */
  scale(task: string, shards: number, layOut: () => Promise<void>): Promise<void> {
    return this.#groupOf(task).scale(shards, layOut);
  }

  /** Runs just these: those that it has already go on, the others end, and `between` that and the start of the rest is called. */
  async reconcile(
    groups: readonly TaskGroup[],
    between: () => Promise<void> = async () => {},
  ): Promise<void> {
    const wanted = new Map(groups.map((group) => [keyOf(group), group]));
    const [staying, leaving] = [
      this.#groups.filter(({ key }) => wanted.has(key)),
      this.#groups.filter(({ key }) => !wanted.has(key)),
    ];
    await Promise.all(leaving.map((group) => group.stop()));
    this.#groups = staying;
    await between();
    if (this.#isStopped) return;
    const there = new Set(staying.map(({ key }) => key));
    const coming = [...wanted].flatMap(([key, group]) =>
      there.has(key) ? [] : [new SupervisedGroup(group, this.#parts)],
    );
    this.#groups = [...staying, ...coming];
    if (this.#isStarted) for (const group of coming) group.start();
  }

  #groupOf(task: string): SupervisedGroup {
    const group = this.#groups.find(({ names }) => names.includes(task));
    if (group) return group;
    const names = this.#groups.flatMap((each) => each.names).join(", ");
    throw new Error(`Nothing that runs is called "${task}". There are: ${names}.`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#looking);
    await Promise.all(this.#groups.map((group) => group.stop()));
    for (const monitor of this.monitors) monitor.stopped();
  }
}

/** Tells groups apart by all that their tasks are given. How many shards a person has asked for since is not in it. */
function keyOf(group: TaskGroup): string {
  return JSON.stringify(group);
}

class SupervisedGroup {
  readonly key: string;
  readonly #tasks: readonly Task[];
  readonly #parts: SupervisorParts;
  readonly monitors: readonly TaskMonitor[];
  #threads: readonly SupervisedThread[];
  /** Changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(group: TaskGroup, parts: SupervisorParts) {
    const { tasks, shards } = group;
    this.key = keyOf(group);
    this.#tasks = tasks;
    this.#parts = parts;
    this.monitors = tasks.map((task) => new TaskMonitor(task, shards));
    this.#threads = this.#threadsOf(shards);
  }

  get names(): readonly string[] {
    return this.#tasks.map(({ name }) => name);
  }

  #threadsOf(shards: number): readonly SupervisedThread[] {
    return Array.from({ length: shards }, (_, index) => {
      const shard = shards === 1 ? undefined : { index, of: shards };
      return new SupervisedThread(this.#tasks, shard, this.#parts, (report) => {
        this.monitors.find(({ task }) => task.name === report.task)?.accept(report, index);
        this.#parts.onReport(report);
      });
    });
  }

  start(): void {
    for (const thread of this.#threads) thread.start();
  }

  look(): void {
    for (const thread of this.#threads) thread.look();
  }

  reopen(): Promise<void> {
    return this.#change(async () => {
      await this.#stopThreads();
      // After the last report of what ran, and before the first of what comes.
      for (const monitor of this.monitors) monitor.reopening();
      for (const thread of this.#threads) thread.startAnew();
    });
  }

  scale(shards: number, layOut: () => Promise<void>): Promise<void> {
    return this.#change(async () => {
      await this.#stopThreads();
      try {
        await layOut();
      } catch (error) {
        // The layout is the one before, and so are the threads.
        for (const thread of this.#threads) thread.startAnew();
        throw error;
      }
      for (const monitor of this.monitors) monitor.layOut(shards);
      this.#threads = this.#threadsOf(shards);
      this.start();
    });
  }

  stop(): Promise<void> {
    const stopped = this.#change(() => this.#stopThreads());
    this.#isStopped = true;
    return stopped;
  }

  #change(change: () => Promise<void>): Promise<void> {
    if (this.#isStopped) return this.#changing;
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {}); // whose call it was is told
    return changed;
  }

  async #stopThreads(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}
