import { HaltError } from "../../connectors/driver.ts";
import { protocolPoint } from "../../connectors/protocol-point.ts";
import type { DerivationSource, Json, JsonObject } from "../../plan/plan.ts";
import { replaysOf } from "../deadletters/names.ts";
import type { Head, Position } from "../head/head.ts";
import { entryName, type Shard } from "../head/task-layout.ts";
import {
  MERGE_LIMITS,
  type MergedChunk,
  MergedReader,
  type MergedSource,
  type MergeLimits,
} from "../journal/merged-reader.ts";
import { JournalRouter } from "../journal/router.ts";
import type { ObjectStore } from "../store/store.ts";
import { loadFunctions } from "./derivation/functions.ts";
import { type DerivationLimits, fullnessOf, limitsOf } from "./derivation/transaction-limits.ts";
import { Transformation } from "./derivation/transformation.ts";
import { installDeterminismGuard } from "./determinism-guard.ts";
import type { DerivationTask, Report } from "./task.ts";
import { WorkCell } from "./work-cell.ts";

/**
 * Reads the sources from the checkpoint on, transforms, and commits outputs, state and checkpoint as one head
 * transaction. The next documents are read and transformed while that one is being flushed.
 */
export async function runDerivation(
  task: DerivationTask,
  head: Head,
  store: ObjectStore,
  signal: AbortSignal,
  report: Report,
  limits: DerivationLimits = limitsOf(task),
  cell: WorkCell = new WorkCell(),
): Promise<void> {
  const functions = await loadFunctions(task);
  const guard = installDeterminismGuard();
  try {
    const entry = entryName(task.name, task.shard);
    const { fence, checkpoint } = await head.openTask(entry);
    protocolPoint("derivation.open.after");
    const transformation = new Transformation(task, functions, head, guard, limits.cache, cell, report);
    const { sources } = task.plan;
    const start = positionsIn(checkpoint, sources);
    const left = positionsLeft(checkpoint, sources);
    const round = roundIn(checkpoint);
    const views = [...sources.map((source) => mergedSource(source, task.shard)), replaySource(task)];
    const reader = await MergedReader.open(head, store, views, start, task.epoch, mergeLimitsOf(task), round);
    const router = await JournalRouter.open(head, task.name, task.collection);
    report({ kind: "opened", task: task.name });
    report({ kind: "progress", task: task.name, positions: reader.positions, documents: 0, at: 0 });
    const fullness = fullnessOf(task, limits);
    const failed = new AbortController();
    const ended = AbortSignal.any([signal, failed.signal]);
    let committing: Promise<void> = Promise.resolve();
    for (;;) {
      let chunk: MergedChunk | undefined = await reader.next(ended);
      if (!chunk) break;
      const taken = new Taken();
      // A chunk that was read is transformed, whatever the signal says by now: `positions` counts only what went through.
      while (chunk) {
        await transformation.add(chunk);
        taken.add(chunk);
        if (ended.aborted || fullness.isReached(taken, transformation)) break;
        chunk = await reader.poll();
      }
      fullness.next(chunk !== undefined);
      const { outputs, letters, state } = transformation.drain();
      const routed = outputs ? await router.route(outputs.documents, outputs.lines) : [];
      const appends = [...routed, ...letters];
      const { positions, documents, at } = taken;
      const checkpoint = { ...left, ...checkpointOf(sources, taken) };
      await committing;
      protocolPoint("derivation.commit.before");
      committing = head.commit({ task: entry, fence, appends, state, checkpoint }).then(() => {
        protocolPoint("derivation.commit.after");
        transformation.committed();
        report({ kind: "progress", task: task.name, positions, documents, at });
      });
      // Awaited before the next commit; until then a failure ends the wait for documents.
      committing.catch(() => failed.abort());
    }
    await committing;
  } finally {
    guard.uninstall();
  }
}

