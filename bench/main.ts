/**
 * `npm run bench -- [NAME…] [--json FILE]`: runs the cases whose names begin so, prints what was measured, and exits 1 if a
 * "must" does not hold.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Bench, type Case, isRate, type Result, resultOf, spread } from "./case.ts";
import { checkBenches } from "./check.ts";
import { completionBench } from "./completion.ts";
import { rowsBench } from "./fills/rows.ts";
import { sumsBench } from "./fills/sums.ts";
import { growthBench } from "./growth.ts";
import { memoryBench } from "./memory.ts";
import { shardBench } from "./shards.ts";
import { startBench } from "./start.ts";

const BENCHES: readonly Bench[] = [
  ...checkBenches,
  completionBench,
  rowsBench,
  sumsBench,
  memoryBench,
  startBench,
  growthBench,
  shardBench,
];

const { values, positionals } = parseArgs({
  options: { json: { type: "string" } },
  allowPositionals: true,
});
const isChosen = ({ name }: Case) =>
  positionals.length === 0 || positionals.some((given) => name.startsWith(given));
const chosen = BENCHES.filter(({ cases }) => cases.some(isChosen));
if (chosen.length === 0) {
  const names = BENCHES.flatMap(({ cases }) => cases.map(({ name }) => name));
  console.error(`No such case. There are: ${names.join(", ")}.`);
  process.exit(1);
}
const results: Result[] = [];
for (const { cases, measure } of chosen) {
  console.error(cases.map(({ name }) => name).join(", "));
  const measured = await measure((line) => console.error(`  ${line}`));
  const own = cases.filter(isChosen).map((each) => resultOf(each, measured));
  for (const result of own) print(result);
  results.push(...own);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ cases: results }, null, 2)}\n`);
process.exitCode = results.every(({ holds }) => holds) ? 0 : 1;

function print({ name, against, ratio, must, aim, holds, unit, figures: [ours, others] }: Result): void {
  const [bound, verdict] = [isRate(unit) ? "at least" : "at most", holds ? "holds" : "DOES NOT HOLD"];
  console.log(
    `${name}: ${spread(ours, unit)} against ${spread(others, unit)} of ${against}: ` +
      `${ratio.toFixed(2)} x, must be ${bound} ${must} (${verdict}), aim ${aim}`,
  );
}
