import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { DocumentViolation } from "../connectors/driver.ts";
import type { JsonSchema } from "../plan/plan.ts";
import { isPlainDateTime, ZOD_DATE_TIME } from "./date-time.ts";

export type Validate = (document: unknown) => DocumentViolation | undefined;

/**
 * Compiles a collection's schema. The answer names the first rule that a document breaks. Throws where a keyword's value is
 * none, which ajv sees as it compiles: holding schemas against that of all schemas would take each thread 50 ms to compile.
 */
export function compileValidator(schema: JsonSchema): Validate {
  /** The text that was found plain last: a date-time of zod is looked at twice, by its pattern and by its format. */
  let plain: string | undefined;
  const isPlain = (text: string) => {
    if (!isPlainDateTime(text)) return false;
    plain = text;
    return true;
  };
  const regExp = (pattern: string, flags: string) => {
    const expression = new RegExp(pattern, flags);
    if (pattern !== ZOD_DATE_TIME) return expression;
    const test = (text: string) => isPlain(text) || expression.test(text);
    return { test, toString: () => String(expression) };
  };
  regExp.code = "new RegExp"; // for code that is written out, which ours is not
  const ajv = new Ajv2020({
    strict: false,
    validateFormats: true,
    validateSchema: false,
    logger: false,
    code: { regExp },
  });
  // The package is CommonJS: under ES module rules its function is the default export's own default.
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const { validate: isDateTime } = ajv.formats["date-time"] as { validate: (text: string) => boolean };
  ajv.addFormat("date-time", (text) => text === plain || isPlain(text) || isDateTime(text));
  const validate = ajv.compile(schema);
  return (document) => {
    if (!validate(document)) return violationOf(validate.errors?.[0]);
    if (typeof document === "object" && document !== null && "_meta" in document) {
      return { path: "/_meta", rule: "is reserved: Weir keeps a document's offset and time there" };
    }
    return undefined;
  };
}

function violationOf(error: ErrorObject | undefined): DocumentViolation {
  if (!error) return { path: "", rule: "does not fit the schema" };
  const { instancePath: path, keyword, params, message = keyword } = error;
  switch (keyword) {
    case "additionalProperties":
      return { path: `${path}/${params.additionalProperty}`, rule: "is not a field of the schema" };
    case "required":
      return { path: `${path}/${params.missingProperty}`, rule: "is required and is missing" };
    case "enum":
      return { path, rule: `must be one of ${JSON.stringify(params.allowedValues)}` };
    case "const":
      return { path, rule: `must be ${JSON.stringify(params.allowedValue)}` };
    default:
      return { path, rule: message };
  }
}

/** `/items/0/sku is required and is missing`; the document as a whole has no path. */
export function describeViolation({ path, rule }: DocumentViolation): string {
  return `${path === "" ? "the document" : path} ${rule}`;
}
