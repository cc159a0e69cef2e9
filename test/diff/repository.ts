/** A git repository with a project, inside this repository's scratch folder. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { diffBase } from "../../cli/diff-base.ts";
import { diff, type PlanDiff } from "../../compiler/diff/index.ts";
import { compile, findFlowFiles, loadConfig } from "../../compiler/index.ts";
import { type CommandResult, WeirProcess } from "../servers/weir-process.ts";

/** Inside this repository, so that flow files find `weir` and `zod` as a user's would. */
const SCRATCH = fileURLToPath(new URL("../../.scratch/", import.meta.url));

export interface Repository {
  readonly root: string;
  write(path: string, text: string): void;
  git(...args: string[]): string;
  commit(message: string): void;
  weir(...args: readonly string[]): Promise<CommandResult>;
  /** What `weir diff BASE FILES` finds in a directory of the repository, in this process. */
  diff(base?: string, files?: readonly string[], directory?: string): Promise<PlanDiff>;
}

export function repository(files: Readonly<Record<string, string>>): Repository {
  mkdirSync(SCRATCH, { recursive: true });
  const root = mkdtempSync(join(SCRATCH, "diff-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const identity = [
    "-c",
    "user.name=weir",
    "-c",
    "user.email=weir@example.com",
    "-c",
    "commit.gpgsign=false",
  ];
  const self: Repository = {
    root,
    write: (path, text) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    git: (...args) => execFileSync("git", [...identity, ...args], { cwd: root, encoding: "utf8" }),
    commit: (message) => {
      self.git("add", "-A");
      self.git("commit", "-q", "--allow-empty", "-m", message);
    },
    weir: (...args) => new WeirProcess({ directory: root }).command(...args),
    diff: async (base, files = [], directory = "") => {
      const cwd = process.cwd();
      process.chdir(join(root, directory));
      try {
        const config = await loadConfig(process.cwd());
        const flows = await findFlowFiles(config, process.cwd(), files);
        const { build } = await compile({ projectDir: config.projectDir, files: flows });
        if (build === undefined) throw new Error("The flows of the work tree do not compile.");
        const { plan, sizes } = await diffBase(base, files, config);
        return diff(plan, build.plan, sizes);
      } finally {
        process.chdir(cwd);
      }
    },
  };
  self.git("init", "-q", "-b", "main");
  self.write(".gitignore", ".weir/\nplan/\n");
  for (const [path, text] of Object.entries(files)) self.write(path, text);
  self.commit("base");
  return self;
}
