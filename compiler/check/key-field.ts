import { fieldAt, fieldsOf, type JsonType } from "../../plan/field-schema.ts";
import type { JsonSchema } from "../../plan/plan.ts";

const KEY_TYPES: readonly JsonType[] = ["string", "integer", "boolean"];

/** Why a field can be no part of a key, as the end of a sentence about it, and what to do. */
export function keyComplaint(schema: JsonSchema, path: string): { what: string; fix: string } | undefined {
  const field = fieldAt(schema, path);
  if (field === undefined) {
    const known = [...fieldsOf(schema).keys()].join(", ");
    return { what: "is not in its schema", fix: `Name fields of the schema: ${known || "it has none"}.` };
  }
  const { types, required } = field;
  if (!required) return { what: "may be missing", fix: "Make the field required: remove .optional()." };
  if (types.has("null")) return { what: "may be null", fix: "Make the field not nullable." };
  if (types.has("number"))
    return { what: "may hold fractions", fix: "Use z.int(): fractions are no reliable keys." };
  if (![...types].every((type) => KEY_TYPES.includes(type)) || types.size === 0) {
    return {
      what: `is of type ${[...types].join(" or ")}`,
      fix: "Name a field that holds strings, integers or booleans.",
    };
  }
  return undefined;
}
