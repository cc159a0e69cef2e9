/** What the main thread and a task's thread say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { RuntimeSettings } from "../../connectors/driver.ts";
import type {
  CapturePlan,
  CollectionPlan,
  DerivationPlan,
  JsonObject,
  MaterializationPlan,
} from "../../plan/plan.ts";
import type { Position } from "../head/head.ts";
import type { Shard } from "../head/task-layout.ts";
import type { StoreConfig } from "../store/store.ts";
import type { RestorePoint } from "../store-epoch/ownership.ts";

export interface CaptureTask {
  readonly kind: "capture";
  /** The collection's name. */
  readonly name: string;
  readonly plan: CapturePlan;
  readonly config: JsonObject;
  readonly collection: CollectionPlan;
  /** Present where it takes in nothing for now: its collection is about to be replaced. */
  readonly isPaused?: true;
  /** Of the plan that it is of. */
  readonly planHash: string;
}

export interface DerivationTask {
  readonly kind: "derivation";
  /** The derived collection's name. */
  readonly name: string;
  readonly plan: DerivationPlan;
  readonly collection: CollectionPlan;
  /** The collections of `plan.sources`, in their order. */
  readonly sources: readonly CollectionPlan[];
  /** Of the store's history that is current. */
  readonly epoch: number;
  /** Absolute path of the directory that holds the functions' bundles. */
  readonly bundleDir: string;
  /** The part of it that one thread runs; undefined for all of it. */
  readonly shard?: Shard;
  /** Of the plan that it is of. */
  readonly planHash: string;
}

export interface MaterializationTask {
  readonly kind: "materialization";
  readonly name: string;
  /** Of a target that is filled beside another: the name under which it will serve. What a user asked of that one it has had. */
  readonly serves?: string | undefined;
  readonly plan: MaterializationPlan;
  readonly config: JsonObject;
  readonly collection: CollectionPlan;
  readonly epoch: number;
  /** What the history has been through: a target may stand past one of them. */
  readonly restores?: readonly RestorePoint[];
}

export type Task = CaptureTask | DerivationTask | MaterializationTask;

/** What a plan alone says of a task. */
export type PlannedTask =
  | Pick<CaptureTask, "kind" | "name" | "plan" | "isPaused">
  | Pick<DerivationTask, "kind" | "name" | "plan">
  | Pick<MaterializationTask, "kind" | "name" | "plan">;

/** What a thread is started with: it loads what tasks of that kind need, and waits for its first command. */
export interface TaskThreadNeeds {
  readonly kind: Task["kind"];
  /** Undefined for a derivation. */
  readonly connector: string | undefined;
  readonly settings: RuntimeSettings;
  readonly store: StoreConfig;
}

export interface TaskThreadData {
  /** Several only where captures of one connector share a thread. */
  readonly tasks: readonly Task[];
  readonly head: MessagePort;
  /** Of a `WorkCell`. */
  readonly work: SharedArrayBuffer;
}

/** `run` comes first, and once. */
export type TaskCommand = { readonly kind: "run"; readonly data: TaskThreadData } | { readonly kind: "stop" };

export type TaskReport =
  /** The task has opened its ends and works. */
  | { readonly kind: "opened"; readonly task: string }
  /** `positions` are committed; `documents` were read (or captured) since the last report. */
  | {
      readonly kind: "progress";
      readonly task: string;
      /** One for each source that the task reads; undefined for a capture, whose cursor is its driver's own. */
      readonly positions: readonly Position[] | undefined;
      readonly documents: number;
      /** Commit time of the newest document read, µs since 1970 UTC; 0 if none. */
      readonly at: number;
    }
  /** A bounded capture has committed all of its source. */
  | { readonly kind: "exhausted"; readonly task: string }
  /** It cannot go on without a person. */
  | { readonly kind: "halted"; readonly task: string; readonly message: string }
  /** It failed in a way that may pass: to be opened again after a while. */
  | { readonly kind: "failed"; readonly task: string; readonly message: string }
  | {
      readonly kind: "log";
      readonly task: string;
      readonly level: "info" | "warn";
      readonly message: string;
    };

export type Report = (report: TaskReport) => void;
