/**
 * Prints `N passed, N failed, N skipped` from the reports of vitest's JSON reporter that are its arguments.
 * A test file that did not get as far as its tests is one failed test. Fails if a report is missing, holds no
 * test, or counts a failure.
 */
import { readFileSync } from "node:fs";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

let passed = 0;
let failed = 0;
let skipped = 0;
const missing: string[] = [];

for (const path of process.argv.slice(2)) {
  const report = read(path);
  const before = passed + failed;
  for (const file of report?.testResults ?? []) {
    const statuses = file.assertionResults.map(({ status }) => status);
    const broken = statuses.filter((status) => status === "failed").length;
    const good = statuses.filter((status) => status === "passed").length;
    passed += good;
    failed += file.status === "failed" && broken === 0 ? 1 : broken;
    skipped += statuses.length - good - broken;
  }
  if (passed + failed === before) missing.push(path);
}

if (process.argv.length < 3) missing.push("the names of the reports");
for (const what of missing) console.log(`no test counts: ${what}`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || missing.length > 0 ? 1 : 0;

function read(path: string): Report | undefined {
  try {
    // The reporter's documented format.
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return undefined;
  }
}
