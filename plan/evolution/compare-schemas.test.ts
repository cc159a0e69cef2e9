import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { JsonSchema } from "../plan.ts";
import { compareSchemas } from "./compare-schemas.ts";
import { SCHEMA_RULES, type SchemaRuleName } from "./schema-rules.ts";

/** Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON. */
const json = (schema: z.ZodType): JsonSchema => z.toJSONSchema(schema) as JsonSchema;
const rules = (before: z.ZodType, after: z.ZodType): string[] =>
  compareSchemas(json(z.object({ f: before })), json(z.object({ f: after }))).map(({ path, rule }) =>
    path === "f" ? rule : `${path} ${rule}`,
  );
const [cat, dog] = [
  z.object({ kind: z.literal("cat"), lives: z.int() }),
  z.object({ kind: z.literal("dog"), tricks: z.int() }),
];

/** Each rule with pairs that fall under it, before and after. */
const pairs: Readonly<Record<SchemaRuleName, readonly (readonly [before: JsonSchema, after: JsonSchema])[]>> =
  {
    "added-optional": [[json(z.object({})), json(z.object({ f: z.string().optional() }))]],
    "added-to-open": [
      [json(z.looseObject({})), json(z.looseObject({ f: z.string().optional() }))],
      [{ type: "object" }, { type: "object", properties: { f: { type: "string" } } }],
      [
        { type: "object", additionalProperties: { type: "number" } },
        {
          ...{ type: "object", additionalProperties: { type: "number" } },
          properties: { f: { type: "integer" } },
        },
      ],
    ],
    "added-required": [[json(z.object({})), json(z.object({ f: z.string() }))]],
    removed: [
      [json(z.object({ f: z.string().optional() })), json(z.object({}))],
      [json(z.object({ f: z.string() })), json(z.object({}))],
    ],
    "required-to-optional": [[json(z.object({ f: z.int() })), json(z.object({ f: z.int().optional() }))]],
    "optional-to-required": [[json(z.object({ f: z.int().optional() })), json(z.object({ f: z.int() }))]],
    "null-allowed": [of(z.string(), z.string().nullable()), types("string", ["string", "null"])],
    "null-refused": [of(z.string().nullable(), z.string()), types(["null", "string"], "string")],
    "type-widened": [
      of(z.int(), z.number()),
      of(z.string(), z.union([z.string(), z.int()])),
      of(z.string(), z.unknown()),
      of(z.discriminatedUnion("kind", [cat]), z.discriminatedUnion("kind", [cat, dog])),
      types("integer", ["integer", "string"]),
    ],
    "type-narrowed": [
      of(z.number(), z.int()),
      of(z.union([z.string(), z.int()]), z.string()),
      of(z.unknown(), z.string()),
    ],
    "type-changed": [
      of(z.string(), z.int()),
      of(z.array(z.string()), z.string()),
      of(z.union([z.string(), z.int()]), z.union([z.string(), z.boolean()])),
    ],
    "values-added": [
      of(z.enum(["a"]), z.enum(["a", "b"])),
      of(z.enum(["a", "b"]), z.string()),
      of(z.literal("a"), z.enum(["b", "a"])),
    ],
    "values-removed": [
      of(z.enum(["a", "b"]), z.enum(["a"])),
      of(z.string(), z.enum(["a"])),
      of(z.enum(["a", "b"]), z.enum(["a", "c"])),
    ],
    "bounds-widened": [
      of(z.string().max(5), z.string().max(6)),
      of(z.string().min(1), z.string()),
      of(z.int().min(1), z.int().min(0)),
      of(z.array(z.int()).max(3), z.array(z.int())),
    ],
    "bounds-narrowed": [
      of(z.string().max(6), z.string().max(5)),
      of(z.number(), z.number().positive()),
      // Wider at one end does not make up for the other.
      of(z.int().min(1).max(9), z.int().min(0).max(8)),
    ],
    "format-removed": [of(z.iso.datetime(), z.string()), of(z.string().regex(/^a/), z.string())],
    "format-added": [of(z.string(), z.uuid()), of(z.string(), z.string().regex(/^a/))],
    "format-changed": [
      of(z.iso.date(), z.iso.datetime()),
      of(z.string().regex(/^a/), z.string().regex(/^b/)),
    ],
    opened: [[json(z.strictObject({ a: z.int() })), json(z.looseObject({ a: z.int() }))]],
    closed: [[json(z.looseObject({ a: z.int() })), json(z.strictObject({ a: z.int() }))]],
    unproved: [
      of(z.enum(["aa"]), z.string().min(5)),
      [
        { type: "object", properties: { f: { type: "string" } } },
        { type: "object", properties: { f: { type: "string", not: { const: "x" } } } },
      ],
      [
        { type: "object", properties: { f: { oneOf: [{ type: "integer" }] } } },
        { type: "object", properties: { f: { oneOf: [{ type: "integer" }, { type: "number" }] } } },
      ],
    ],
  };

