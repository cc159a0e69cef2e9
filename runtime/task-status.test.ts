import { describe, expect, it } from "vitest";
import type { JournalState, Position } from "./head/head.ts";
import type { CaptureTask, DerivationTask, MaterializationTask } from "./task/task.ts";
import { isSettled, statusOf, TaskMonitor, type TaskSnapshot } from "./task-status.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const collection = { schema: {}, key: ["id"], reduce: {} };
const capture: CaptureTask = {
  kind: "capture",
  name: "a",
  plan: { connector: "files", config: {}, guarantee },
  config: {},
  collection,
  planHash: "",
};
const target: MaterializationTask = {
  kind: "materialization",
  name: "postgres:t",
  plan: { collection: "a", connector: "postgres", config: {}, guarantee },
  config: {},
  collection,
  epoch: 1,
};
const journal = (id: string, collection: string, next: number, logical = ""): JournalState => ({
  id,
  collection,
  home: collection,
  logical,
  partition: 0,
  next,
  archived: 0,
  stored: 0,
  headBytes: 0,
  lastAt: 0,
});
const end = (next: number): JournalState[] => [journal("a#1", "a", next), journal("b#1", "b", 1_000)];

describe("isSettled", () => {
  type Settling = Pick<TaskSnapshot, "task" | "shards" | "positions">;
  const exhausted: Settling = { task: capture, shards: ["exhausted"], positions: undefined };
  const at = (offset: number, state: TaskSnapshot["state"] = "running"): Settling => ({
    task: target,
    shards: [state],
    positions: [{ "a#1": [1, offset] }],
  });
  const bounded = () => true;

  it.each([
    [[exhausted, at(5)], 5, true],
    [[exhausted, at(4)], 5, false],
    [[exhausted, at(0, "retrying")], 0, false],
    [[exhausted, at(4, "halted")], 5, true],
    [[{ ...exhausted, shards: ["running" as const] }, at(5)], 5, false],
    [[{ ...exhausted, shards: ["halted" as const] }, at(5)], 5, true],
  ])("%#", (snapshots, next, expected) => {
    expect(isSettled(snapshots, end(next), bounded)).toBe(expected);
  });

  it("does not wait for a source without an end", () => {
    expect(isSettled([{ ...exhausted, shards: ["running"] }, at(5)], end(5), () => false)).toBe(true);
  });
});

describe("TaskMonitor", () => {
  it("tells what is behind, how far the back-fill is, and when it has caught up", () => {
    const monitor = new TaskMonitor(target);
    expect(statusOf(monitor.snapshot(), end(10), 0).state).toBe("starting");
    monitor.accept({ kind: "opened", task: target.name });
    monitor.accept({
      kind: "progress",
      task: target.name,
      positions: [{ "a#1": [1, 4] }],
      documents: 4,
      at: 1e6,
    });
    expect(statusOf(monitor.snapshot(), end(10), 3_000)).toMatchObject({
      state: "running",
      position: 4,
      documents: 4,
      documentsBehind: 6,
      secondsBehind: 2,
      backfill: { percent: 40 },
    });
    monitor.accept({
      kind: "progress",
      task: target.name,
      positions: [{ "a#1": [1, 10] }],
      documents: 6,
      at: 2e6,
    });
    expect(statusOf(monitor.snapshot(), end(10), 0)).toMatchObject({
      state: "caught-up",
      documentsBehind: 0,
      backfill: null,
    });
  });

  it("adds up the journals of all sources that are read, and no others", () => {
    const view = { transform: { bundle: "" } };
    const derivation: DerivationTask = {
      kind: "derivation",
      name: "d",
      plan: {
        params: {},
        sources: [
          { ...view, collection: "a", where: { country: ["NL"] } },
          { ...view, collection: "b" },
          { ...view, collection: "a" },
        ],
      },
      collection,
      sources: [collection, collection, collection],
      epoch: 1,
      planHash: "",
      bundleDir: "",
    };
    const journals = [
      journal("a#1", "a", 10, "country=NL"),
      journal("a#2", "a", 20, "country=DE"),
      journal("b#1", "b", 40),
      journal("c#1", "c", 80),
    ];
    const monitor = new TaskMonitor(derivation);
    monitor.accept({ kind: "opened", task: "d" });
    const progress = (...positions: readonly Position[]) =>
      monitor.accept({ kind: "progress", task: "d", positions, documents: 1, at: 1 });
    progress({ "a#1": [1, 10], "a#2": [1, 5] }, { "b#1": [1, 30] }, { "a#2": [1, 20] });
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({
      state: "running",
      position: 60,
      documentsBehind: 20,
      backfill: { percent: 75 },
    });
    progress({ "a#1": [1, 10] }, { "b#1": [1, 40] }, { "a#1": [1, 10], "a#2": [1, 20] });
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({ state: "caught-up", position: 80 });
    expect(isSettled([monitor.snapshot()], journals, () => true)).toBe(true);
    const later = [...journals, journal("a#3", "a", 1, "country=FR")];
    expect(isSettled([monitor.snapshot()], later, () => true)).toBe(false);
  });

  it("shows the last error until work goes on", () => {
    const monitor = new TaskMonitor(target);
    monitor.accept({ kind: "failed", task: target.name, message: "refused" });
    expect(statusOf(monitor.snapshot(), end(10), 0)).toMatchObject({
      state: "retrying",
      lastError: "refused",
      restarts: 1,
    });
    monitor.accept({ kind: "opened", task: target.name });
    monitor.accept({
      kind: "progress",
      task: target.name,
      positions: [{ "a#1": [1, 1] }],
      documents: 1,
      at: 1,
    });
    expect(statusOf(monitor.snapshot(), end(10), 0)).toMatchObject({ state: "running", lastError: null });
  });

  it("does not look finished while documents are between two tasks", () => {
    // The ends were read before the positions once: the target stood at an end that had moved since.
    const monitor = new TaskMonitor(target);
    monitor.accept({ kind: "opened", task: target.name });
    monitor.accept({
      kind: "progress",
      task: target.name,
      positions: [{ "a#1": [1, 5] }],
      documents: 5,
      at: 1,
    });
    const before = monitor.snapshot();
    monitor.accept({
      kind: "progress",
      task: target.name,
      positions: [{ "a#1": [1, 7] }],
      documents: 2,
      at: 1,
    });
    expect(statusOf(before, end(7), 0)).toMatchObject({ state: "running", documentsBehind: 2 });
  });
});

