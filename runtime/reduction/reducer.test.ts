import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HaltError } from "../../connectors/driver.ts";
import {
  type CollectionPlan,
  type JsonObject,
  REDUCE_STRATEGIES,
  type ReduceStrategy,
} from "../../plan/plan.ts";
import { compileReducer } from "./reducer.ts";

const collection = (reduce: Record<string, ReduceStrategy>, properties: JsonObject = {}): CollectionPlan => ({
  schema: { type: "object", properties: { id: { type: "string" }, ...properties } },
  key: ["id"],
  reduce,
});
const integer = { type: "integer" };

describe("a field with a strategy", () => {
  const reduce = (strategy: ReduceStrategy, older: JsonObject, newer: JsonObject) =>
    compileReducer(collection({ v: strategy }, { v: integer })).reduce(
      { id: "a", ...older },
      { id: "a", ...newer },
    ).v;

  it("combines", () => {
    expect(reduce("sum", { v: 2 }, { v: 3 })).toBe(5);
    expect(reduce("min", { v: 2 }, { v: 3 })).toBe(2);
    expect(reduce("max", { v: 2 }, { v: 3 })).toBe(3);
    expect(reduce("first", { v: 2 }, { v: 3 })).toBe(2);
    expect(reduce("last", { v: 2 }, { v: 3 })).toBe(3);
    expect(reduce("max", { v: "\ufffd" }, { v: "\u{1f600}" })).toBe("\u{1f600}");
    expect(reduce("min", { v: true }, { v: false })).toBe(false);
  });
  it.each(REDUCE_STRATEGIES)("%s skips absence on either side", (strategy) => {
    expect(reduce(strategy, { v: 2 }, {})).toBe(2);
    expect(reduce(strategy, {}, { v: 2 })).toBe(2);
    expect(reduce(strategy, {}, {})).toBeUndefined();
  });
  it("takes null for a value with first and last, and for less than one otherwise", () => {
    expect(reduce("first", { v: null }, { v: 1 })).toBe(null);
    expect(reduce("last", { v: 1 }, { v: null })).toBe(null);
    for (const strategy of ["sum", "min", "max"] as const) {
      expect(reduce(strategy, { v: null }, { v: 1 })).toBe(1);
      expect(reduce(strategy, { v: 1 }, { v: null })).toBe(1);
      expect(reduce(strategy, {}, { v: null })).toBe(null);
    }
  });
  it("keeps the latest instant of a date-time, whatever its text", () => {
    const reducer = compileReducer(
      collection({ at: "max" }, { at: { type: "string", format: "date-time" } }),
    );
    const older = { id: "a", at: "2026-01-01T00:00:00.5Z" };
    expect(reducer.reduce(older, { id: "a", at: "2026-01-01T00:00:00Z" }).at).toBe(older.at);
  });
});

describe("a field without a strategy", () => {
  it("is as the newer document has it, absence included", () => {
    const { reduce } = compileReducer(collection({ n: "sum" }));
    expect(reduce({ id: "a", n: 1, note: "x", kept: 1 }, { id: "a", n: 2, kept: 2 })).toEqual({
      id: "a",
      n: 3,
      kept: 2,
    });
  });
});

describe("nested objects", () => {
  const { reduce } = compileReducer(collection({ "stats.n": "sum", "stats.deep.max": "max" }));
  it("combine field by field where they hold a strategy", () => {
    expect(
      reduce(
        { id: "a", stats: { n: 1, note: "old", deep: { max: 3, x: 1 } }, other: { a: 1, b: 1 } },
        { id: "a", stats: { n: 2, deep: { max: 2 } }, other: { a: 2 } },
      ),
    ).toEqual({ id: "a", stats: { n: 3, deep: { max: 3 } }, other: { a: 2 } });
  });
  it("keep what has a strategy where the newer document lacks the object or has null", () => {
    expect(reduce({ id: "a", stats: { n: 1, note: "old" } }, { id: "a" })).toEqual({
      id: "a",
      stats: { n: 1 },
    });
    expect(reduce({ id: "a", stats: { n: 1 } }, { id: "a", stats: null })).toEqual({
      id: "a",
      stats: { n: 1 },
    });
    expect(reduce({ id: "a", stats: { note: "old" } }, { id: "a" })).toEqual({ id: "a" });
    expect(reduce({ id: "a", stats: null }, { id: "a" })).toEqual({ id: "a" });
  });
});

describe("errors", () => {
  it("name key, field and remedy where a sum of integers is no longer exact", () => {
    const { reduce } = compileReducer(collection({ n: "sum" }, { n: integer }));
    const older = { id: "a", n: Number.MAX_SAFE_INTEGER };
    expect(() => reduce(older, { id: "a", n: 1 })).toThrow(HaltError);
    expect(() => reduce(older, { id: "a", n: 1 })).toThrow(
      'Field "n" of key "a": the sum 9007199254740991 + 1 leaves the range of exact integers, ±9007199254740991; sum a larger unit, or make the field a number (z.number()) and accept rounding.',
    );
    expect(reduce(older, { id: "a", n: -1 }).n).toBe(Number.MAX_SAFE_INTEGER - 1);
  });
  it("let sums of fractions pass the exact integers, but not the numbers", () => {
    const { reduce } = compileReducer(collection({ n: "sum" }, { n: { type: "number" } }));
    expect(reduce({ id: "a", n: 2 ** 53 }, { id: "a", n: 2 ** 53 }).n).toBe(2 ** 54);
    expect(() => reduce({ id: "a", n: 1e308 }, { id: "a", n: 1e308 })).toThrow("leaves the range of numbers");
  });
  it("name what a strategy cannot take", () => {
    const { reduce } = compileReducer(collection({ n: "sum", m: "max" }));
    expect(() => reduce({ id: "a", n: 1 }, { id: "a", n: "x" })).toThrow(
      'Field "n" of key "a": "sum" takes numbers, but found a string',
    );
    expect(() => reduce({ id: "a", m: [] }, { id: "a", m: 1 })).toThrow("but found an array");
  });
  it("refuse plans that make no sense", () => {
    expect(() => compileReducer(collection({ id: "max" }))).toThrow("Key field");
    expect(() => compileReducer(collection({ a: "last", "a.b": "sum" }))).toThrow("inside it");
    expect(() => compileReducer(collection({ "a.__proto__": "last" }))).toThrow("__proto__");
  });
});

