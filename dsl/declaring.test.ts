import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { capture, env, type Source, source, target } from "weir";
import { z } from "zod";
import { COLLECTOR, type Collector, type Declaration } from "./declarations.ts";

const guarantee = { delivery: "exactly-once", mechanism: "It is a test." } as const;
const feed = source({ connector: "feed", config: { at: env("FEED") }, resource: "feed", guarantee });
const sink = target({ connector: "sink", config: { to: "x", no: undefined }, resource: "x", guarantee });
const schema = z.object({ id: z.string(), n: z.int(), kind: z.enum(["a", "b"]) });

// The compiler's place for its collector; see declarations.ts.
const realm = globalThis as { [COLLECTOR]?: Collector };
let declarations: Declaration[];
beforeEach(() => {
  declarations = [];
  realm[COLLECTOR] = { declare: (declaration) => declarations.push(declaration) };
});
afterEach(() => {
  delete realm[COLLECTOR];
});

describe("what declaring calls report", () => {
  test("a capture, its schema as the user's own value", () => {
    capture("shop/orders", feed, { schema, key: ["id"], reduce: { n: "sum" } });
    expect(declarations).toEqual([
      {
        kind: "capture",
        collection: { name: "shop/orders", schema, key: ["id"], reduce: { n: "sum" } },
        source: { connector: "feed", config: { at: { $env: "FEED" } }, guarantee },
        stack: expect.stringContaining("declaring.test.ts"),
      },
    ]);
    expect(declarations[0]?.kind === "capture" && declarations[0].collection.schema).toBe(schema);
  });

  test("a capture's provenance, in its source's configuration", () => {
    const lines: Source<{ readonly line: "integer" }> = source({
      connector: "lines",
      config: { path: "a" },
      resource: "a",
      guarantee,
    });
    capture("lines", lines, { schema, key: ["id"], provenance: { line: "n" } });
    expect(declarations[0]).toMatchObject({ source: { config: { path: "a", provenance: { line: "n" } } } });
  });

  test("a derivation, its transform as the user's own function", () => {
    const transform = () => undefined;
    const orders = capture("orders", feed, { schema, key: ["id"] });
    orders.derive("spend", { schema, key: ["kind", "id"], params: { limits: [1, { a: null }] }, transform });
    expect(declarations[1]).toEqual({
      kind: "derive",
      collection: { name: "spend", schema, key: ["kind", "id"], reduce: {} },
      source: "orders",
      transform,
      params: { limits: [1, { a: null }] },
      stack: expect.stringContaining("declaring.test.ts"),
    });
  });

  test("every materialization of a chain", () => {
    const orders = capture("orders", feed, { schema, key: ["id"] });
    expect(orders.materializeTo(sink).materializeTo(sink)).toBe(orders);
    const materialization = {
      kind: "materialize",
      collection: "orders",
      resource: "x",
      target: { connector: "sink", config: { to: "x" }, guarantee },
      stack: expect.stringContaining("declaring.test.ts"),
    };
    expect(declarations.slice(1)).toEqual([materialization, materialization]);
  });

  test("nothing, without a collector", () => {
    delete realm[COLLECTOR];
    const orders = capture("orders", feed, { schema, key: ["id"] });
    orders.derive("copy", { schema, key: ["id"], transform: (order) => order }).materializeTo(sink);
    expect(orders.name).toBe("orders");
    expect(orders.key).toEqual(["id"]);
    expect(declarations).toEqual([]);
  });
});

test("what a flow holds and reports cannot be changed afterwards", () => {
  const key: ["id"] = ["id"];
  const params = { limits: [1] };
  const orders = capture("orders", feed, { schema, key });
  orders.derive("copy", { schema, key, params, transform: (order) => order });
  key.pop();
  params.limits.push(2);
  expect(orders.key).toEqual(["id"]);
  expect(declarations[1]).toMatchObject({ collection: { key: ["id"] }, params: { limits: [1] } });
  for (const value of [orders, orders.key, feed, feed.config, feed.guarantee, ...declarations]) {
    expect(Object.isFrozen(value)).toBe(true);
  }
  expect(declarations[1]?.kind === "derive" && Object.isFrozen(declarations[1].params)).toBe(true);
});

// What the compiler refuses, and an untyped caller can still write.
describe("what is refused when it runs", () => {
  const untyped: (name: unknown, definition: unknown) => unknown = (name, definition) =>
    capture(name as string, feed, definition as { schema: typeof schema; key: ["id"] });

  test.for(["", "Orders", "a//b", "/a", "a/", "a b", "-a", "a/_b", "a.b", "ä", 7, undefined])(
    "the collection name %j",
    (name) => {
      expect(() => untyped(name, { schema, key: ["id"] })).toThrow(
        "is not a collection's name. Use segments",
      );
      expect(declarations).toEqual([]);
    },
  );

  test.for(["a", "0", "a/b/c", "a-b_c/9-x"])("but not the collection name %j", (name) => {
    untyped(name, { schema, key: ["id"] });
    expect(declarations).toHaveLength(1);
  });

  test.for([
    [
      { schema, key: [] },
      'capture("x") has no key. Name its key fields as a list of paths, as in key: ["id"].',
    ],
    [{ schema, key: [""] }, "has no key."],
    [{ schema, key: "id" }, "has no key."],
    [{ schema }, "has no key."],
    [
      { schema, key: ["id", "n", "id"] },
      'capture("x") names the key field "id" twice. Name each key field once.',
    ],
    [{ key: ["id"] }, 'capture("x") has no schema.'],
    [undefined, 'capture("x") has no definition.'],
  ] as const)("the definition %j", ([definition, message]) => {
    expect(() => untyped("x", definition)).toThrow(message);
    expect(declarations).toEqual([]);
  });

  test("a derivation without a transform", () => {
    const orders = capture("orders", feed, { schema, key: ["id"] });
    // @ts-expect-error A transform must be there.
    expect(() => orders.derive("x", { schema, key: ["id"] })).toThrow('derive("x") has no transform.');
  });

  test("params that JSON cannot hold, with their place", () => {
    const orders = capture("orders", feed, { schema, key: ["id"] });
    const refused = (params: object) => () =>
      // @ts-expect-error Params are JSON.
      orders.derive("x", { schema, key: ["id"], params, transform: () => undefined });
    expect(refused({ a: [{ since: new Date(0) }] })).toThrow(
      "x: params.a[0].since is a Date, which JSON cannot hold. Give a JSON value.",
    );
    expect(refused({ a: Number.NaN })).toThrow("x: params.a is NaN");
    expect(refused({ a: 1n })).toThrow("x: params.a is");
    expect(refused({ a: () => 1 })).toThrow("x: params.a is a function");
  });

  test.for(["", "1A", "A-B", "A B", "$A"])("the variable name %j", (name) => {
    expect(() => env(name)).toThrow("names no environment variable");
  });
});
