import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { GatheredReports } from "./gathered-reports.ts";
import type { TaskReport } from "./task.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const progress = (task: string, end: number, at: number): TaskReport => {
  return { kind: "progress", task, positions: [{ j: [1, end] }], documents: 1, at };
};

it("tells of the first progress at once, and then sums the documents of a task and tells its newest position after a while", () => {
  const told: TaskReport[] = [];
  const reports = new GatheredReports((report) => told.push(report));
  reports.report(progress("a", 1, 10));
  expect(told).toEqual([progress("a", 1, 10)]);
  reports.report(progress("a", 2, 11));
  reports.report(progress("b", 1, 12));
  reports.report(progress("a", 3, 13));
  expect(told).toHaveLength(1);
  vi.advanceTimersByTime(100);
  expect(told.slice(1)).toEqual([{ ...progress("a", 3, 13), documents: 2 }, progress("b", 1, 12)]);
  vi.advanceTimersByTime(100);
  reports.report(progress("a", 4, 14));
  expect(told.slice(3)).toEqual([progress("a", 4, 14)]);
});

it("tells of progress before anything that followed it", () => {
  const told: TaskReport[] = [];
  const reports = new GatheredReports((report) => told.push(report));
  reports.report(progress("a", 1, 10));
  reports.report(progress("a", 2, 11));
  reports.report({ kind: "exhausted", task: "a" });
  expect(told.map(({ kind }) => kind)).toEqual(["progress", "progress", "exhausted"]);
  vi.advanceTimersByTime(100);
  expect(told).toHaveLength(3);
});
