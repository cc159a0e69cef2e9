/**
 * Prints the tests that failed, each with the head of its message, and last `N passed, N failed, N skipped`, from
 * the reports of vitest's JSON reporter that are its arguments: a log of which only the end is kept still names what
 * failed. A test file that did not get as far as its tests is one failed test. Fails if a report is missing,
 * holds no test, or counts a failure.
 */
import { readFileSync } from "node:fs";
import { relative } from "node:path";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** Lines of a message that are printed. */
const MESSAGE_LINES = 6;

let passed = 0;
let failed = 0;
let skipped = 0;
const missing: string[] = [];

for (const path of process.argv.slice(2)) {
  const report = read(path);
  const before = passed + failed;
  for (const file of report?.testResults ?? []) {
    const broken = file.assertionResults.filter(({ status }) => status === "failed");
    const good = file.assertionResults.filter(({ status }) => status === "passed").length;
    for (const { fullName, failureMessages } of broken)
      printFailure(file.name, fullName, failureMessages.join("\n"));
    const stopped = file.status === "failed" && broken.length === 0;
    if (stopped) printFailure(file.name, "did not get as far as its tests", file.message);
    passed += good;
    failed += broken.length + (stopped ? 1 : 0);
    skipped += file.assertionResults.length - good - broken.length;
  }
  if (passed + failed === before) missing.push(path);
}

if (process.argv.length < 3) missing.push("the names of the reports");
for (const what of missing) console.log(`no test counts: ${what}`);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || missing.length > 0 ? 1 : 0;

function printFailure(file: string, title: string, message: string): void {
  console.log(`failed: ${relative(process.cwd(), file)}: ${title}`);
  for (const line of message.split("\n").slice(0, MESSAGE_LINES)) console.log(`  ${line}`);
}

function read(path: string): Report | undefined {
  try {
    // The reporter's documented format.
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return undefined;
  }
}
