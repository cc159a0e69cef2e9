import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json, JsonObject, JsonSchema } from "../plan/plan.ts";
import { compileRecogniser } from "./recogniser.ts";
import { compileValidator } from "./validation.ts";

const schemaOf = (schema: z.ZodType) => z.toJSONSchema(schema) as JsonSchema;

const shop = schemaOf(
  z.object({
    id: z.string(),
    at: z.iso.datetime(),
    kind: z.enum(["placed", "changed"]),
    count: z.int(),
    share: z.number(),
    small: z.int().min(-3).max(7),
    open: z.boolean(),
    note: z.string().nullable(),
    more: z.string().optional(),
    items: z.array(z.object({ sku: z.string(), cents: z.int() })),
    empty: z.array(z.string()),
  }),
);

const order = {
  id: "ä 1",
  at: "2026-01-31T23:59:59.123Z",
  kind: "placed",
  count: -9,
  share: 0.25,
  small: 7,
  open: true,
  note: null,
  items: [
    { sku: "a", cents: 1 },
    { cents: 20, sku: "b" },
  ],
  empty: [],
};

function recognise(schema: JsonSchema, text: string, from = 0): number | undefined {
  return compileRecogniser(schema)?.(Buffer.from(text), from);
}

describe("a document that is written as usual", () => {
  const text = JSON.stringify(order);

  it("is recognised, whatever the order of its properties", () => {
    expect(recognise(shop, text)).toBe(Buffer.byteLength(text));
    const turned = JSON.stringify(Object.fromEntries(Object.entries(order).reverse()));
    expect(recognise(shop, turned)).toBe(Buffer.byteLength(turned));
  });

  it("is recognised with a space after commas and colons, as Python writes it", () => {
    const spaced = '{"kind": "placed", "count": 4, "tags": ["a", "b"]}';
    const schema = schemaOf(z.object({ kind: z.string(), count: z.int(), tags: z.array(z.string()) }));
    expect(recognise(schema, spaced)).toBe(spaced.length);
  });

  it("is recognised among others", () => {
    expect(recognise(shop, `${text}\n${text}\n`, Buffer.byteLength(text) + 1)).toBe(
      2 * Buffer.byteLength(text) + 1,
    );
  });
});

it.each([
  ["a property twice", '{"id":"a","id":"b","n":1}'],
  ["a missing property", '{"id":"a"}'],
  ["a property that the schema does not have", '{"id":"a","n":1,"m":2}'],
  ["a string with an escape", '{"id":"\\u0061","n":1}'],
  ["a line break in a string", '{"id":"a\n","n":1}'],
  ["a number that begins with a zero", '{"id":"a","n":01}'],
  ["an integer that is too large to be exact", '{"id":"a","n":9007199254740993}'],
  ["an exponent", '{"id":"a","n":1e3}'],
  ["a fraction for an integer", '{"id":"a","n":1.5}'],
  ["an end that is missing", '{"id":"a","n":1'],
  ["an end in a string", '{"id":"a'],
  ["nothing", ""],
])("does not recognise %s", (_, text) => {
  expect(recognise(schemaOf(z.object({ id: z.string(), n: z.int() })), text)).toBe(-1);
});

it.each([
  ["a pattern", z.object({ id: z.string().regex(/^a/) })],
  ["a length", z.object({ id: z.string().min(2) })],
  ["any value", z.object({ id: z.unknown() })],
  ["a record", z.record(z.string(), z.int())],
])("has no recogniser for %s", (_, schema) => {
  expect(compileRecogniser(schemaOf(schema))).toBeUndefined();
});

it("has no recogniser for a rule that it does not know, wherever it is", () => {
  const schema = { type: "object", properties: { a: { type: "array", items: { type: "string", not: {} } } } };
  expect(compileRecogniser(schema)).toBeUndefined();
});

/** A schema, and values of which most fit it. */
interface Kind {
  readonly schema: JsonObject;
  readonly value: fc.Arbitrary<Json>;
}

