/** What each case's diff looks like in all three formats. `UPDATE_GOLDEN=1` writes the goldens anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { diff } from "../../compiler/diff/diff.ts";
import { changedGraph } from "../../compiler/diff/plan-graph.ts";
import { renderDiffJson } from "../../compiler/diff/render/json.ts";
import { MARKER, MAX_COMMENT, renderDiffMarkdown } from "../../compiler/diff/render/markdown.ts";
import { renderDiffText } from "../../compiler/diff/render/text.ts";
import { effectsOf } from "../../plan/evolution/effects.ts";
import type { Plan } from "../../plan/plan.ts";
import { mergeApplied, refuseChanges } from "../../runtime/changes.ts";
import { CASES, caseNames, planOf } from "./cases.ts";
import { shuffled } from "./shuffled.ts";

const schema = JSON.parse(readFileSync(new URL("../../compiler/diff/schema.json", import.meta.url), "utf8"));
const fitsSchema = new Ajv2020({ strict: true, strictTypes: false }).compile(schema);

test.each(caseNames)("%s", async (name) => {
  const trees = [await planOf(name, "base"), await planOf(name, "next")];
  const [base, next] = withPlainHashes(trees);
  if (next === undefined) throw new Error(`${name} has no folder "next".`);
  const found = diff(base, next);
  const outputs = {
    "expected.txt": renderDiffText(found, { color: false }),
    "expected.json": renderDiffJson(found),
    "expected.md": renderDiffMarkdown(found, changedGraph(base, next)),
  };
  for (const [file, output] of Object.entries(outputs)) {
    const golden = join(CASES, name, file);
    if (process.env.UPDATE_GOLDEN === "1") writeFileSync(golden, output);
    expect(output).toBe(existsSync(golden) ? readFileSync(golden, "utf8") : "");
  }
  expect(fitsSchema(JSON.parse(outputs["expected.json"])), JSON.stringify(fitsSchema.errors)).toBe(true);
  expect(outputs["expected.md"].startsWith(MARKER)).toBe(true);
  expect(outputs["expected.md"].length).toBeLessThanOrEqual(MAX_COMMENT);
  expect(diff(next, next).changes).toEqual([]);
  expect(diff(base && shuffled(base), shuffled(next))).toEqual(found);
  if (base === undefined) return;
  // What the diff says of today's `weir run` is what `weir run` does.
  const refusing = found.changes.filter(({ refusedToday }) => refusedToday !== null);
  const message = refusalOf(() => refuseChanges(effectsOf(mergeApplied(undefined, base), next)));
  expect(message !== undefined).toBe(refusing.length > 0);
  for (const { name: changed, refusedToday } of refusing) {
    for (const clause of refusedToday?.split("; ") ?? []) expect(message).toContain(`${changed}: ${clause}`);
  }
});

/** The bundles' hashes in the order of their first appearance: what esbuild prints is not what is looked at here. */
function withPlainHashes(plans: readonly (Plan | undefined)[]): (Plan | undefined)[] {
  let text = JSON.stringify(plans.map((plan) => plan ?? null));
  const hashes = new Set([...text.matchAll(/"bundle":"([0-9a-f]{64})"/g)].map(([, hash = ""]) => hash));
  for (const [index, hash] of [...hashes].entries())
    text = text.replaceAll(hash, String(index + 1).repeat(64));
  return JSON.parse(text).map((plan: Plan | null) => plan ?? undefined);
}

function refusalOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
