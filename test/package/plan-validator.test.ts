import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import type { fitsPlanSchema as FitsPlanSchema } from "../../plan/plan-validator.ts";
import { fitsPlanSchema } from "../../plan/plan-validator.ts";
import { planValidatorCode } from "../../tools/plan-validator.ts";

it("is made ahead for the package, and says of each plan what it says here", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-plan-validator-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "plan-validator.mjs");
  const code = planValidatorCode();
  // Alone in a package: it may need nothing.
  expect(code).not.toMatch(/\brequire\(|\bimport\b/);
  writeFileSync(file, code);
  const made = (await import(pathToFileURL(file).href)) as { fitsPlanSchema: typeof FitsPlanSchema };
  const plan = { formatVersion: 1, collections: {}, captures: {}, derivations: {}, materializations: {} };
  const collection = { schema: { type: "object" }, key: ["id"], reduce: { n: "sum" } };
  for (const [value, fits] of [
    [plan, true],
    [{ ...plan, collections: { a: collection } }, true],
    [{ ...plan, collections: { a: { ...collection, reduce: { n: "total" } } } }, false],
    [{ ...plan, collections: { a: { ...collection, key: [] } } }, false],
    [{ ...plan, captures: { a: { connector: "files" } } }, false],
    [{ ...plan, formatVersion: 2 }, false],
    [{ ...plan, more: {} }, false],
    [[], false],
  ] as const) {
    expect(fitsPlanSchema(value)).toBe(fits);
    expect(made.fitsPlanSchema(value)).toBe(fits);
    expect(made.fitsPlanSchema.errors).toEqual(fitsPlanSchema.errors);
  }
});
