/**
 * The threads that run tasks. Those that a plan will surely need are started before it is known what exactly they run: Node's own start
 * and a driver's libraries take longer than to open the head, beside which they are loaded.
 */
import type { Worker } from "node:worker_threads";
import type { RuntimeSettings } from "../connectors/driver.ts";
import type { StoreConfig } from "./store/store.ts";
import type { PlannedTask, TaskThreadNeeds } from "./task/task.ts";
import { startWorker } from "./threads/entry.ts";

export interface TaskThreadParts {
  readonly settings: RuntimeSettings;
  readonly store: StoreConfig;
  /** As in `ThreadLimits`. */
  readonly threadMemoryMb: number;
}

/** Tasks that share a thread: at least one. */
type Group = readonly PlannedTask[];

export class TaskThreads {
  readonly #parts: TaskThreadParts;
  /** That wait to be told what to run, by the name of their tasks. */
  readonly #waiting = new Map<string, Worker>();

  constructor(parts: TaskThreadParts) {
    this.#parts = parts;
  }

  /** Starts a thread for each group, which `take` will give. */
  prepare(groups: readonly Group[]): void {
    for (const group of groups) {
      const worker = this.#start(group);
      const name = nameOf(group);
      this.#waiting.set(name, worker);
      // One that ends of itself is nobody's: whoever needs it starts another, and hears from that what is wrong.
      const leave = () => {
        if (this.#waiting.get(name) === worker) this.#waiting.delete(name);
      };
      worker.once("error", leave).once("exit", leave);
    }
  }

  /** A thread that is to be told what to run. */
  take(group: Group): Worker {
    const name = nameOf(group);
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    return waiting ?? this.#start(group);
  }

  /** Ends those that nobody has taken. */
  async endWaiting(): Promise<void> {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    await Promise.all(waiting.map((worker) => worker.terminate()));
  }

  #start(group: Group): Worker {
    const { settings, store, threadMemoryMb } = this.#parts;
    return startWorker(import.meta.url, "./task/task-thread", {
      workerData: { ...needsOf(group), settings, store } satisfies TaskThreadNeeds,
      resourceLimits: { maxOldGenerationSizeMb: threadMemoryMb },
      name: nameOf(group),
    });
  }
}

function nameOf(group: Group): string {
  return group.map(({ name }) => name).join(", ");
}

function needsOf([first]: Group): Pick<TaskThreadNeeds, "kind" | "connector"> {
  if (!first) throw new Error("A task thread was asked for without a task.");
  const connector = first.kind === "derivation" ? undefined : first.plan.connector;
  return { kind: first.kind, connector };
}
