/** Whether a strategy fits its field, judged by the JSON Schema; what types cannot know of other libraries' schemas. */
import {
  elementsAt,
  type FieldSchema,
  fieldAt,
  fieldsInside,
  fieldsOf,
  type JsonType,
} from "../../plan/field-schema.ts";
import { type JsonSchema, REDUCE_STRATEGIES, type ReduceStrategy } from "../../plan/plan.ts";

export interface Complaint {
  readonly what: string;
  readonly fix: string;
}

/** `strategy` is whatever the flow gave. Undefined if it is a strategy and fits. */
export function reduceComplaint(schema: JsonSchema, path: string, strategy: unknown): Complaint | undefined {
  if (!isStrategy(strategy)) {
    const fix = `Use one of ${REDUCE_STRATEGIES.join(", ")}, { sum: "decimal" }, { sum: "int64" } or { merge: { key: […] } }.`;
    return { what: `${show(strategy)} is no strategy`, fix };
  }
  const field = fieldAt(schema, path);
  if (field === undefined) {
    const known = [...fieldsOf(schema).keys()].join(", ");
    return {
      what: "the schema has no such field",
      fix: `Name fields of the schema: ${known || "it has none"}.`,
    };
  }
  if (typeof strategy === "object") {
    return "sum" in strategy
      ? needs(field, show(strategy), ["string"], "strings of digits")
      : mergeByKeyComplaint(schema, path, field, strategy.merge.key);
  }
  switch (strategy) {
    case "first":
    case "last":
      return undefined;
    case "sum":
      return needs(
        field,
        strategy,
        ["number", "integer"],
        "numbers",
        "Use another strategy, or a number field.",
      );
    case "min":
    case "max":
      return (
        needs(field, strategy, ["number", "integer"], "numbers or strings", "Use first or last.") &&
        needs(field, strategy, ["string"], "numbers or strings", "Use first or last.")
      );
    case "append":
      return needs(field, strategy, ["array"], "arrays");
    case "merge":
      return [...field.types].includes("array")
        ? {
            what: "merge of arrays needs to know which elements belong together",
            fix: 'Name the fields by which they do, as in { merge: { key: ["id"] } }, or use append.',
          }
        : needs(field, strategy, ["object"], "objects");
    case "set":
      return needs(field, strategy, ["object"], "{ add, remove }") ?? setComplaint(schema, path);
  }
}

/** Whatever types a field has beside null must be among these. */
function needs(
  { types }: FieldSchema,
  strategy: string,
  legal: readonly JsonType[],
  what: string,
  fix = "Use another strategy, or a field of that type.",
): Complaint | undefined {
  const own = [...types].filter((type) => type !== "null");
  if (own.length > 0 && own.every((type) => legal.includes(type))) return undefined;
  return { what: `${strategy} needs ${what}, and the field is of type ${[...types].join(" or ")}`, fix };
}

const SCALARS: readonly JsonType[] = ["string", "number", "integer", "boolean"];

function isScalar(types: ReadonlySet<JsonType>): boolean {
  return types.size > 0 && [...types].every((type) => SCALARS.includes(type));
}

function setComplaint(schema: JsonSchema, path: string): Complaint | undefined {
  const fix = "Make the field an object with the lists add and remove, of strings, numbers or booleans.";
  const fields = fieldsInside(schema, path);
  const other = [...fields.keys()].find((name) => name !== "add" && name !== "remove");
  if (other !== undefined) return { what: `set needs { add, remove }, and the field also has ${other}`, fix };
  if (!fields.has("add")) return { what: "set needs { add, remove }, and the field has no add", fix };
  for (const name of fields.keys()) {
    const elements = elementsAt(schema, `${path}.${name}`);
    const list = [...(fields.get(name)?.types ?? [])];
    if (list.every((type) => type === "array") && elements !== undefined && isScalar(elements.types))
      continue;
    return { what: `set needs lists of strings, numbers or booleans, and ${path}.${name} is none`, fix };
  }
  return undefined;
}

function mergeByKeyComplaint(
  schema: JsonSchema,
  path: string,
  field: FieldSchema,
  key: readonly string[],
): Complaint | undefined {
  const complaint = needs(field, "merge with a key", ["array"], "arrays of objects");
  if (complaint !== undefined) return complaint;
  const elements = elementsAt(schema, path);
  if (elements === undefined || [...elements.types].some((type) => type !== "object")) {
    return {
      what: "merge with a key needs arrays of objects, and the elements may be something else",
      fix: "Use append, or make the elements objects.",
    };
  }
  if (key.length === 0) {
    return {
      what: "merge has an empty key",
      fix: 'Name fields of the elements, as in { merge: { key: ["id"] } }.',
    };
  }
  for (const name of key) {
    const found = elements.fieldAt(name);
    if (found?.required === true && isScalar(found.types) && !found.types.has("number")) continue;
    return {
      what: `merge by ${name} needs a required string, integer or boolean of that name in each element`,
      fix: "Name such a field of the elements, or make this one required.",
    };
  }
  return undefined;
}

function isStrategy(strategy: unknown): strategy is ReduceStrategy {
  if (typeof strategy === "string") return REDUCE_STRATEGIES.some((each) => each === strategy);
  if (!isObject(strategy) || Object.keys(strategy).length !== 1) return false;
  const { sum, merge } = strategy;
  if (sum !== undefined) return sum === "decimal" || sum === "int64";
  if (!isObject(merge) || Object.keys(merge).length !== 1) return false;
  return Array.isArray(merge.key) && merge.key.every((path) => typeof path === "string");
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(strategy: unknown): string {
  return typeof strategy === "string" ? strategy : JSON.stringify(strategy);
}
