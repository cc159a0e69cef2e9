/**
 * `npm run bench -- [NAME…] [--json FILE]`: runs the cases whose names begin so, prints what was measured, and exits 1 if a
 * "must" does not hold.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Case, type Result, resultOf, spread } from "./case.ts";
import { checkCases } from "./check.ts";
import { completionCases } from "./completion.ts";
import { memoryCases } from "./memory.ts";
import { shardCases } from "./shards.ts";

const CASES: readonly Case[] = [...checkCases, ...completionCases, ...memoryCases, ...shardCases];

const { values, positionals } = parseArgs({
  options: { json: { type: "string" } },
  allowPositionals: true,
});
const chosen = CASES.filter(
  ({ name }) => positionals.length === 0 || positionals.some((given) => name.startsWith(given)),
);
if (chosen.length === 0) {
  console.error(`No such case. There are: ${CASES.map(({ name }) => name).join(", ")}.`);
  process.exit(1);
}
const results: Result[] = [];
for (const each of chosen) {
  console.error(`${each.name}, against ${each.against}`);
  const measured = await each.measure((line) => console.error(`  ${line}`));
  const result = resultOf(each, measured);
  results.push(result);
  const { ratio, must, aim, holds } = result;
  console.log(
    `${each.name}: ${spread(measured.weir, measured.unit)} against ${spread(measured.other, measured.unit)}: ` +
      `${ratio.toFixed(2)} x, must be ${must} (${holds ? "holds" : "DOES NOT HOLD"}), aim ${aim}`,
  );
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ cases: results }, null, 2)}\n`);
process.exitCode = results.every(({ holds }) => holds) ? 0 : 1;
