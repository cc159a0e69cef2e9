/**
 * What is wrong with a plan or with a diff's base is told with a code, which `weir explain` knows. Each case's
 * `expected.txt` is what a command prints; `UPDATE_GOLDEN=1` writes them anew.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { diffBase } from "../../cli/diff-base.ts";
import { loadConfig } from "../../compiler/config/config-file.ts";
import { type DiagnosticCode, REGISTRY } from "../../compiler/diagnostics/registry.ts";
import { readBuild } from "../../plan/read-build.ts";
import { project } from "./project.ts";

const cases = fileURLToPath(new URL("./cases/", import.meta.url));

const read = (directory: string) => readBuild(join(directory, "build"));
const base = (name: string) => async (directory: string) => {
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=weir", "-c", "user.email=weir@example.com", ...args], {
      cwd: directory,
    });
  writeFileSync(join(directory, ".gitignore"), "node_modules\n");
  git("init", "--quiet");
  git("add", "--all");
  git("commit", "--quiet", "--no-gpg-sign", "--message", "As it was");
  return diffBase(name, [], await loadConfig(directory));
};

const commands: { readonly [code in DiagnosticCode]?: (directory: string) => Promise<unknown> } = {
  WEIR5001: read,
  WEIR5002: read,
  WEIR5003: read,
  WEIR5004: base("mian"),
  WEIR5005: base("HEAD"),
};

test("every code of plans and bases has a command that gives it", () => {
  expect(Object.keys(commands)).toEqual(Object.keys(REGISTRY).filter((code) => code.startsWith("WEIR5")));
});

test.each(Object.entries(commands))("%s gives its golden output", async (code, command) => {
  const golden = join(cases, code, "expected.txt");
  using of = project({});
  mkdirSync(join(cases, code), { recursive: true });
  cpSync(join(cases, code), of.directory, { recursive: true });
  const error = await command(of.directory).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const text = `weir: ${error instanceof Error ? error.message : "nothing is wrong"}\n`.replaceAll(
    of.directory,
    ".",
  );
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, text);
  expect(text).toBe(existsSync(golden) ? readFileSync(golden, "utf8") : "");
  expect(text).toContain(`(${code})`);
});
