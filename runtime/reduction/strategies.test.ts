import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HaltError } from "../../connectors/driver.ts";
import type { CollectionPlan, Json, JsonObject, ReduceStrategy } from "../../plan/plan.ts";
import { applyChange, Combiner, keysToLoad, withStored } from "./combiner.ts";
import { everyDocument, everyStrategy, historyOf, rowsAfter } from "./fixtures/every-strategy.ts";
import { compileKey } from "./key.ts";
import { compileReducer } from "./reducer.ts";

const one = (strategy: ReduceStrategy): CollectionPlan => ({
  schema: { type: "object", properties: { id: { type: "string" } } },
  key: ["id"],
  reduce: { v: strategy },
});
const combined = (strategy: ReduceStrategy, ...values: Json[]) => {
  const { reduce } = compileReducer(one(strategy));
  return values.map((v): JsonObject => ({ id: "a", v })).reduce(reduce).v;
};
const settled = (strategy: ReduceStrategy, v: Json) => compileReducer(one(strategy)).settle({ id: "a", v }).v;
const byKey: ReduceStrategy = { merge: { key: ["sku"] } };

describe("a strategy", () => {
  it("sums decimals exactly, with the digits of the longest fraction", () => {
    expect(combined({ sum: "decimal" }, "0.1", "0.2")).toBe("0.3");
    expect(combined({ sum: "decimal" }, "1.50", "0.5")).toBe("2.00");
    expect(combined({ sum: "decimal" }, "-0.05", "0.04")).toBe("-0.01");
    expect(combined({ sum: "decimal" }, "99999999999999999999999999.99", "0.01")).toBe(
      "100000000000000000000000000.00",
    );
    expect(settled({ sum: "decimal" }, "-007.10")).toBe("-7.10");
    expect(settled({ sum: "decimal" }, "-0.0")).toBe("0.0");
  });
  it("sums 64-bit integers exactly", () => {
    expect(combined({ sum: "int64" }, "9223372036854775806", "1")).toBe("9223372036854775807");
    expect(combined({ sum: "int64" }, "-9223372036854775807", "-1")).toBe("-9223372036854775808");
    expect(settled({ sum: "int64" }, "-00")).toBe("0");
  });
  it("appends in order", () => {
    expect(combined("append", [1], [], [2, [3]], [1])).toEqual([1, 2, [3], 1]);
  });
  it("adds to a set and removes from it; addition wins within one document", () => {
    expect(combined("set", { add: ["b", "a"] }, { remove: ["a"], add: ["c"] })).toEqual({
      add: ["b", "c"],
      remove: ["a"],
    });
    expect(combined("set", { remove: ["a"] }, { add: ["a"] })).toEqual({ add: ["a"] });
    expect(combined("set", {}, { add: ["a"], remove: ["a"] })).toEqual({ add: ["a"] });
    expect(settled("set", { add: ["b", "a", "b"], remove: ["x"] })).toEqual({ add: ["a", "b"] });
    expect(settled("set", { remove: ["x"] })).toEqual({ add: [] });
  });
  it("merges objects, in which no value that is none replaces an object", () => {
    expect(combined("merge", { a: 1, o: { x: 1 } }, { b: 2, o: { y: 2 } }, { a: null })).toEqual({
      a: null,
      b: 2,
      o: { x: 1, y: 2 },
    });
    expect(combined("merge", { o: { x: 1 } }, { o: null }, { o: { y: 1 } })).toEqual({ o: { x: 1, y: 1 } });
    expect(combined("merge", { o: [1] }, { o: [2] })).toEqual({ o: [2] });
  });
  it("merges arrays by the key of their elements", () => {
    const older = [{ sku: "a", n: 1 }, { sku: "b" }];
    expect(combined(byKey, older, [{ sku: "c" }, { sku: "a", m: 2 }])).toEqual([
      { sku: "a", n: 1, m: 2 },
      { sku: "b" },
      { sku: "c" },
    ]);
    expect(
      settled(byKey, [
        { sku: "a", n: 1 },
        { sku: "a", n: 2 },
      ]),
    ).toEqual([{ sku: "a", n: 2 }]);
  });
  it.each<[ReduceStrategy, Json]>([
    [{ sum: "decimal" }, "1"],
    ["append", [1]],
    ["set", { add: [1] }],
    ["merge", { a: 1 }],
    [byKey, [{ sku: "a" }]],
  ])("%j skips null where there is a value", (strategy, value) => {
    expect(combined(strategy, null, value)).toEqual(value);
    expect(combined(strategy, value, null)).toEqual(value);
    expect(settled(strategy, null)).toBe(null);
  });
});

