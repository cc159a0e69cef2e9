import { Type } from "typebox";
import { expect, test } from "vitest";
import { z } from "zod";
import { convertSchema as convert } from "./convert.ts";

const convertSchema = (schema: unknown) => convert(schema, "document");

/** Each refused Zod type, and the code and path of what is said. */
const refused: readonly (readonly [name: string, schema: z.ZodType, code: string, path?: string])[] = [
  ["transform", z.string().transform((text) => text.length), "WEIR1004"],
  ["pipe", z.string().pipe(z.string().min(1)), "WEIR1004"],
  ["preprocess", z.preprocess(String, z.string()), "WEIR1004"],
  ["codec", z.codec(z.string(), z.int(), { decode: Number, encode: String }), "WEIR1004"],
  ["refine", z.string().refine((text) => text !== ""), "WEIR1004"],
  ["superRefine", z.string().superRefine(() => {}), "WEIR1004"],
  ["custom", z.custom<string>(() => true), "WEIR1004"],
  ["instanceof", z.instanceof(URL), "WEIR1004"],
  ["coerce", z.coerce.number(), "WEIR1004"],
  ["catch", z.string().catch(""), "WEIR1004"],
  ["default", z.string().default(""), "WEIR1004"],
  ["prefault", z.string().prefault(""), "WEIR1004"],
  ["trim", z.string().trim(), "WEIR1004"],
  ["lower case", z.string().toLowerCase(), "WEIR1004"],
  ["normalize", z.string().normalize(), "WEIR1004"],
  ["stringbool", z.stringbool(), "WEIR1004"],
  ["date", z.date(), "WEIR1005"],
  ["bigint", z.bigint(), "WEIR1005"],
  ["symbol", z.symbol(), "WEIR1005"],
  ["undefined", z.undefined(), "WEIR1005"],
  ["void", z.void(), "WEIR1005"],
  ["nan", z.nan(), "WEIR1005"],
  ["map", z.map(z.string(), z.int()), "WEIR1005"],
  ["set", z.set(z.string()), "WEIR1005"],
  ["file", z.file(), "WEIR1005"],
  ["promise", z.promise(z.string()), "WEIR1005"],
  ["optional", z.date().optional(), "WEIR1005"],
  ["nullable", z.date().nullable(), "WEIR1005"],
  ["readonly", z.date().readonly(), "WEIR1005"],
  ["array", z.array(z.date()), "WEIR1005", "field.[]"],
  ["tuple", z.tuple([z.string(), z.date()]), "WEIR1005", "field.[]"],
  ["record", z.record(z.string(), z.date()), "WEIR1005", "field.*"],
  ["union", z.union([z.string(), z.date()]), "WEIR1005"],
  [
    "intersection",
    z.intersection(z.object({ a: z.date() }), z.object({ b: z.string() })),
    "WEIR1005",
    "field.a",
  ],
  ["nested object", z.object({ at: z.date() }), "WEIR1005", "field.at"],
  ["lazy", z.lazy(() => z.date()), "WEIR1005"],
];
test.each(refused)("%s is refused at its field", (_name, schema, code, path = "field") => {
  const { problems, json } = convertSchema(z.object({ id: z.string(), field: schema }));
  expect(problems.map((each) => [each.code, each.path.join(".")])).toEqual([[code, path]]);
  expect(json).toBeUndefined();
});

/** Zod types whose whole meaning JSON Schema has. */
const accepted: readonly (readonly [name: string, schema: z.ZodType, json: object])[] = [
  ["string bounds", z.string().min(2).max(3), { type: "string", minLength: 2, maxLength: 3 }],
  ["regex", z.string().regex(/^a/), { type: "string", pattern: "^a" }],
  ["int with bounds", z.int().min(1).max(9), { type: "integer", minimum: 1, maximum: 9 }],
  ["number", z.number().gt(1).multipleOf(2), { type: "number", exclusiveMinimum: 1, multipleOf: 2 }],
  ["enum", z.enum(["a", "b"]), { type: "string", enum: ["a", "b"] }],
  ["literal", z.literal("a"), { type: "string", const: "a" }],
  ["nullable", z.boolean().nullable(), { type: ["boolean", "null"] }],
  ["array", z.array(z.string()).min(1), { type: "array", items: { type: "string" }, minItems: 1 }],
  [
    "loose object",
    z.looseObject({ a: z.string() }),
    { type: "object", additionalProperties: {}, required: ["a"], properties: { a: { type: "string" } } },
  ],
  ["description", z.string().meta({ description: "A name." }), { type: "string", description: "A name." }],
  ["unknown", z.unknown(), {}],
];
test.each(accepted)("%s is JSON Schema", (_name, schema, json) => {
  const converted = convertSchema(z.object({ field: schema }));
  expect(converted.problems).toEqual([]);
  expect(Object(converted.json?.properties).field).toEqual(json);
});

test("a date-time keeps its format", () => {
  const { json } = convertSchema(z.object({ at: z.iso.datetime() }));
  expect(Object(json?.properties).at).toMatchObject({ type: "string", format: "date-time" });
});

test("a plain object allows no other fields, and an optional one need not be there", () => {
  const { json, problems } = convertSchema(z.object({ a: z.string(), b: z.string().optional() }));
  expect(problems).toEqual([]);
  expect(json).toEqual({
    type: "object",
    properties: { a: { type: "string" }, b: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  });
});

test("all problems of a schema are told at once", () => {
  const { problems } = convertSchema(
    z.object({ a: z.date(), b: z.string().trim(), c: z.object({ d: z.bigint() }) }),
  );
  expect(problems.map((each) => each.path.join("."))).toEqual(["a", "b", "c.d"]);
});

test("a schema within itself is JSON Schema with a reference", () => {
  const tree = z.object({
    name: z.string(),
    get children() {
      return z.array(tree);
    },
  });
  const { json, problems } = convertSchema(tree);
  expect(problems).toEqual([]);
  expect(JSON.stringify(json)).toContain("$ref");
});

test("a union of objects is a document; a union with something else is not", () => {
  const objects = z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("a") }),
    z.object({ kind: z.literal("b") }),
  ]);
  expect(convertSchema(objects).problems).toEqual([]);
  expect(convertSchema(z.union([z.object({}), z.string()])).problems.map((each) => each.code)).toEqual([
    "WEIR1006",
  ]);
});

test("a TypeBox schema is taken as it is", () => {
  const { json, problems } = convertSchema(
    Type.Object({ id: Type.String(), n: Type.Optional(Type.Integer({ minimum: 0 })) }),
  );
  expect(problems).toEqual([]);
  expect(json).toEqual({
    type: "object",
    properties: { id: { type: "string" }, n: { type: "integer", minimum: 0 } },
    required: ["id"],
  });
});

test("what is no schema is said to be none", () => {
  for (const schema of [{}, { type: 7 }, () => true, { "~standard": { version: 1, vendor: "x" } }]) {
    expect(convertSchema(schema).problems.map((each) => each.code)).toEqual(["WEIR1003"]);
  }
});
