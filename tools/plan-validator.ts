/** What stands in the place of `plan/plan-validator.ts` in the package: the code that ajv makes of the plan's schema, made ahead. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";

const schema = join(import.meta.dirname, "..", "plan", "schema.json");

export function planValidatorCode(): string {
  const ajv = new Ajv2020({ strict: true, allErrors: false, code: { source: true, esm: true } });
  ajv.addSchema(Object(JSON.parse(readFileSync(schema, "utf8"))), "plan");
  // The package is CommonJS: under ES module rules its function is the default export's own default.
  const codeOf = standalone as unknown as (ajv: Ajv2020, exported: Record<string, string>) => string;
  return codeOf(ajv, { fitsPlanSchema: "plan" });
}
