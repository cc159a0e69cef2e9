import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Case, type Measured, resultOf } from "./case.ts";
import { BEGIN, END, plotOf, type Report, withReport } from "./report.ts";

const machine = {
  ...{ cores: 2, processor: "Some CPU", memoryGiB: 24, node: "24.1.0" },
  ...{ postgres: "18.4", redis: "7.0.15" },
};
const measured = (bench: Partial<Case>, figures: Partial<Measured> = {}) =>
  resultOf(
    { name: "rows", against: "psql \\copy | cat", sides: ["a", "b"], must: 1.3, aim: 1, ...bench },
    { unit: "s", sides: { a: [1.1, 1.2, 1.3], b: [1, 1.01, 1.02] }, ...figures },
  );
const rate: Partial<Measured> = { unit: "docs/s", sides: { a: [400_000], b: [100_000] } };
const results = [
  measured({}),
  measured({ name: "ingest", against: "a log", must: 3, aim: 8 }, rate),
  measured({ name: "slow", against: "itself", must: 0.5, aim: 0.4 }),
  measured({ name: "fast", against: "itself", must: 2, aim: 1.5 }),
];
const report: Report = { results, date: "2026-11-27", machine };
const page = (inside: string) => `# Performance\n\nBefore.\n\n${BEGIN}${inside}${END}\n\nAfter.\n`;

describe("the page", () => {
  it("has a dated table between its markers", () => {
    expect(withReport(page("\n"), report, "performance.svg")).toBe(
      page(`

Measured on 2026-11-27: 2 cores (Some CPU), 24 GiB of memory; Node 24.1.0, Postgres 18.4, Redis 7.0.15.

![Each case's ratio as a share of what it may be](performance.svg)

| case | beside | Weir | the other | ratio | must | aim | holds |
| --- | --- | --- | --- | --- | --- | --- | --- |
| \`rows\` | psql \\\\copy \\| cat | 1.20 s (1.10 to 1.30) | 1.01 s (1.00 to 1.02) | 1.19 x | ≤ 1.3 | ≤ 1 | must |
| \`ingest\` | a log | 400,000 docs/s | 100,000 docs/s | 4.00 x | ≥ 3 | ≥ 8 | must |
| \`slow\` | itself | 1.20 s (1.10 to 1.30) | 1.01 s (1.00 to 1.02) | 1.19 x | ≤ 0.5 | ≤ 0.4 | **neither** |
| \`fast\` | itself | 1.20 s (1.10 to 1.30) | 1.01 s (1.00 to 1.02) | 1.19 x | ≤ 2 | ≤ 1.5 | must, aim |

`),
    );
  });
  it("is the same when it is written again", () => {
    const once = withReport(page("\nwhat stood there before\n"), report, "performance.svg");
    expect(withReport(once, report, "performance.svg")).toBe(once);
  });
  it("is refused without markers", () => {
    expect(() => withReport("# Performance\n", report, "p.svg")).toThrow("has no place for results");
    expect(() => withReport(`${END}\n${BEGIN}\n`, report, "p.svg")).toThrow("has no place for results");
  });
  it("has its markers in the manual", () => {
    const manual = readFileSync(join(import.meta.dirname, "..", "docs", "performance.md"), "utf8");
    expect(withReport(manual, report, "performance.svg")).toContain("| `rows` |");
  });
});

describe("the plot", () => {
  const plot = plotOf(results);
  const bars = [...plot.matchAll(/<rect class="(\w+)" x="150" y="\d+" width="([\d.]+)"/g)];
  const line = Number(/class="must" d="M([\d.]+) /.exec(plot)?.[1]) - 150;

  it("has a bar for each case, of what it takes up of what it may", () => {
    const shares = bars.map(([, , width]) => Number(width) / line);
    expect(shares[0]).toBeCloseTo(1.2 / 1.01 / 1.3, 2);
    expect(shares[1]).toBeCloseTo(3 / 4, 2); // a rate: twice as much of it would make the bar half as long
    expect(shares[2]).toBeCloseTo(1.5, 2); // cut off
    expect(shares[3]).toBeCloseTo(1.2 / 1.01 / 2, 2);
  });
  it("tells by colour what holds", () => {
    expect(bars.map(([, colour]) => colour)).toEqual(["held", "held", "missed", "reached"]);
  });
  it("can be read on light and dark", () => {
    expect(plot).toContain("@media (prefers-color-scheme: dark)");
    expect(plot).not.toContain("background");
  });
  it("is well-formed, whatever a case is called", () => {
    expect(plotOf([measured({ name: "a<b&c" })])).toContain(">a&lt;b&amp;c</text>");
  });
});