function mergeLimitsOf({ shard }: DerivationTask): MergeLimits {
  return { ...MERGE_LIMITS, memoryBytes: Math.ceil(MERGE_LIMITS.memoryBytes / (shard?.of ?? 1)) };
}

/** What one transaction has read. */
class Taken {
  positions: readonly Position[] = [];
  /** Of the round that the last of it is of, µs since 1970 UTC. */
  clock = 0;
  documents = 0;
  bytes = 0;
  /** Commit time of the newest document, µs since 1970 UTC; 0 if none. */
  at = 0;
  /** When it began, ms of a clock that is never set. */
  readonly since = performance.now();

  add({ runs, positions, clock, bytes }: MergedChunk): void {
    for (const { run } of runs) {
      this.documents += run.count;
      this.at = Math.max(this.at, run.at);
    }
    this.positions = positions;
    this.clock = clock;
    this.bytes += bytes;
  }
}

/**
 * Of each source; undefined for one that the checkpoint does not know, which is read from its beginning. A checkpoint that
 * knows none of them was written otherwise: beginning anew would give everything a second time.
 */
function positionsIn(
  checkpoint: Json | undefined,
  sources: readonly DerivationSource[],
): readonly (Position | undefined)[] {
  if (typeof checkpoint !== "object" || checkpoint === null) return sources.map(() => undefined);
  // Checkpoints of derivations are written by `checkpointOf` alone.
  const positions = checkpoint as Readonly<Record<string, Position>>;
  const start = sources.map(({ name = "" }) => positions[name]);
  if (start.every((position) => position === undefined)) {
    throw new HaltError(
      "The checkpoint found in the data directory knows none of this derivation's sources: another version of Weir wrote it. Give the derived collection a new name, or use a new data directory.",
    );
  }
  return [...start, positions[REPLAYS]];
}

/** Of sources that the flow has no more: what it derived from them stays, so one that comes back goes on from there. */
function positionsLeft(checkpoint: Json | undefined, sources: readonly DerivationSource[]): JsonObject {
  const names = new Set(sources.map(({ name = "" }) => name));
  return Object.fromEntries(
    Object.entries(Object(checkpoint)).filter(([name]) => !name.startsWith("@") && !names.has(name)),
  ) as JsonObject; // members of JSON
}

/** Beside the sources' names in a checkpoint, which begin with a letter or an underscore. */
const ROUND = "@round";
/** The position in what is replayed, once there was something. */
const REPLAYS = "@replays";

/** With unequal priorities a restart must end the round that was under way before it looks for newer documents. */
function checkpointOf(sources: readonly DerivationSource[], { positions, clock }: Taken): JsonObject {
  const ordered = new Set(sources.map(({ priority = 0 }) => priority)).size > 1 ? { [ROUND]: clock } : {};
  const replays = positions[sources.length] ?? {};
  return {
    ...Object.fromEntries(sources.map(({ name = "" }, i) => [name, positions[i]])),
    ...(Object.keys(replays).length === 0 ? {} : { [REPLAYS]: replays }),
    ...ordered,
  };
}

function roundIn(checkpoint: Json | undefined): number {
  const round = Object(checkpoint)[ROUND] as unknown;
  return typeof round === "number" ? round : 0;
}

/** What `weir deadletters replay` hands to the task: one source more, as urgent as the least urgent of the plan's. */
function replaySource({ name, plan, shard }: DerivationTask): MergedSource {
  return {
    collection: replaysOf(name),
    shard,
    fromTime: 0,
    untilTime: Number.POSITIVE_INFINITY,
    priority: Math.min(...plan.sources.map(({ priority = 0 }) => priority)),
    readDelayMs: 0,
  };
}

function mergedSource(source: DerivationSource, shard: Shard | undefined): MergedSource {
  const { collection, where, from, until, priority = 0, readDelayMs = 0 } = source;
  return {
    collection,
    where,
    shard,
    fromTime: from === undefined ? 0 : Date.parse(from) * 1000,
    untilTime: until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until) * 1000,
    priority,
    readDelayMs,
  };
}
