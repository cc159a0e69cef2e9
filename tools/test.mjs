/**
 * `npm test`: every test, or those whose path fits the arguments (`npm test -- connectors/redis`). Beside the
 * usual report, vitest writes test-results/vitest.json, whose counts `.ci/run` reads.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const results = join(root, "test-results", "vitest.json");
const vitest = join(
  dirname(createRequire(import.meta.url).resolve("vitest/package.json", { paths: [root] })),
  "vitest.mjs",
);

// The counts of an earlier run must never pass for this one's.
rmSync(results, { force: true });
const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
