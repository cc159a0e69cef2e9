import { describe, expect, it } from "vitest";
import type { JsonObject, ReduceStrategy } from "./plan.ts";
import { type Shardable, type ShardableSource, shardRule } from "./sharding.ts";

const closed = (properties: JsonObject, required = Object.keys(properties)): JsonObject => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const integer = { type: "integer" };
const members = { type: "array", items: { type: "string" } };

const orders: ShardableSource = { collection: "orders", key: ["id"], partitions: 4, by: [] };

function derivation(
  properties: JsonObject,
  reduce: Readonly<Record<string, ReduceStrategy>>,
  others: Partial<Shardable> = {},
): Shardable {
  const schema = closed({ who: { type: "string" }, ...properties });
  return {
    collection: { schema, key: ["who"], reduce },
    sources: [orders],
    hasState: false,
    removes: false,
    ...others,
  };
}

describe("outputs that combine alike in any order", () => {
  it.each<[string, Shardable]>([
    [
      "sums, exact sums, extremes",
      derivation(
        { n: integer, d: { type: "string" }, a: integer, b: integer },
        { n: "sum", d: { sum: "decimal" }, a: "min", b: "max" },
      ),
    ],
    ["a key alone", derivation({}, {})],
    ["a set that only adds", derivation({ tags: closed({ add: members }, []) }, { tags: "set" })],
    [
      "fields inside of a required object",
      derivation({ stats: closed({ n: integer }) }, { "stats.n": "sum" }),
    ],
    [
      "an optional sum",
      {
        ...derivation({ n: integer }, { n: "sum" }),
        collection: { schema: closed({ who: {}, n: integer }, ["who"]), key: ["who"], reduce: { n: "sum" } },
      },
    ],
  ])("%s", (_, shardable) => {
    expect(shardRule(shardable)).toEqual({ kind: "any-order", most: 4 });
  });

  it("takes as many shards as the source with the most partitions", () => {
    const sources = [orders, { ...orders, partitions: 6 }, { ...orders, partitions: 1 }];
    expect(shardRule(derivation({}, {}, { sources }))).toEqual({ kind: "any-order", most: 6 });
  });
});

describe("outputs for which order counts", () => {
  it.each<[Shardable, RegExp]>([
    [derivation({ name: { type: "string" } }, {}), /^its field name has no strategy/],
    [derivation({ name: { type: "string" } }, { name: "last" }), /^its field name combines by "last"/],
    [derivation({ name: { type: "string" } }, { name: "first" }), /by "first"/],
    [derivation({ log: members }, { log: "append" }), /by "append"/],
    [derivation({ log: members }, { log: { merge: { key: ["id"] } } }), /by "merge"/],
    [
      derivation({ tags: closed({ add: members, remove: members }, []) }, { tags: "set" }),
      /members can be removed/,
    ],
    [
      derivation({ tags: { type: "object", properties: { add: members } } }, { tags: "set" }),
      /members can be removed/,
    ],
    [
      derivation({ stats: closed({ n: integer, m: integer }) }, { "stats.n": "sum" }),
      /^its field stats\.m has no/,
    ],
    [
      {
        ...derivation({}, {}),
        collection: {
          schema: closed({ who: {}, stats: closed({ n: integer }) }, ["who"]),
          key: ["who"],
          reduce: { "stats.n": "sum" },
        },
      },
      /^its field stats may be absent/,
    ],
    [
      derivation({ stats: { anyOf: [closed({ n: integer }), { type: "null" }] } }, { "stats.n": "sum" }),
      /may be absent or null/,
    ],
    [
      {
        ...derivation({}, {}),
        collection: { schema: { type: "object", properties: { who: {} } }, key: ["who"], reduce: {} },
      },
      /^its schema allows fields/,
    ],
    [derivation({}, {}, { removes: true }), /removals/],
  ])("%#", (shardable, reason) => {
    const rule = shardRule(shardable);
    expect(rule).toMatchObject({ kind: "in-order", reason: expect.stringMatching(reason) });
    expect(rule).toMatchObject({ remedy: expect.stringMatching(/\. Or leave shards out\.$/) });
  });
});

describe("state", () => {
  const customers: ShardableSource = {
    collection: "customers",
    key: ["who", "day"],
    partitions: 4,
    by: ["who", "day"],
  };
  const stateful = (...sources: readonly ShardableSource[]) =>
    shardRule(derivation({ n: integer }, { n: "sum" }, { sources, hasState: true }));

  it("is cut where it is found by exactly the keys that partitions are cut by", () => {
    const byId = { ...orders, by: ["id"] };
    expect(stateful(byId)).toEqual({ kind: "any-order", most: 4 });
    expect(stateful(customers, { ...customers, key: ["a", "b.c"], by: ["a", "b.c"] })).toEqual({
      kind: "any-order",
      most: 4,
    });
  });

  it.each<[readonly ShardableSource[], RegExp]>([
    [[orders], /found by no shuffle key.*\(id\)/],
    [[{ ...orders, by: ["customer"] }], /found by customer,/],
    [[{ ...orders, by: [{}] }], /found by a function,/],
    [[{ ...customers, by: ["day", "who"] }], /found by day, who,/],
    [[{ ...customers, by: ["who"] }], /found by who,/],
    [[customers, { ...customers, partitions: 2 }], /4 and 2 partitions/],
  ])("stays whole otherwise (%#)", (sources, reason) => {
    expect(stateful(...sources)).toMatchObject({ kind: "in-order", reason: expect.stringMatching(reason) });
  });
});