describe("a task in shards", () => {
  const derivation: DerivationTask = {
    kind: "derivation",
    name: "d",
    plan: { params: {}, sources: [{ collection: "a", transform: { bundle: "" } }] },
    collection,
    sources: [collection],
    epoch: 1,
    bundleDir: "",
    planHash: "",
  };
  const journals = [0, 1, 2].map((partition) => ({ ...journal(`a#${partition}`, "a", 10), partition }));
  const progress = (position: Position) =>
    ({ kind: "progress", task: "d", positions: [position], documents: 1, at: 1 }) as const;
  const opened = { kind: "opened", task: "d" } as const;

  it("stands at the sum of its shards' positions, and is as badly off as the worst of them", () => {
    const monitor = new TaskMonitor(derivation, 2);
    monitor.accept(opened, 0);
    monitor.accept(progress({ "a#0": [1, 10], "a#2": [1, 10] }), 0);
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({
      state: "starting",
      position: 20,
      shards: { running: 1, of: 2 },
    });
    monitor.accept(opened, 1);
    monitor.accept(progress({ "a#1": [1, 10] }), 1);
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({ state: "caught-up", position: 30 });
    monitor.accept({ kind: "failed", task: "d", message: "shard 1 of 2: refused" }, 0);
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({
      state: "retrying",
      lastError: "shard 1 of 2: refused",
      shards: { running: 1, of: 2 },
    });
    monitor.accept({ kind: "halted", task: "d", message: "shard 2 of 2: poison" }, 1);
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({
      state: "halted",
      lastError: "shard 2 of 2: poison",
      shards: { running: 0, of: 2 },
    });
  });

  it("is settled once those that have not halted stand at the ends of their partitions", () => {
    const monitor = new TaskMonitor(derivation, 2);
    const settled = () => isSettled([monitor.snapshot()], journals, () => true);
    monitor.accept({ kind: "halted", task: "d", message: "poison" }, 1);
    expect(settled()).toBe(false);
    monitor.accept(opened, 0);
    monitor.accept(progress({ "a#0": [1, 10], "a#2": [1, 9] }), 0);
    expect(settled()).toBe(false);
    monitor.accept(progress({ "a#0": [1, 10], "a#2": [1, 10] }), 0);
    expect(settled()).toBe(true);
  });

  it("keeps its position over a change of shards, and takes a lower one from a whole task that begins anew", () => {
    const monitor = new TaskMonitor(derivation, 1);
    monitor.accept(opened);
    monitor.accept(progress({ "a#0": [1, 4], "a#1": [1, 5], "a#2": [1, 6] }));
    monitor.layOut(2);
    expect(statusOf(monitor.snapshot(), journals, 0)).toMatchObject({ state: "starting", position: 15 });
    monitor.accept(progress({ "a#0": [1, 5], "a#2": [1, 6] }), 0);
    expect(statusOf(monitor.snapshot(), journals, 0).position).toBe(16);
    monitor.accept(progress({ "a#1": [1, 7] }), 1);
    expect(statusOf(monitor.snapshot(), journals, 0).position).toBe(18);
    monitor.layOut(1);
    monitor.accept(progress({}));
    expect(statusOf(monitor.snapshot(), journals, 0).position).toBe(0);
  });
});
