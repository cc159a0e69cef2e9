import { describe, expect, test, vi } from "vitest";
import { capture, derive, env, type Source, source, target } from "weir";
import { z } from "zod";
import { collected, uncollected } from "../test/types/collected.ts";

const guarantee = { delivery: "exactly-once", mechanism: "It is a test." } as const;
const feed = source({ connector: "feed", config: { at: env("FEED") }, resource: "feed", guarantee });
const sink = target({ connector: "sink", config: { to: "x", no: undefined }, resource: "x", guarantee });
const schema = z.object({ id: z.string(), n: z.int(), kind: z.enum(["a", "b"]) });
/** How a collection is read unless the flow says otherwise. */
const whole = { where: {}, from: undefined, until: undefined, priority: 0, readDelay: undefined };

const declarations = collected();

describe("what declaring calls report", () => {
  test("a capture, its schema as the user's own value", () => {
    capture("shop/orders", feed, { schema, key: ["id"], reduce: { n: "sum" } });
    expect(declarations).toEqual([
      {
        kind: "capture",
        collection: {
          name: "shop/orders",
          schema,
          key: ["id"],
          reduce: { n: "sum" },
          partitionBy: [],
          partitions: 1,
        },
        source: { connector: "feed", config: { at: { $env: "FEED" } }, guarantee },
        onError: "halt",
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

  test("logical partitions, and how many journals each has", () => {
    const definition = {
      schema,
      key: ["kind", "n", "id"],
      partitionBy: ["n", "kind"],
      partitions: 256,
    } as const;
    const orders = capture("orders", feed, definition);
    orders.derive("copy", { ...definition, transform: (order) => order });
    const partitioned = { collection: { partitionBy: ["n", "kind"], partitions: 256 } };
    expect(declarations).toMatchObject([partitioned, partitioned]);
  });

  test("a derivation, its functions as the user's own", () => {
    const transform = () => undefined;
    const removed = () => undefined;
    const orders = capture("orders", feed, { schema, key: ["id"] });
    const params = { limits: [1, { a: null }] };
    const continues = "0123456789ab";
    orders.derive("spend", { schema, key: ["kind", "id"], params, continues, transform, removed });
    expect(declarations[1]).toEqual({
      kind: "derive",
      collection: { name: "spend", schema, key: ["kind", "id"], reduce: {}, partitionBy: [], partitions: 1 },
      sources: [
        {
          collection: "orders",
          ...whole,
          name: undefined,
          reduced: false,
          by: undefined,
          transform,
          removed,
        },
      ],
      state: undefined,
      params,
      continues,
      onError: "halt",
      stack: expect.stringContaining("declaring.test.ts"),
    });
  });

  test("a derivation of several sources, in their order", () => {
    const orders = capture("orders", feed, { schema, key: ["kind", "id"], partitionBy: ["kind"] });
    const customers = capture("customers", feed, { schema, key: ["id"] });
    const part = ({ n }: { readonly n: number }) => [n] as const;
    const [toOrders, toCustomers, toTotals, gone] = [
      () => undefined,
      () => [],
      () => undefined,
      () => undefined,
    ];
    const stateSchema = z.object({ seen: z.array(z.string()), name: z.string().optional() });
    const derived = derive("enriched", {
      from: {
        z: orders
          .where({ kind: ["a", "b", "a"] })
          .read({ priority: 2, readDelay: "10m" })
          .by("id", part),
        customers: customers.read({ from: "2026-01-01", until: "2026-02-01T00:00:00Z" }).by("id", "n"),
        a: orders.reduced().by("id", "n"),
      },
      schema,
      key: ["id"],
      reduce: { n: "sum" },
      params: { limit: 1 },
      onError: "deadLetter",
      continues: "f".repeat(64),
      state: { schema: stateSchema, initial: { seen: [] } },
      // Another order than in `from`, which counts.
      on: { a: toTotals, z: toOrders, customers: toCustomers },
      removed: { customers: gone },
    });
    expect(derived.name).toBe("enriched");
    expect(declarations[2]).toEqual({
      kind: "derive",
      collection: {
        name: "enriched",
        schema,
        key: ["id"],
        reduce: { n: "sum" },
        partitionBy: [],
        partitions: 1,
      },
      sources: [
        {
          collection: "orders",
          ...whole,
          where: { kind: ["a", "b"] },
          priority: 2,
          readDelay: "10m",
          name: "z",
          reduced: false,
          by: ["id", part],
          transform: toOrders,
          removed: undefined,
        },
        {
          collection: "customers",
          ...whole,
          from: "2026-01-01",
          until: "2026-02-01T00:00:00Z",
          name: "customers",
          reduced: false,
          by: ["id", "n"],
          transform: toCustomers,
          removed: gone,
        },
        {
          collection: "orders",
          ...whole,
          name: "a",
          reduced: true,
          by: ["id", "n"],
          transform: toTotals,
          removed: undefined,
        },
      ],
      state: { schema: stateSchema, initial: { seen: [] } },
      params: { limit: 1 },
      continues: "f".repeat(64),
      onError: "deadLetter",
      stack: expect.stringContaining("declaring.test.ts"),
    });
    expect(declarations[2]?.kind === "derive" && declarations[2].state?.schema).toBe(stateSchema);
  });

  test("how each view of a collection is read", () => {
    const orders = capture("orders", feed, { schema, key: ["kind", "id"], partitionBy: ["kind"] });
    const definition = { schema, key: ["id"], transform: () => undefined } as const;
    orders.where({ kind: "a" }).derive("a", definition);
    orders.read({ readDelay: "1d", priority: -3 }).derive("b", definition);
    orders.reduced().derive("c", definition);
    orders.where({ kind: undefined }).read({}).reduced().derive("d", definition);
    orders.read({ from: "2026-01-01" }).reduced().derive("e", definition);
    const reads = declarations.slice(1).map((each) => each.kind === "derive" && each.sources[0]);
    const source = { collection: "orders", ...whole, reduced: false, name: undefined, by: undefined };
    const { transform } = definition;
    expect(reads).toEqual([
      { ...source, transform, where: { kind: ["a"] } },
      { ...source, transform, priority: -3, readDelay: "1d" },
      { ...source, transform, reduced: true },
      { ...source, transform, reduced: true },
      { ...source, transform, reduced: true, from: "2026-01-01" },
    ]);
  });

  test("a renaming", () => {
    const orders = capture("shop/orders", feed, { schema, key: ["id"] });
    expect(orders.renamedFrom("old-orders")).toBe(orders);
    expect(declarations[1]).toEqual({
      kind: "rename",
      collection: "shop/orders",
      from: "old-orders",
      stack: expect.stringContaining("declaring.test.ts"),
    });
  });

  test("every materialization of a chain", () => {
    const orders = capture("orders", feed, { schema, key: ["id"] });
    expect(orders.materializeTo(sink).materializeTo(sink)).toBe(orders);
    const materialization = {
      kind: "materialize",
      view: { collection: "orders", ...whole },
      resource: "x",
      target: { connector: "sink", config: { to: "x" }, guarantee, mode: "standard" },
      backfill: 0,
      onSchemaChange: "halt",
      renamedFrom: undefined,
      stack: expect.stringContaining("declaring.test.ts"),
    };
    expect(declarations.slice(1)).toEqual([materialization, materialization]);
  });

  test("a materialization's options, its target's mode, and the partitions that it takes", () => {
    const orders = capture("orders", feed, { schema, key: ["kind", "id"], partitionBy: ["kind"] });
    const delta = target({ connector: "sink", config: {}, resource: "x", guarantee, mode: "delta" });
    const view = orders.where({ kind: "b" });
    expect(view.materializeTo(delta, { backfill: 2, onSchemaChange: "backfill", renamedFrom: "y" })).toBe(
      view,
    );
    expect(declarations[1]).toMatchObject({
      view: { collection: "orders", ...whole, where: { kind: ["b"] } },
      target: { mode: "delta" },
      backfill: 2,
      onSchemaChange: "backfill",
      renamedFrom: "y",
    });
  });

  test("nothing, by views", () => {
    const orders = capture("orders", feed, { schema, key: ["kind", "id"], partitionBy: ["kind"] });
    orders.where({ kind: "a" }).read({ priority: 1 }).reduced().by("id");
    expect(declarations).toHaveLength(1);
  });

  test("the same, of a view that another copy of Weir made", async () => {
    const orders = capture("orders", feed, { schema, key: ["id"] });
    vi.resetModules();
    const other: typeof import("weir") = await import("weir");
    expect(other.derive).not.toBe(derive);
    other.derive("x", { from: { orders: orders.by("id") }, schema, key: ["id"], on: { orders() {} } });
    const theirs = other.capture(
      "theirs",
      other.source({ connector: "f", config: {}, resource: "f", guarantee }),
      {
        schema,
        key: ["id"],
      },
    );
    derive("y", {
      from: { orders: orders.by("n"), theirs: theirs.by("n") },
      schema,
      key: ["id"],
      on: { orders() {}, theirs() {} },
    });
    theirs.materializeTo(sink);
    expect(declarations.map(({ kind }) => kind)).toEqual([
      "capture",
      "derive",
      "capture",
      "derive",
      "materialize",
    ]);
    expect(declarations[3]).toMatchObject({ sources: [{ by: ["n"] }, { collection: "theirs", by: ["n"] }] });
  });

  test("nothing, without a collector", () => {
    uncollected();
    const orders = capture("orders", feed, { schema, key: ["id"] });
    orders.derive("copy", { schema, key: ["id"], transform: (order) => order }).materializeTo(sink);
    expect(orders.name).toBe("orders");
    expect(orders.key).toEqual(["id"]);
    expect(declarations).toEqual([]);
  });
});

test("what a flow holds and reports cannot be changed afterwards", () => {
  const key: ["kind", "id"] = ["kind", "id"];
  const partitionBy: ["kind"] = ["kind"];
  const params = { limits: [1] };
  const kinds: ("a" | "b")[] = ["a"];
  const initial = { seen: [""] };
  const orders = capture("orders", feed, { schema, key, partitionBy });
  const view = orders.where({ kind: kinds });
  view.derive("copy", { schema, key, params, transform: (order) => order });
  const by = view.by("id");
  const state = { schema: z.object({ seen: z.array(z.string()) }), initial };
  derive("several", { from: { by }, schema, key, state, on: { by() {} } });
  orders.renamedFrom("old").materializeTo(sink);
  key.pop();
  partitionBy.pop();
  params.limits.push(2);
  kinds.push("b");
  initial.seen.push("x");
  expect(orders.key).toEqual(["kind", "id"]);
  expect(declarations).toMatchObject([
    { collection: { partitionBy: ["kind"] } },
    { collection: { key: ["kind", "id"] }, params: { limits: [1] }, sources: [{ where: { kind: ["a"] } }] },
    { state: { initial: { seen: [""] } }, sources: [{ where: { kind: ["a"] } }] },
    {},
    {},
  ]);
  const held = [
    orders,
    orders.key,
    view,
    orders.read({}),
    orders.reduced(),
    by,
    feed,
    feed.config,
    feed.guarantee,
    sink,
  ];
  for (const value of [...held, ...declarations]) expect(frozenDeep(value)).toBe(true);
});

/** Frozen, and so is what it holds, but for the user's own schemas and functions. */
function frozenDeep(value: unknown, name: PropertyKey = ""): boolean {
  if (typeof value !== "object" || value === null || name === "schema") return true;
  return (
    Object.isFrozen(value) &&
    Reflect.ownKeys(value).every((each) => frozenDeep(Reflect.get(value, each), each))
  );
}
