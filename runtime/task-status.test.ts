import { describe, expect, it } from "vitest";
import type { JournalState } from "./head/head.ts";
import type { CaptureTask, MaterializationTask } from "./task/task.ts";
import { isSettled, statusOf, TaskMonitor, type TaskSnapshot } from "./task-status.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const collection = { schema: {}, key: ["id"], reduce: {} };
const journal = { id: "a#1", partition: 0, epoch: 1 };
const capture: CaptureTask = {
  kind: "capture",
  name: "a",
  plan: { connector: "files", config: {}, guarantee },
  config: {},
  collection,
  target: journal,
};
const target: MaterializationTask = {
  kind: "materialization",
  name: "postgres:t",
  plan: { collection: "a", connector: "postgres", config: {}, guarantee },
  config: {},
  collection,
  source: journal,
};
const end = (next: number): JournalState[] => [
  { id: "a#1", collection: "a", partition: 0, next, archived: 0, stored: 0, headBytes: 0, lastAt: 0 },
];

describe("isSettled", () => {
  type Settling = Pick<TaskSnapshot, "task" | "state" | "offset">;
  const exhausted: Settling = { task: capture, state: "exhausted", offset: null };
  const at = (offset: number, state: TaskSnapshot["state"] = "running"): Settling => ({
    task: target,
    state,
    offset,
  });
  const bounded = () => true;

  it.each([
    [[exhausted, at(5)], 5, true],
    [[exhausted, at(4)], 5, false],
    [[exhausted, at(0, "retrying")], 0, false],
    [[exhausted, at(4, "halted")], 5, true],
    [[{ ...exhausted, state: "running" as const }, at(5)], 5, false],
    [[{ ...exhausted, state: "halted" as const }, at(5)], 5, true],
  ])("%#", (snapshots, next, expected) => {
    expect(isSettled(snapshots, end(next), bounded)).toBe(expected);
  });

  it("does not wait for a source without an end", () => {
    expect(isSettled([{ ...exhausted, state: "running" }, at(5)], end(5), () => false)).toBe(true);
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
      position: { "a#1": [1, 4] },
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
      position: { "a#1": [1, 10] },
      documents: 6,
      at: 2e6,
    });
    expect(statusOf(monitor.snapshot(), end(10), 0)).toMatchObject({
      state: "caught-up",
      documentsBehind: 0,
      backfill: null,
    });
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
    monitor.accept({ kind: "progress", task: target.name, position: { "a#1": [1, 1] }, documents: 1, at: 1 });
    expect(statusOf(monitor.snapshot(), end(10), 0)).toMatchObject({ state: "running", lastError: null });
  });

  it("does not look finished while documents are between two tasks", () => {
    // The ends were read before the positions once: the target stood at an end that had moved since.
    const monitor = new TaskMonitor(target);
    monitor.accept({ kind: "opened", task: target.name });
    monitor.accept({ kind: "progress", task: target.name, position: { "a#1": [1, 5] }, documents: 5, at: 1 });
    const before = monitor.snapshot();
    monitor.accept({ kind: "progress", task: target.name, position: { "a#1": [1, 7] }, documents: 2, at: 1 });
    expect(statusOf(before, end(7), 0)).toMatchObject({ state: "running", documentsBehind: 2 });
  });
});
