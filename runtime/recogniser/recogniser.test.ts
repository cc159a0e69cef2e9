import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Recogniser } from "../../connectors/driver.ts";
import type { Json, JsonObject, JsonSchema } from "../../plan/plan.ts";
import { compileValidator } from "../validation.ts";
import { compileRecogniser } from "./recogniser.ts";

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

/** The text, or as much of it as is recognised: whole lines. */
function recognised(schema: JsonSchema, text: string | Buffer, most = Number.POSITIVE_INFINITY): string {
  const bytes = Buffer.from(text);
  const recognise = recogniserOf(schema);
  const { count, end } = recognise(bytes, 0, most);
  const found = bytes.toString("utf8", 0, end);
  expect(count).toBe(found === "" ? 0 : found.replace(/\n$/, "").split("\n").length);
  return found;
}

function recogniserOf(schema: JsonSchema): Recogniser {
  const recognise = compileRecogniser(schema);
  if (recognise === undefined) throw new Error(`No recogniser for ${JSON.stringify(schema)}.`);
  return recognise;
}

describe("a document that is written as usual", () => {
  const text = JSON.stringify(order);

  it("is recognised, whatever the order of its properties", () => {
    const turned = JSON.stringify(Object.fromEntries(Object.entries(order).reverse()));
    expect(recognised(shop, text)).toBe(text);
    expect(recognised(shop, turned)).toBe(turned);
  });

  it("is recognised with a space after commas and colons, as Python writes it", () => {
    const spaced = '{"kind": "placed", "count": 4, "tags": ["a", "b"]}';
    const schema = schemaOf(z.object({ kind: z.string(), count: z.int(), tags: z.array(z.string()) }));
    expect(recognised(schema, spaced)).toBe(spaced);
  });

  it("is recognised among others, and no more of them than is asked for", () => {
    expect(recognised(shop, `${text}\n${text}\n`)).toBe(`${text}\n${text}\n`);
    expect(recognised(shop, `${text}\n${text}\n`, 1)).toBe(`${text}\n`);
    const from = Buffer.byteLength(text) + 1;
    const all = Buffer.from(`${text}\n${text}\n${text}`);
    expect(recogniserOf(shop)(all, from, 9)).toEqual({ count: 2, end: all.length });
  });

  it.each(["x", " ", "{}", "\r\n", "\0\n"])("is not recognised with %j after it", (rest) => {
    expect(recognised(shop, `${text}\n${text}${rest}`)).toBe(`${text}\n`);
  });

  it("is not recognised without its end, whatever was looked at before", () => {
    const recognise = recogniserOf(shop);
    const bytes = Buffer.from(text);
    for (let length = 0; length < bytes.length; length++) {
      expect(recognise(bytes, 0, 1).count).toBe(1);
      expect(recognise(bytes.subarray(0, length), 0, 1).count).toBe(0);
    }
  });
});

describe("of many documents", () => {
  const schema = schemaOf(z.object({ n: z.int(), text: z.string() }));
  const lines = Array.from({ length: 20_000 }, (_, n) => JSON.stringify({ n, text: "é".repeat(n % 50) }));

  it("all are recognised, however many there are", () => {
    expect(recognised(schema, lines.join("\n"))).toBe(lines.join("\n"));
  });

  it("all but those that it does not know, between which it goes on", () => {
    const unknown = (n: number) => n % 1_000 === 7 || (n > 10_000 && n % 3 === 0);
    const mixed = lines.map((line, n) => (unknown(n) ? line.replace(":", " :") : line));
    const bytes = Buffer.from(`${mixed.join("\n")}\n`);
    const recognise = recogniserOf(schema);
    let found = 0;
    for (let at = 0; at < bytes.length; at = bytes.indexOf("\n", at) + 1 || bytes.length) {
      const { count, end } = recognise(bytes, at, Number.POSITIVE_INFINITY);
      found += count;
      at = end;
    }
    expect(found).toBe(lines.filter((_, n) => !unknown(n)).length);
  });

  it("those that are longer than its memory are left out", () => {
    const [short = "", long] = [lines[1], JSON.stringify({ n: 1, text: "x".repeat(1_000_000) })];
    expect(recognised(schema, `${short}\n${long}\n${short}\n`)).toBe(`${short}\n`);
    const fits = JSON.stringify({ n: 1, text: "x".repeat(100_000) });
    expect(recognised(schema, `${short}\n${fits}\n${short}\n`)).toBe(`${short}\n${fits}\n${short}\n`);
  });
});

