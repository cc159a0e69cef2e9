import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const work = mkdtempSync(join(tmpdir(), "weir-test-counts-"));
afterAll(() => rmSync(work, { recursive: true }));

/** A report with one test file per argument: its own status, then those of its tests. */
function report(name: string, ...files: readonly (readonly [string, ...string[]])[]): string {
  const path = join(work, name);
  const testResults = files.map(([status, ...tests]) => ({
    name: join(process.cwd(), "a.test.ts"),
    status,
    message: status === "failed" ? "SyntaxError: Unexpected token" : "",
    assertionResults: tests.map((test, at) => ({
      status: test,
      fullName: `${test} test ${at}`,
      failureMessages: test === "failed" ? ["AssertionError: expected 1 to be 2\n    at a.test.ts:1"] : [],
    })),
  }));
  writeFileSync(path, JSON.stringify({ testResults }));
  return path;
}

function run(...paths: readonly string[]): { lines: string[]; code: number | null } {
  const { stdout, status } = spawnSync("node", [join(import.meta.dirname, "test-counts.ts"), ...paths], {
    encoding: "utf8",
  });
  return { lines: stdout.trimEnd().split("\n"), code: status };
}

function counts(...paths: readonly string[]): { last: string | undefined; code: number | null } {
  const { lines, code } = run(...paths);
  return { last: lines.at(-1), code };
}

test("the counts of several reports are added", () => {
  const one = report("one.json", ["passed", "passed", "passed"], ["passed", "skipped", "todo", "passed"]);
  const two = report("two.json", ["passed", "passed"]);
  expect(counts(one, two)).toEqual({ last: "4 passed, 0 failed, 2 skipped", code: 0 });
});

test("a failed test fails", () => {
  const path = report("failed.json", ["failed", "passed", "failed", "failed"]);
  expect(counts(path)).toEqual({ last: "1 passed, 2 failed, 0 skipped", code: 1 });
});

test("a file that did not get as far as its tests is a failed test", () => {
  expect(counts(report("broken.json", ["passed", "passed"], ["failed"]))).toEqual({
    last: "1 passed, 1 failed, 0 skipped",
    code: 1,
  });
});

test("what failed is named before the counts, with the head of its message", () => {
  const path = report("named.json", ["failed", "passed", "failed"], ["failed"]);
  expect(run(path).lines).toEqual([
    "failed: a.test.ts: failed test 1",
    "  AssertionError: expected 1 to be 2",
    "      at a.test.ts:1",
    "failed: a.test.ts: did not get as far as its tests",
    "  SyntaxError: Unexpected token",
    "1 passed, 2 failed, 0 skipped",
  ]);
});

test.each([
  ["a missing report", join(work, "none.json")],
  ["an empty report", report("empty.json")],
  ["a report of skipped tests only", report("skipped.json", ["passed", "skipped"])],
])("%s fails, whatever the others hold", (_, path) => {
  const good = report("good.json", ["passed", "passed"]);
  expect(counts(good, path).code).toBe(1);
});

test("no report at all fails", () => {
  expect(counts().code).toBe(1);
});
