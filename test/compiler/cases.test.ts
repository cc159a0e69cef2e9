/**
 * Every diagnostic code has a page, and a case: a project whose diagnostics, as text, are in `expected.txt`.
 * `UPDATE_GOLDEN=1` writes them anew. What is wrong with plans and bases comes from commands: `plan-problems.test.ts`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { targetFit } from "../../cli/target-fit.ts";
import { compile } from "../../compiler/compile.ts";
import { explain } from "../../compiler/diagnostics/explain.ts";
import { REGISTRY } from "../../compiler/diagnostics/registry.ts";
import { renderJson } from "../../compiler/render/json.ts";
import { renderText } from "../../compiler/render/text.ts";

const cases = fileURLToPath(new URL("./cases/", import.meta.url));
const codes = Object.keys(REGISTRY);
const ofFlows = codes.filter((code) => !code.startsWith("WEIR5"));

function flowFiles(projectDir: string): string[] {
  return readdirSync(projectDir)
    .filter((name) => name.endsWith(".flow.ts"))
    .map((name) => join(projectDir, name));
}

test("every code has a case, and every case a code", () => {
  const folders = readdirSync(cases, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map((entry) => entry.name).sort()).toEqual([...codes].sort());
});

test.each(ofFlows)("%s gives its golden output", async (code) => {
  const projectDir = join(cases, code);
  const golden = join(projectDir, "expected.txt");
  const { diagnostics, build } = await compile({ projectDir, files: flowFiles(projectDir), targetFit });
  const text = renderText(diagnostics, { cwd: projectDir, color: false }).replaceAll(projectDir, ".");
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, text);
  expect(text).toBe(existsSync(golden) ? readFileSync(golden, "utf8") : "");
  expect(diagnostics.map((each) => each.code)).toContain(code);
  expect(build === undefined).toBe(diagnostics.some((each) => each.severity === "error"));
  const { diagnostics: shown } = JSON.parse(renderJson(diagnostics, { cwd: projectDir }));
  expect(shown.map((each: { code: string }) => each.code)).toEqual(diagnostics.map((each) => each.code));
});

test.each(codes)("the page of %s has its title, its example and a fix", async (code) => {
  const page = await explain(code.toLowerCase());
  expect(page).toContain(`# ${code}: ${REGISTRY[code as keyof typeof REGISTRY]}`);
  expect(page).toContain("## Fix");
  const example = join(cases, code, "example.flow.ts");
  if (existsSync(example)) expect(page).toContain(`\`\`\`ts\n${readFileSync(example, "utf8")}\`\`\``);
});

test("a code that does not exist is not explained", async () => {
  expect(await explain("WEIR9999")).toBeUndefined();
});
