/** What `weir check` costs beside plain type-checking of the same files: 200 flow files of 40 fields, the built package. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench } from "./case.ts";
import { writeManyFlows } from "./many-flows.ts";

const repository = join(import.meta.dirname, "..");
const tsc = join(repository, "node_modules", "typescript", "bin", "tsc");
const weir = join(repository, "dist", "cli", "main.js");

const FLOWS = 200;
const FIELDS = 40;
const ROUNDS = 5;

export const checkBenches: readonly Bench[] = [
  {
    cases: [
      {
        name: "check-first",
        against: "TypeScript 6 over the same files",
        sides: ["weir", "tsc"],
        must: 1.3,
        aim: 1.1,
      },
    ],
    measure: async (report) => {
      using project = manyFlows();
      // Both have been started before: what Node keeps compiled is there for both.
      timed(project.directory, [tsc, "-p", "."]);
      timed(project.directory, [weir, "check"]);
      const sides = { weir: [] as number[], tsc: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        const other = timed(project.directory, [tsc, "-p", "."]);
        project.forget();
        const ours = timed(project.directory, [weir, "check"]);
        report(`tsc ${other.toFixed(2)} s, weir check ${ours.toFixed(2)} s`);
        sides.tsc.push(other);
        sides.weir.push(ours);
      }
      return { unit: "s", sides };
    },
  },
  {
    cases: [{ name: "check-again", against: "half a second", sides: ["weir", "limit"], must: 1, aim: 0.5 }],
    measure: async (report) => {
      using project = manyFlows();
      timed(project.directory, [weir, "check"]);
      const times = Array.from({ length: ROUNDS }, () => timed(project.directory, [weir, "check"]));
      report(`nothing changed: ${times.map((time) => time.toFixed(2)).join(", ")} s`);
      return { unit: "s", sides: { weir: times, limit: [0.5] } };
    },
  },
];

interface ManyFlows extends Disposable {
  readonly directory: string;
  /** Deletes what a check has left. */
  forget(): void;
}

export function manyFlows(): ManyFlows {
  const build = spawnSync(process.execPath, [join(repository, "tools", "build.ts")], { stdio: "inherit" });
  if (build.status !== 0) throw new Error("The package does not build.");
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-"));
  writeManyFlows(directory, repository, FLOWS, FIELDS);
  return {
    directory,
    forget: () => rmSync(join(directory, ".weir"), { recursive: true, force: true }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Wall-clock seconds of the whole process. Throws if it fails. */
function timed(cwd: string, args: readonly string[]): number {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${args.join(" ")} failed: ${stdout}${stderr}`);
  return seconds;
}