it.each<[ReduceStrategy, Json, Json, string]>([
  [{ sum: "int64" }, "9223372036854775807", "1", "leaves the range of 64-bit integers"],
  [{ sum: "int64" }, "9223372036854775808", "-1", "takes strings of 64-bit integers"],
  [{ sum: "int64" }, "1.0", "1", "takes strings of 64-bit integers"],
  [{ sum: "decimal" }, "1e3", "1", 'takes strings such as "-12.50", but found "1e3"'],
  [{ sum: "decimal" }, 1, "1", "but found 1"],
  ["append", [1], {}, '"append" takes arrays, but found an object'],
  ["set", { add: [{}] }, {}, "strings, numbers or booleans as members, but found {}"],
  ["set", { more: 1 }, {}, 'found the field "more"'],
  ["merge", { a: 1 }, [1], '"merge" takes objects, but found [1]'],
  [byKey, [{ sku: "a" }], [{ n: 1 }], 'in its key (sku): {"n":1}'],
])("halts, naming field and key: %j of %j and %j", (strategy, a, b, message) => {
  expect(() => combined(strategy, a, b)).toThrow(HaltError);
  expect(() => combined(strategy, a, b)).toThrow('Field "v" of key "a": ');
  expect(() => combined(strategy, a, b)).toThrow(message);
});

describe("for every document", () => {
  const { reduce, reduceInto } = compileReducer(everyStrategy);
  it("reduction is associative, and the writing variant gives the same", () => {
    fc.assert(
      fc.property(everyDocument, everyDocument, everyDocument, (a, b, c) => {
        const before = JSON.stringify([a, b, c]);
        const left = reduce(reduce(a, b), c);
        expect(left).toStrictEqual(reduce(a, reduce(b, c)));
        expect(JSON.stringify([a, b, c])).toBe(before);
        expect(
          reduceInto(reduceInto(structuredClone(a), structuredClone(b)), structuredClone(c)),
        ).toStrictEqual(left);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("for every history and every way to split it", () => {
  it.each(["reduced in the target", "loaded and put"])(
    "the rows are those of all documents at once: %s",
    (way) => {
      const reducer = compileReducer(everyStrategy);
      const keys = compileKey(everyStrategy.key);
      fc.assert(
        fc.property(historyOf(everyDocument), (history) => {
          const rows = new Map<unknown, JsonObject>();
          const combiner = new Combiner(everyStrategy, reducer);
          const identity = (key: readonly unknown[]) => JSON.stringify(key);
          const store = () => {
            let changes = combiner.drain();
            if (way === "loaded and put") {
              const stored = keysToLoad(changes).map((key) => rows.get(identity(key)));
              changes = withStored(reducer, changes, stored);
            }
            for (const change of changes) {
              const row = applyChange(reducer, rows.get(identity(change.key)), change);
              if (row === undefined) rows.delete(identity(change.key));
              else rows.set(identity(change.key), row);
            }
          };
          for (const { document, remove, ends } of history) {
            if (remove) combiner.remove(document);
            else combiner.add(structuredClone(document));
            if (ends) store();
          }
          store();
          const expected = rowsAfter(history);
          expect(expected.map((row) => rows.get(identity(keys.values(row))))).toEqual(expected);
          expect(rows.size).toBe(expected.length);
        }),
        { numRuns: 500 },
      );
    },
  );
});