function of(before: z.ZodType, after: z.ZodType): readonly [JsonSchema, JsonSchema] {
  return [json(z.object({ f: before })), json(z.object({ f: after }))];
}

function types(before: string | string[], after: string | string[]): readonly [JsonSchema, JsonSchema] {
  const schema = (type: string | string[]) => ({
    type: "object",
    properties: { f: { type } },
    required: ["f"],
  });
  return [schema(before), schema(after)];
}

describe.each(Object.entries(pairs))("%s", (rule, given) => {
  it.each(given.map((pair) => [JSON.stringify(pair), ...pair] as const))("%s", (_text, before, after) => {
    expect(compareSchemas(before, after).map((each) => each.rule)).toEqual([rule]);
    expect(compareSchemas(before, before)).toEqual([]);
    expect(compareSchemas(after, after)).toEqual([]);
  });
});

it("what widens one way narrows the other", () => {
  const opposite: Partial<Record<SchemaRuleName, SchemaRuleName>> = {
    "required-to-optional": "optional-to-required",
    "null-allowed": "null-refused",
    "type-widened": "type-narrowed",
    "values-added": "values-removed",
    "bounds-widened": "bounds-narrowed",
    "format-removed": "format-added",
    opened: "closed",
  };
  for (const [wider, narrower] of Object.entries(opposite)) {
    const [first] = pairs[wider as SchemaRuleName]; // a key of the object above
    if (first === undefined) throw new Error(`${wider} has no pair`);
    expect(compareSchemas(first[1], first[0]).map(({ rule }) => rule)).toEqual([narrower]);
    expect([SCHEMA_RULES[wider as SchemaRuleName].compatible, SCHEMA_RULES[narrower].compatible]).toEqual([
      true,
      false,
    ]);
  }
});

describe("places", () => {
  it("reaches into objects, arrays and records", () => {
    const shape = (leaf: z.ZodType) =>
      z.object({ a: z.object({ b: leaf }), list: z.array(z.object({ c: leaf })) });
    expect(rules(shape(z.int()), shape(z.number()))).toEqual([
      "f.a.b type-widened",
      "f.list[].c type-widened",
    ]);
    expect(rules(z.record(z.string(), z.int()), z.record(z.string(), z.string()))).toEqual([
      "f.* type-changed",
    ]);
  });

  it("reaches through a null and through references", () => {
    const [old, now] = [z.object({ a: z.int() }), z.object({ a: z.int(), b: z.int().optional() })];
    expect(rules(old.nullable(), now.nullable())).toEqual(["f.b added-optional"]);
    const node = (type: string): JsonSchema => ({
      ...{ type: "object", properties: { left: { $ref: "#/$defs/Node" }, right: { $ref: "#/$defs/Node" } } },
      $defs: { Node: { type: "object", properties: { value: { type } } } },
    });
    const found = compareSchemas(node("integer"), node("number")).map(({ path, rule }) => `${path} ${rule}`);
    expect(found).toEqual(["left.value type-widened", "right.value type-widened"]);
  });

  it("ends on a schema that refers to itself", () => {
    const none = { type: "null" };
    const tree = (type: string): JsonSchema => ({
      type: "object",
      properties: {
        value: { type },
        left: { anyOf: [{ $ref: "#" }, none] },
        right: { anyOf: [none, { $ref: "#" }] },
      },
    });
    expect(compareSchemas(tree("integer"), tree("integer"))).toEqual([]);
    const found = compareSchemas(tree("integer"), tree("string"));
    expect(found.find(({ path }) => path === "value")).toMatchObject({ rule: "type-changed" });
    expect(found.length).toBeLessThan(20);
    const knot: JsonSchema = {
      $ref: "#/$defs/A",
      $defs: { A: { anyOf: [{ $ref: "#/$defs/A" }, { $ref: "#/$defs/A" }] } },
    };
    expect(compareSchemas(knot, tree("integer")).length).toBeGreaterThan(0);
  });

  it("takes annotations and order for nothing", () => {
    const plain: JsonSchema = {
      type: "object",
      properties: { a: { type: "integer" }, b: {} },
      required: ["a", "b"],
    };
    const written: JsonSchema = {
      ...{ description: "d", required: ["b", "a"], type: "object" },
      properties: { b: { title: "t" }, a: { examples: [1], type: "integer", default: 1 } },
    };
    expect(compareSchemas(plain, written)).toEqual([]);
    // A field may bear an annotation's name.
    const field: JsonSchema = { type: "object", properties: { title: { type: "string" } } };
    expect(compareSchemas({ type: "object", properties: {} }, field).map(({ path }) => path)).toEqual([
      "title",
    ]);
  });
});