const moment = fc
  .tuple(fc.integer({ min: 0, max: 9999 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
  .chain(([year, month, day]) =>
    fc
      .constantFrom(
        "T00:00:00Z",
        "T23:59:59.5Z",
        "T24:00:00Z",
        "T12:60:00Z",
        "T1:00:00Z",
        "T12:00:61Z",
        " 12:00:00Z",
      )
      .map(
        (time) =>
          `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}${time}`,
      ),
  );
const { pattern } = schemaOf(z.iso.datetime()) as { pattern: string };

const scalar: fc.Arbitrary<Kind> = fc.constantFrom<Kind>(
  { schema: { type: "string" }, value: fc.string({ unit: "binary" }) },
  { schema: { type: "string", enum: ["a", 'q"', "ü"] }, value: fc.constantFrom("a", 'q"', "ü", "b") },
  { schema: { type: "string", format: "date-time" }, value: moment },
  { schema: { type: "string", format: "date-time", pattern }, value: moment },
  { schema: { type: "integer" }, value: fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true })) },
  { schema: { type: "integer", minimum: -3, maximum: 12 }, value: fc.integer({ min: -5, max: 15 }) },
  { schema: { type: "number" }, value: fc.oneof(fc.double({ noNaN: true }), fc.integer()) },
  { schema: { type: "boolean" }, value: fc.boolean() },
  { schema: { anyOf: [{ type: "integer" }, { type: "null" }] }, value: fc.option(fc.integer()) },
  { schema: { type: ["string", "null"], format: "date-time" }, value: fc.option(moment) },
);

const kindAtMost = (depth: number): fc.Arbitrary<Kind> =>
  depth === 0
    ? scalar
    : fc.oneof(
        { weight: 2, arbitrary: scalar },
        {
          weight: 1,
          arbitrary: kindAtMost(depth - 1).map(({ schema, value }) => ({
            schema: { type: "array", items: schema },
            value: fc.array(value, { maxLength: 3 }),
          })),
        },
        { weight: 2, arbitrary: objectKind(depth - 1) },
      );

function objectKind(depth: number): fc.Arbitrary<Kind> {
  const properties = fc.dictionary(fc.constantFrom("a", "b", "a b", "é", "ab", "c"), kindAtMost(depth), {
    minKeys: 1,
    maxKeys: 4,
  });
  return fc.tuple(properties, fc.boolean(), fc.boolean()).map(([kinds, closed, required]) => ({
    schema: {
      type: "object",
      properties: Object.fromEntries(Object.entries(kinds).map(([name, { schema }]) => [name, schema])),
      ...(required ? { required: Object.keys(kinds).slice(0, 2) } : {}),
      ...(closed ? { additionalProperties: false } : {}),
    },
    value: fc
      .record(Object.fromEntries(Object.entries(kinds).map(([name, { value }]) => [name, value])), {
        requiredKeys: [],
      })
      .chain((object) =>
        fc
          .shuffledSubarray(Object.entries(object), { minLength: Object.keys(object).length })
          .map(Object.fromEntries),
      ),
  }));
}

/** A change of a text that may break it, or not. */
const damage = fc.oneof(
  { weight: 1, arbitrary: fc.constant((text: string) => text) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.nat(),
        fc.nat({ max: 2 }),
        fc.constantFrom("", " ", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\n", "a"),
      )
      .map(([at, taken, put]) => (text: string) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + put + text.slice(from + taken);
      }),
  },
);

it("recognises nothing that the parser or the validator would refuse, and ends where the document ends", () => {
  let recognised = 0;
  const kinds = objectKind(2).chain(({ schema, value }) =>
    fc.tuple(fc.constant(schema), fc.array(fc.tuple(value, damage), { maxLength: 30, minLength: 20 })),
  );
  fc.assert(
    fc.property(kinds, ([schema, documents]) => {
      const recogniser = compileRecogniser(schema);
      if (recogniser === undefined) throw new Error(`No recogniser for ${JSON.stringify(schema)}.`);
      const validate = compileValidator(schema);
      for (const [document, change] of documents) {
        const bytes = Buffer.from(change(JSON.stringify(document)));
        const end = recogniser(bytes, 0);
        if (end === -1) continue;
        recognised++;
        const text = bytes.toString("utf8", 0, end);
        expect(validate(JSON.parse(text)), `${JSON.stringify(schema)} ${text}`).toBeUndefined();
        expect(text).not.toContain("\n");
      }
    }),
    { numRuns: 60 },
  );
  // Or it would show nothing.
  expect(recognised).toBeGreaterThan(100);
});