describe("a string", () => {
  const schema = schemaOf(z.object({ s: z.string() }));

  it.each(["\\n", '\\"', "\n", "\0", "\x1f", "\t"])(
    "is not recognised with %j in it, wherever that is",
    (special) => {
      for (let length = 0; length < 40; length++) {
        for (let at = 0; at <= length; at++) {
          const text = `{"s":"${"x".repeat(at)}${special}${"x".repeat(length - at)}"}`;
          expect(recognised(schema, text), text).toBe("");
        }
      }
    },
  );

  it.each(["", " ", "!", "#", "[", "]", "\x7f", "é", "€", "😀"])(
    "is recognised with %j in it, however long it is",
    (usual) => {
      for (let length = 0; length < 40; length++) {
        for (let at = 0; at <= length; at++) {
          const text = `{"s":"${"x".repeat(at)}${usual}${"x".repeat(length - at)}"}\n`;
          expect(recognised(schema, text)).toBe(text);
        }
      }
    },
  );
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
  expect(recognised(schemaOf(z.object({ id: z.string(), n: z.int() })), text)).toBe("");
});

it.each([
  ["a pattern", z.object({ id: z.string().regex(/^a/) })],
  ["a length", z.object({ id: z.string().min(2) })],
  ["any value", z.object({ id: z.unknown() })],
  ["a record", z.record(z.string(), z.int())],
  ["a name that is Weir's", z.object({ _meta: z.string() })],
  ["a very long name", z.object({ ["n".repeat(2_000)]: z.string() })],
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
        fc.constantFrom(
          ...[
            "",
            " ",
            '"',
            "\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "0",
            "-",
            ".",
            "e",
            "\n",
            "\r",
            "\0",
            "a",
            "é",
          ],
        ),
      )
      .map(([at, taken, put]) => (text: string) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + put + text.slice(from + taken);
      }),
  },
);

it("recognises nothing that the parser or the validator would refuse, and ends where a line ends", () => {
  let [looked, found] = [0, 0];
  const kinds = objectKind(2).chain(({ schema, value }) =>
    fc.tuple(fc.constant(schema), fc.array(fc.tuple(value, damage), { maxLength: 30, minLength: 20 })),
  );
  fc.assert(
    fc.property(kinds, fc.nat({ max: 20 }), ([schema, documents], unaligned) => {
      const recognise = recogniserOf(schema);
      const validate = compileValidator(schema);
      const lines = documents.map(([document, change]) => change(JSON.stringify(document)));
      const bytes = Buffer.from(`${"x".repeat(unaligned)}${lines.join("\n")}`);
      for (let at = unaligned; at < bytes.length; at = bytes.indexOf("\n", at) + 1 || bytes.length) {
        const { count, end } = recognise(bytes, at, Number.POSITIVE_INFINITY);
        if (end < bytes.length && count > 0) expect(bytes[end - 1]).toBe(0x0a);
        const taken = bytes.toString("utf8", at, end).split("\n").slice(0, count);
        for (const line of taken) {
          expect(validate(JSON.parse(line)), `${JSON.stringify(schema)} ${line}`).toBeUndefined();
          expect(Object.hasOwn(JSON.parse(line), "_meta")).toBe(false);
        }
        expect(end - at).toBe(
          Buffer.byteLength(taken.map((line) => `${line}\n`).join("")) -
            (end === bytes.length && bytes.at(-1) !== 0x0a && count > 0 ? 1 : 0),
        );
        looked += count + 1;
        found += count;
        at = end;
      }
    }),
    { numRuns: 400 },
  );
  // Or it would show nothing.
  expect(found).toBeGreaterThan(300);
  expect(looked - found).toBeGreaterThan(300);
});

it("recognises the usual documents of every schema that it knows", () => {
  const usual = fc.constantFrom<Kind>(
    { schema: { type: "string" }, value: fc.stringMatching(/^[a-zé ]{0,40}$/) },
    { schema: { type: "integer" }, value: fc.integer() },
    { schema: { type: "integer", minimum: -3, maximum: 12 }, value: fc.integer({ min: -3, max: 12 }) },
    { schema: { type: "number" }, value: fc.integer().map((n) => n / 4) },
    { schema: { type: "boolean" }, value: fc.boolean() },
    {
      schema: { type: ["string", "null"], format: "date-time", pattern },
      value: fc.constantFrom(null, "2026-02-28T23:59:59.123456789Z"),
    },
    {
      schema: { type: "string", enum: ["a", "abcdefgh", "abcdefghi"] },
      value: fc.constantFrom("a", "abcdefgh", "abcdefghi"),
    },
  );
  const object = fc
    .dictionary(fc.constantFrom("a", "ab", "abcdefg", "abcdefgh", "é"), usual, { minKeys: 1 })
    .chain((kinds) =>
      fc.tuple(
        fc.constant({
          type: "object",
          properties: Object.fromEntries(Object.entries(kinds).map(([name, { schema }]) => [name, schema])),
        }),
        fc.array(
          fc.record(Object.fromEntries(Object.entries(kinds).map(([name, { value }]) => [name, value]))),
          { minLength: 1 },
        ),
      ),
    );
  fc.assert(
    fc.property(object, ([schema, documents]) => {
      // `-0` and `-0.25` are not usual.
      const text = documents
        .map((document) => `${JSON.stringify(document)}\n`)
        .join("")
        .replaceAll("-0.", "-1.");
      expect(recognised(schema, text)).toBe(text);
    }),
  );
});
