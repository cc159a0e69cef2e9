/** The user's schema value to JSON Schema, draft 2020-12, with what is wrong with it. Runs where the value lives. */

import { canonicalJson } from "../../plan/canonical.ts";
import type { JsonObject, JsonSchema } from "../../plan/plan.ts";
import type { SchemaProblem } from "./problem.ts";
import { zodProblems } from "./zod.ts";

export interface ConvertedSchema {
  /** Undefined if there are problems that leave no schema. */
  readonly json: JsonSchema | undefined;
  readonly problems: readonly SchemaProblem[];
}

/** What the schema is of: a collection's documents, or a derivation's state. */
export function convertSchema(schema: unknown, of: "document" | "state"): ConvertedSchema {
  const problems = [...zodProblems(schema)];
  const converted = problems.length === 0 ? jsonSchemaOf(schema) : { json: undefined, problems: [] };
  problems.push(...converted.problems);
  const { json } = converted;
  if (json === undefined) return { json, problems };
  if (!describesObject(json)) {
    problems.push({
      code: "WEIR1006",
      path: [],
      complaint: `describes no JSON object, and a ${of} is always one`,
      fix: "Describe an object, as in z.object({ … }), and put the value into one of its fields.",
    });
  }
  if (of === "document" && isObject(json.properties) && "_meta" in json.properties) {
    problems.push({
      code: "WEIR1009",
      path: ["_meta"],
      complaint: "has a name that Weir keeps for itself: stored documents carry their offset and time there",
      fix: "Give the field another name.",
    });
  }
  return { json, problems };
}

function jsonSchemaOf(schema: unknown): ConvertedSchema {
  const standard = property(property(schema, "~standard"), "jsonSchema");
  if (isObject(standard) || typeof standard === "object") return fromStandard(standard);
  // TypeBox: the value is JSON Schema, with its own marks under symbols and, in 1.x, "~" names, neither of which JSON keeps.
  if (isObject(schema) && schema.type === "object" && isObject(schema.properties)) {
    return { json: normalize(schema), problems: [] };
  }
  if (isObject(schema) && typeof schema.type === "string" && property(schema, "~standard") === undefined) {
    return { json: normalize(schema), problems: [] };
  }
  return {
    json: undefined,
    problems: [
      {
        code: "WEIR1003",
        path: [],
        complaint: "is of a library that gives no JSON Schema",
        fix: "Use Zod 4.2 or newer (not zod/mini), a library with Standard JSON Schema, or TypeBox.",
      },
    ],
  };
}

function fromStandard(standard: unknown): ConvertedSchema {
  try {
    const [output, input] = ["output", "input"].map((side) => {
      const convert = property(standard, side);
      if (typeof convert !== "function") throw new Error(`it has no ${side} schema`);
      const converted: unknown = convert.call(standard, { target: "draft-2020-12" });
      if (!isObject(converted)) throw new Error(`its ${side} schema is not an object`);
      return normalize(converted);
    });
    if (output === undefined || input === undefined) throw new Error("it gives no schema");
    if (canonicalJson(closed(output)) === canonicalJson(closed(input))) return { json: output, problems: [] };
    const problem: SchemaProblem = {
      code: "WEIR1010",
      path: [],
      complaint: "takes other documents than it gives",
      fix: "Describe the document as it is stored, and compute what differs in a derivation.",
    };
    return { json: output, problems: [problem] };
  } catch (error) {
    const problem: SchemaProblem = {
      code: "WEIR1003",
      path: [],
      complaint: `cannot be turned into JSON Schema: ${error instanceof Error ? error.message : String(error)}`,
      fix: "Use only types that JSON Schema describes.",
    };
    return { json: undefined, problems: [problem] };
  }
}

/** Zod closes objects on the output side only: that is no disagreement. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(
    ([name, member]) => !(name === "additionalProperties" && member === false && value.type === "object"),
  );
  return Object.fromEntries(members.map(([name, member]) => [name, closed(member)]));
}

/** As JSON would keep it; the draft is always 2020-12, so its name says nothing. */
function normalize(schema: object): JsonSchema {
  const plain: JsonObject = JSON.parse(JSON.stringify(schema));
  return dropAnnotations(plain);
}

function dropAnnotations(schema: JsonObject): JsonSchema {
  const { $schema: _draft, "~standard": _standard, ...rest } = schema;
  return rest;
}

function describesObject(schema: JsonSchema, root: JsonSchema = schema, depth = 0): boolean {
  if (depth > 16) return false;
  if (schema.type === "object") return true;
  if (typeof schema.$ref === "string") {
    const target = resolvePointer(root, schema.$ref);
    return isObject(target) && target !== schema && describesObject(target, root, depth + 1);
  }
  for (const name of ["anyOf", "oneOf"]) {
    const options = schema[name];
    if (Array.isArray(options)) {
      return (
        options.length > 0 &&
        options.every((each) => isObject(each) && describesObject(each, root, depth + 1))
      );
    }
  }
  const parts = schema.allOf;
  return (
    Array.isArray(parts) && parts.some((each) => isObject(each) && describesObject(each, root, depth + 1))
  );
}

function resolvePointer(root: JsonSchema, pointer: string): unknown {
  if (!pointer.startsWith("#")) return undefined;
  const steps = pointer
    .slice(1)
    .split("/")
    .filter((step) => step !== "");
  return steps
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>(property, root);
}

function property(value: unknown, name: string): unknown {
  const holds = (typeof value === "object" || typeof value === "function") && value !== null;
  return holds ? Reflect.get(value, name) : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