it("reads no field from Object.prototype", () => {
  const { reduce } = compileReducer(
    collection(
      Object.fromEntries<ReduceStrategy>([
        ["constructor", "last"],
        ["toString.n", "sum"],
      ]),
    ),
  );
  expect(reduce({ id: "a" }, { id: "a" })).toEqual({ id: "a" });
});

describe("for every document", () => {
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  const small = maybe(fc.integer({ min: -1000, max: 1000 }));
  const text = maybe(fc.string({ unit: "binary", maxLength: 3 }));
  const instant = fc.constantFrom(
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T01:00:00+01:00",
    "2026-01-01T00:00:00.50Z",
  );
  const inner = fc.record(
    {
      n: small,
      first: text,
      note: text,
      deep: maybe(fc.record({ max: text, x: small }, { requiredKeys: [], noNullPrototype: true })),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  const document: fc.Arbitrary<JsonObject> = fc.record(
    {
      id: fc.constant("a"),
      sum: small,
      min: text,
      max: small,
      at: instant,
      first: small,
      last: text,
      plain: small,
      stats: maybe(inner),
    },
    { requiredKeys: ["id"], noNullPrototype: true },
  );
  const plan = collection(
    {
      sum: "sum",
      min: "min",
      max: "max",
      at: "max",
      first: "first",
      last: "last",
      "stats.n": "sum",
      "stats.first": "first",
      "stats.deep.max": "max",
    },
    { sum: integer, at: { type: "string", format: "date-time" } },
  );
  const { reduce, reduceInto } = compileReducer(plan);

  it("reduction is associative", () => {
    fc.assert(
      fc.property(document, document, document, (a, b, c) => {
        expect(reduce(reduce(a, b), c)).toStrictEqual(reduce(a, reduce(b, c)));
      }),
      { numRuns: 1000 },
    );
  });
  it("arguments stay as they are, and the writing variant gives the same", () => {
    fc.assert(
      fc.property(document, document, (a, b) => {
        const before = JSON.stringify([a, b]);
        const result = reduce(a, b);
        expect(JSON.stringify([a, b])).toBe(before);
        expect(reduceInto(structuredClone(a), structuredClone(b))).toStrictEqual(result);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("where nothing but the key and fields with a strategy can be in a document", () => {
  const value = fc.option(fc.integer({ min: -3, max: 3 }), { nil: null });
  const document = fc.record(
    { id: fc.constant("a"), sum: value, min: value, first: value, last: value, log: fc.array(fc.nat(3)) },
    { requiredKeys: ["id"], noNullPrototype: true },
  );
  const open = collection(
    { sum: "sum", min: "min", first: "first", last: "last", log: "append" },
    { sum: {}, min: {}, first: {}, last: {}, log: {} },
  );
  const closed = { ...open, schema: { ...open.schema, additionalProperties: false } };

  it("the older of two documents that fit is written to, and the newer one stays", () => {
    const { reduce } = compileReducer(closed);
    const { reduceInto, keepsNewer } = compileReducer(closed, true);
    expect(keepsNewer).toBe(true);
    fc.assert(
      fc.property(document, document, document, (a, b, c) => {
        const before = JSON.stringify([b, c]);
        const older = structuredClone(a);
        expect(reduceInto(reduceInto(older, b), c)).toStrictEqual(reduce(reduce(a, b), c));
        expect(JSON.stringify([b, c])).toBe(before);
      }),
      { numRuns: 1000 },
    );
  });
  it("a failure names field and key", () => {
    const { reduceInto } = compileReducer(closed, true);
    expect(() => reduceInto({ id: "a", sum: 1 }, { id: "a", sum: "x" })).toThrow(
      'Field "sum" of key "a": "sum" takes numbers, but found a string',
    );
  });
  it.each([
    ["documents of a history may be of another schema", closed, false],
    ["the schema is open", open, true],
    ["a field has no strategy", { ...closed, reduce: { sum: "sum" } as const }, true],
    [
      "a field inside of another has one",
      { ...closed, reduce: { ...closed.reduce, "first.n": "sum" } as const },
      true,
    ],
    [
      "fields are described by a pattern",
      { ...closed, schema: { ...closed.schema, patternProperties: {} } },
      true,
    ],
  ])("not where %s", (_, plan, fits) => {
    const reduce = { ...plan.reduce } as Record<string, ReduceStrategy>;
    if ("first.n" in reduce) delete reduce.first;
    expect(compileReducer({ ...plan, reduce }, fits).keepsNewer).toBe(false);
  });
});
