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

it("sums the documents of a task, and tells its newest position, after a while", () => {
  const told: TaskReport[] = [];
  const reports = new GatheredReports((report) => told.push(report));
  reports.report(progress("a", 1, 10));
  reports.report(progress("b", 1, 11));
  reports.report(progress("a", 2, 12));
  expect(told).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(told).toEqual([{ ...progress("a", 2, 12), documents: 2 }, progress("b", 1, 11)]);
  reports.report(progress("a", 3, 13));
  vi.advanceTimersByTime(100);
  expect(told.slice(2)).toEqual([progress("a", 3, 13)]);
});

it("tells of progress before anything that followed it", () => {
  const told: TaskReport[] = [];
  const reports = new GatheredReports((report) => told.push(report));
  reports.report(progress("a", 1, 10));
  reports.report({ kind: "exhausted", task: "a" });
  expect(told.map(({ kind }) => kind)).toEqual(["progress", "exhausted"]);
  vi.advanceTimersByTime(100);
  expect(told).toHaveLength(2);
});
