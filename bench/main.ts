/**
 * `npm run bench -- [NAME…]`: runs the cases whose names begin so, prints what was measured, and exits 1 if a "must" does not hold.
 *
 * | option | meaning |
 * | --- | --- |
 * | `--json FILE` | the results, as `{ "cases": [{ "name", "against", "ratio", "must", "aim", "holds", … }] }` |
 * | `--report FILE` | table and plot into a page (`report.ts`), of the cases that ran |
 * | `--documents N`, `--rounds N` | other sizes, while one works on a case |
 * | `--short` | the short benches, held against `baseline.json` alone |
 * | `--set-baseline` | with `--short`: their ratios become the baseline |
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { type Baseline, regressions, updated } from "./baseline.ts";
import { type Bench, type Case, isRate, type Result, resultOf, type Size, spread } from "./case.ts";
import { checkBenches } from "./check.ts";
import { completionBench } from "./completion.ts";
import { redisBench } from "./fills/redis.ts";
import { rowsBench } from "./fills/rows.ts";
import { sumsBench } from "./fills/sums.ts";
import { updatesBench } from "./fills/updates.ts";
import { growthBench } from "./growth.ts";
import { ingestBenches } from "./ingest/ingest.ts";
import { latencyBench } from "./ingest/latency.ts";
import { thisMachine } from "./machine.ts";
import { memoryBench } from "./memory.ts";
import { plotOf, withReport } from "./report.ts";
import { shardBench } from "./shards.ts";
import { startBench } from "./start.ts";

const BENCHES: readonly Bench[] = [
  ...checkBenches,
  completionBench,
  rowsBench,
  sumsBench,
  updatesBench,
  redisBench,
  ...ingestBenches,
  latencyBench,
  memoryBench,
  startBench,
  growthBench,
  shardBench,
];
const BASELINE = join(import.meta.dirname, "baseline.json");

const { values, positionals } = parseArgs({
  options: {
    json: { type: "string" },
    report: { type: "string" },
    documents: { type: "string" },
    rounds: { type: "string" },
    short: { type: "boolean", default: false },
    "set-baseline": { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const isChosen = ({ name }: Case) =>
  positionals.length === 0 || positionals.some((given) => name.startsWith(given));
const offered = BENCHES.filter(({ sizes }) => !values.short || sizes?.short !== undefined);
const chosen = offered.filter(({ cases }) => cases.some(isChosen));
if (chosen.length === 0) {
  const names = offered.flatMap(({ cases }) => cases.map(({ name }) => name));
  console.error(`No such case. There are: ${names.join(", ")}.`);
  process.exit(1);
}
const results: Result[] = [];
for (const bench of chosen) {
  const { cases } = bench;
  console.error(cases.map(({ name }) => name).join(", "));
  const measured = await bench.measure((line) => console.error(`  ${line}`), sizeOf(bench));
  const own = cases.filter(isChosen).map((each) => resultOf(each, measured));
  for (const result of own) print(result);
  results.push(...own);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ cases: results }, null, 2)}\n`);
if (values.report !== undefined) await writeReport(values.report);
process.exitCode = (values.short ? isNoWorse() : results.every(({ holds }) => holds)) ? 0 : 1;

function sizeOf({ sizes }: Bench): Size {
  const { documents, rounds } = (values.short ? sizes?.short : sizes?.full) ?? { documents: 0, rounds: 0 };
  return { documents: Number(values.documents ?? documents), rounds: Number(values.rounds ?? rounds) };
}

function isNoWorse(): boolean {
  const baseline = JSON.parse(readFileSync(BASELINE, "utf8")) as Baseline; // the project's own
  if (values["set-baseline"]) {
    writeFileSync(BASELINE, `${JSON.stringify(updated(baseline, results), null, 2)}\n`);
    return true;
  }
  const found = regressions(results, baseline);
  for (const each of found) console.error(each);
  return found.length === 0;
}

async function writeReport(file: string): Promise<void> {
  const plot = file.replace(/\.md$/, ".svg");
  const report = { results, date: new Date().toISOString().slice(0, 10), machine: await thisMachine() };
  writeFileSync(file, withReport(readFileSync(file, "utf8"), report, basename(plot)));
  writeFileSync(plot, plotOf(results));
}

function print({ name, against, ratio, must, aim, holds, unit, figures: [ours, others] }: Result): void {
  const measured = `${name}: ${spread(ours, unit)} against ${spread(others, unit)} of ${against}: ${ratio.toFixed(2)} x`;
  const [bound, verdict] = [isRate(unit) ? "at least" : "at most", holds ? "holds" : "DOES NOT HOLD"];
  // What a case must hold is said of its full size.
  console.log(values.short ? measured : `${measured}, must be ${bound} ${must} (${verdict}), aim ${aim}`);
}
