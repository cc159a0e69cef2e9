import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const fixtures = join(import.meta.dirname, "fixtures");

/** Every violation in `fixtures/`, and nothing else, must be found: file and rule. */
const violations = [
  "cli/imports-tools.ts cli-imports",
  "compiler/imports-connector.ts compiler-imports",
  "compiler/imports-runtime-type.ts compiler-imports",
  "connectors/clean/imports-runtime.ts connectors-imports",
  "connectors/eager/index.ts constructor-imports-driver",
  "connectors/heavy/index.ts constructor-is-values-and-types",
  "dsl/imports-node.ts dsl-is-values-and-types",
  "dsl/imports-plan.ts dsl-imports",
  "dsl/imports-plan.ts dsl-is-values-and-types",
  "plan/imports-dsl.ts plan-imports",
  "runtime/cycle-a.ts cycle",
  "runtime/imports-compiler-later.ts runtime-imports",
  "runtime/imports-compiler.ts runtime-imports",
  "runtime/imports-dev-dependency.ts dev-dependency-published",
  "runtime/unresolvable.ts unresolvable",
];

interface Report {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

function cruise(directory: string, rooms: readonly string[]): Report {
  const { stdout, stderr } = spawnSync(
    join(root, "node_modules", ".bin", "depcruise"),
    ["--config", join(root, ".dependency-cruiser.cjs"), "--output-type", "json", ...rooms],
    { cwd: directory, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  if (!stdout.startsWith("{")) throw new Error(`depcruise printed no report: ${stderr}`);
  // The tool's documented output format; the expectations below fail if it is another.
  return JSON.parse(stdout) as Report;
}

test("the import rule names each violation by file and rule, and allows the rest", () => {
  const rooms = ["dsl", "plan", "compiler", "runtime", "connectors", "cli", "tools"];
  const { summary } = cruise(fixtures, rooms);
  const found = summary.violations.map(({ from, rule }) => `${from} ${rule.name}`);
  expect([...new Set(found)].sort()).toEqual(violations);
});
