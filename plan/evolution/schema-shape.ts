/** What a JSON Schema is made of, as far as comparing needs it. */
import { canonicalJson } from "../canonical.ts";
import type { Json, JsonObject, JsonSchema } from "../plan.ts";

export interface Alternatives {
  readonly nullable: boolean;
  /** Of which a value other than null fits one. */
  readonly branches: readonly JsonSchema[];
  /** Whether a value must fit exactly one of them, and they are not told apart by a field: another branch may exclude it. */
  readonly exclusive: boolean;
}

/** A union with its null set aside: `anyOf`, `oneOf`, or a list of types. */
export function alternativesOf(schema: JsonSchema, root: JsonSchema, depth = 0): Alternatives {
  const { type, anyOf, oneOf, ...beside } = schema;
  if (Array.isArray(type)) {
    const branches = type.filter((each) => each !== "null").map((each) => ({ ...schema, type: each }));
    return { nullable: branches.length < type.length, branches, exclusive: false };
  }
  const union = anyOf ?? oneOf;
  if (depth > MAX_NESTING || !Array.isArray(union) || type !== undefined || "properties" in beside) {
    if (type === "null") return { nullable: true, branches: [], exclusive: false };
    return { nullable: false, branches: [schema], exclusive: false };
  }
  const resolved = union.map((each) => resolveReference(asObject(each), root));
  const nested = resolved.map((each) => alternativesOf(each, root, depth + 1));
  const branches = nested.flatMap((each) => each.branches);
  const told = oneOf === undefined || discriminated(branches);
  return { nullable: nested.some((each) => each.nullable), branches, exclusive: !told };
}

/** A union that holds itself says nothing more after so many steps. */
const MAX_NESTING = 8;

/** Whether a field with one fixed value tells the branches apart, as in Zod's discriminated unions. */
function discriminated(branches: readonly JsonSchema[]): boolean {
  const names = Object.keys(asObject(branches[0]?.properties));
  return names.some((name) => {
    const values = branches.map((branch) => asObject(asObject(branch.properties)[name]).const);
    const texts = new Set(values.filter((value) => value !== undefined).map((value) => canonicalJson(value)));
    return texts.size === branches.length;
  });
}

/** The one type of a schema that is no union, or undefined for any. */
export function typeOfSchema(schema: JsonSchema): string | undefined {
  if (typeof schema.type === "string") return schema.type;
  const values = schema.const !== undefined ? [schema.const] : schema.enum;
  if (Array.isArray(values)) {
    const types = new Set(
      values.map((value) => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value)),
    );
    return types.size === 1 ? [...types][0] : undefined;
  }
  return schema.properties === undefined ? undefined : "object";
}

/** The fixed values that a schema allows, as JSON; undefined where it lists none. */
export function literalsOf(schema: JsonSchema): ReadonlySet<string> | undefined {
  const values = schema.const !== undefined ? [schema.const] : schema.enum;
  return Array.isArray(values) ? new Set(values.map((value) => canonicalJson(value))) : undefined;
}

/** Follows a local `$ref`, as far as there is one; what stands beside it is kept. */
export function resolveReference(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let current = schema;
  for (let steps = 0; steps < MAX_STEPS && typeof current.$ref === "string"; steps++) {
    const { $ref, ...beside } = current;
    if (typeof $ref !== "string" || !$ref.startsWith("#")) return schema;
    let target: Json | undefined = root;
    for (const step of $ref.slice(1).split("/").filter(Boolean)) {
      target = asObject(target)[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")];
    }
    const { $defs: _definitions, ...found } = asObject(target);
    current = { ...found, ...beside };
  }
  return current;
}

const MAX_STEPS = 16;

export function asObject(value: Json | undefined): JsonObject {
  // `Array.isArray` does not narrow readonly arrays away, so the cast says what the test has shown.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
