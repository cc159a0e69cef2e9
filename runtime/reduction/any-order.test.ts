/** What `plan/sharding.ts` takes to combine alike in any order does so. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { shardRule } from "../../plan/sharding.ts";
import { compileReducer } from "./reducer.ts";

const closed = (properties: JsonObject, required: readonly string[]): JsonObject => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const integer = { type: ["integer", "null"] };
const text = { type: "string" };
const time = { type: "string", format: "date-time" };

const collection: CollectionPlan = {
  schema: closed(
    {
      id: text,
      n: integer,
      decimal: text,
      int64: text,
      least: { type: ["string", "number", "boolean"] },
      latest: time,
      tags: closed({ add: { type: "array" } }, []),
      stats: closed({ n: integer, most: integer }, []),
    },
    ["id", "stats"],
  ),
  key: ["id"],
  reduce: {
    n: "sum",
    decimal: { sum: "decimal" },
    int64: { sum: "int64" },
    least: "min",
    latest: "max",
    tags: "set",
    "stats.n": "sum",
    "stats.most": "max",
  },
};

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const count = optional(fc.option(fc.integer({ min: -1000, max: 1000 })));
const scalar = fc.oneof(
  fc.constantFrom("a", "b", "é", "\u{10000}"),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
);
const document = fc
  .record(
    {
      n: count,
      decimal: optional(fc.constantFrom("0", "-0.0", "1.50", "007", "-12.125")),
      int64: optional(fc.constantFrom("0", "-5", "007", "4000000000000")),
      least: optional(scalar),
      latest: optional(
        fc.constantFrom(
          "2026-01-01T00:00:00Z",
          "2026-01-01T01:00:00+01:00",
          "2026-01-01T00:00:00.50Z",
          "2025-01-01T00:00:00Z",
        ),
      ),
      tags: optional(
        fc.record({ add: fc.array(scalar, { maxLength: 3 }) }, { requiredKeys: [], noNullPrototype: true }),
      ),
      stats: fc.record({ n: count, most: count }, { noNullPrototype: true }),
    },
    { noNullPrototype: true },
  )
  // As JSON has it: no undefined, no -0.
  .map((fields) => JSON.parse(JSON.stringify({ id: "k", ...fields })) as JsonObject);

it("documents of one key give the same row in any order and any grouping", () => {
  const source = { collection: "c", key: ["id"], partitions: 2, by: [] };
  const rule = shardRule({ collection, sources: [source], hasState: false, removes: false });
  expect(rule).toEqual({ kind: "any-order", most: 2 });
  const reducer = compileReducer(collection);
  const fold = (documents: readonly JsonObject[]) => documents.reduce((a, b) => reducer.reduce(a, b));
  const shuffled = fc.array(document, { minLength: 1, maxLength: 8 }).chain((documents) =>
    fc.record({
      documents: fc.constant(documents),
      order: fc.shuffledSubarray([...documents.keys()], { minLength: documents.length }),
      cut: fc.nat(documents.length),
    }),
  );
  fc.assert(
    fc.property(shuffled, ({ documents, order, cut }) => {
      const others = order.map((i) => documents[i] as JsonObject); // a permutation of the indices
      const groups = [others.slice(0, cut), others.slice(cut)].filter(({ length }) => length > 0);
      expect(reducer.settle(fold(groups.map(fold)))).toEqual(reducer.settle(fold(documents)));
    }),
    { numRuns: 2_000 },
  );
});
