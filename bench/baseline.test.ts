import { describe, expect, it } from "vitest";
import { regressions, updated } from "./baseline.ts";
import type { Result, Unit } from "./case.ts";

const result = (name: string, ratio: number, unit: Unit = "s"): Result => ({
  ...{ name, against: "itself", ratio, must: 1, aim: 1, holds: true, unit },
  figures: [[ratio], [1]],
});

describe("a short bench", () => {
  it("passes up to twice the baseline, whatever the case must hold", () => {
    expect(regressions([result("rows", 9.9), result("redis", 0.1)], { rows: 5, redis: 3 })).toEqual([]);
  });
  it("fails on a doubling, and on a ratio that is no number", () => {
    expect(regressions([result("rows", 10), result("redis", Number.NaN)], { rows: 5, redis: 3 })).toEqual([
      "rows: the ratio is 10.00, twice as bad as its baseline of 5.00.",
      "redis: the ratio is NaN, twice as bad as its baseline of 3.00.",
    ]);
  });
  it("fails where a rate is halved", () => {
    expect(regressions([result("ingest", 4.1, "docs/s")], { ingest: 8 })).toEqual([]);
    expect(regressions([result("ingest", 4, "docs/s")], { ingest: 8 })).toHaveLength(1);
  });
  it("fails without a baseline", () => {
    expect(regressions([result("new", 1)], {})).toEqual([
      'new: there is no baseline; run "npm run bench:short -- --set-baseline".',
    ]);
  });
  it("has its baseline set for the cases that ran, and keeps the others", () => {
    const before = { rows: 5, redis: 3 };
    expect(Object.entries(updated(before, [result("rows", 4.56789), result("growth", 1)]))).toEqual([
      ["growth", 1],
      ["redis", 3],
      ["rows", 4.57],
    ]);
  });
});
