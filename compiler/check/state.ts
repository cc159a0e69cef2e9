/** Checks of a derivation's state. Apart from the others, since it takes a validator, which flows without state need not load. */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { JsonObject, JsonSchema } from "../../plan/plan.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedState } from "../evaluate/evaluation.ts";
import { schemaDiagnostics } from "./collection.ts";
import type { AimAt } from "./graph.ts";

export function* checkState(
  derived: string,
  { schema, initial }: EvaluatedState,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  yield* schemaDiagnostics(schema.problems, `the state of ${derived}`, place, ["state", "schema"], aim);
  if (schema.json === undefined) return;
  for (const { path, rule } of violations(schema.json, initial)) {
    const what = path.length === 0 ? "The initial state" : `The field ${path.join(".")} of the initial state`;
    yield diagnostic(
      "WEIR1013",
      aim(place, ["state", "initial", ...path]),
      `${what} of ${derived} does not fit the state's schema: it ${rule}.`,
      { fix: "Give an initial that the schema takes, or make the field optional: .optional()." },
    );
  }
}

function violations(
  schema: JsonSchema,
  value: JsonObject,
): readonly { readonly path: readonly string[]; readonly rule: string }[] {
  const ajv = new Ajv2020({ strict: false, validateFormats: true, logger: false, allErrors: true });
  // The package is CommonJS: under ES module rules its function is the default export's own default.
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const validate = ajv.compile(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, keyword, params, message = keyword }) => {
    const path = instancePath
      .split("/")
      .slice(1)
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (keyword === "required") return { path, rule: `lacks ${params.missingProperty}` };
    if (keyword === "additionalProperties") {
      return { path: [...path, String(params.additionalProperty)], rule: "is not a field of it" };
    }
    return { path, rule: message };
  });
}
