import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Collection, capture, derive, env, source, target } from "weir";
import { z } from "zod";
import { collected } from "../test/types/collected.ts";

const guarantee = { delivery: "exactly-once", mechanism: "It is a test." } as const;
const feed = source({ connector: "feed", config: {}, resource: "feed", guarantee });
const sink = target({ connector: "sink", config: {}, resource: "x", guarantee });
const schema = z.object({ id: z.string(), n: z.int(), kind: z.enum(["a", "b"]) });
const declarations = collected();

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

  const partitioned = { schema, key: ["kind", "id"] } as const;
  test.for([
    [
      { partitionBy: "kind" },
      'capture("x"): partitionBy is not a list. Name fields of the key, as in partitionBy: ["kind"].',
    ],
    [
      { partitionBy: ["kind", "n"] },
      'capture("x") is partitioned by "n", which is not in its key: a document and its removal must meet. Name one of ' +
        "kind, id, or add the field to the key.",
    ],
    [{ partitionBy: [7] }, 'capture("x") is partitioned by 7, which is not in its key'],
    [{ partitionBy: ["id", "id"] }, 'capture("x") names the partition field "id" twice. Name it once.'],
    [
      { partitions: 0 },
      'capture("x"): partitions 0 is not an integer from 1 to 256. Give one, or leave it out for 1.',
    ],
    [{ partitions: 257 }, "partitions 257 is not an integer"],
    [{ partitions: 1.5 }, "partitions 1.5 is not an integer"],
    [{ partitions: Number.NaN }, "partitions NaN is not an integer"],
    [{ partitions: "4" }, 'partitions "4" is not an integer'],
    [{ partitions: null }, "partitions null is not an integer"],
  ] as const)("the partitions %j", ([options, message]) => {
    expect(() => untyped("x", { ...partitioned, ...options })).toThrow(message);
    expect(declarations).toEqual([]);
  });

  test.for(["0123456789a", "0123456789AB", "a".repeat(65), "shop/spend", 7, null])(
    "the continues %j",
    (continues) => {
      const message = `derive("x"): continues ${JSON.stringify(continues)} is not the hash of a definition. Give the 12 to 64 hex digits that weir diff shows, or leave it out.`;
      const orders = capture("orders", feed, { schema, key: ["id"] });
      const options = { schema, key: ["id"] as const, continues: continues as string };
      expect(() => orders.derive("x", { ...options, transform: (order) => order })).toThrow(message);
      const from = { orders: orders.by("id") };
      expect(() => derive("x", { ...options, from, on: { orders: (order) => order } })).toThrow(message);
      expect(declarations).toHaveLength(1);
    },
  );

  test.for(["drop", null, true, "deadletter"])("the onError %j", (onError) => {
    const message = `onError ${JSON.stringify(onError)} is unknown. Give "halt" or "deadLetter", or leave it out for "halt".`;
    expect(() => untyped("x", { schema, key: ["id"], onError })).toThrow(`capture("x"): ${message}`);
    const orders = capture("orders", feed, { schema, key: ["id"] });
    const options = { schema, key: ["id"] as const, onError: onError as "halt" };
    expect(() => orders.derive("x", { ...options, transform: (order) => order })).toThrow(
      `derive("x"): ${message}`,
    );
    const from = { orders: orders.by("id") };
    expect(() => derive("x", { ...options, from, on: { orders: (order) => order } })).toThrow(
      `derive("x"): ${message}`,
    );
    expect(declarations).toHaveLength(1);
  });

  test("where without partitions", () => {
    const all = capture("all", feed, { schema, key: ["id"] });
    // @ts-expect-error There is nothing to choose by.
    expect(() => all.where({ id: "a" })).toThrow(
      "all: where has nothing to choose by, since the collection has no logical partitions. Give it partitionBy, with fields of its key.",
    );
  });

  describe("of views", () => {
    // An untyped caller's collection.
    type Call = (...args: readonly unknown[]) => Loose;
    type Loose = Readonly<
      Record<"where" | "read" | "by" | "reduced" | "derive" | "materializeTo" | "renamedFrom", Call>
    >;
    let orders: Loose;
    beforeEach(() => {
      const typed: Collection<never> = capture("orders", feed, {
        ...partitioned,
        partitionBy: ["kind"],
      }) as never;
      orders = typed as never;
      declarations.length = 0;
    });
    const transform = () => undefined;

    test.for([
      [{ id: "a" }, 'orders: where names "id", which is not in partitionBy. Name one of kind.'],
      [{ kind: [] }, "orders: where: kind is an empty list, which reads nothing. Give a value."],
      [
        { kind: null },
        "orders: where: kind is not of strings, integers or booleans. Give a value, or a list of values.",
      ],
      [{ kind: ["a", 1.5] }, "orders: where: kind is not of strings, integers or booleans."],
      [{ kind: { in: ["a"] } }, "orders: where: kind is not of strings, integers or booleans."],
      ["a", "orders: where has no filter. Give values of kind."],
      [undefined, "orders: where has no filter."],
    ] as const)("where(%j)", ([filter, message]) => {
      expect(() => orders.where(filter)).toThrow(message);
    });

    const time =
      'is not a time. Give a date or an RFC 3339 time, as in from: "2026-01-01" or from: "2026-01-01T12:00:00Z".';
    test.for([
      [{ from: "yesterday" }, `orders: read: from "yesterday" ${time}`],
      [{ from: "2026-02-30" }, `orders: read: from "2026-02-30" ${time}`],
      [{ from: "2026-13-01T00:00:00Z" }, "is not a time"],
      [{ from: "2026-01-01T00:00:00" }, "is not a time"],
      [{ from: "2026-01-01T24:30:00Z" }, "is not a time"],
      [{ from: "2026-01-01 00:00:00Z" }, "is not a time"],
      [{ until: 0 }, "orders: read: until 0 is not a time"],
      [{ priority: 0.5 }, "orders: read: the priority 0.5 is not an integer. Give one, as in priority: 1."],
      [{ priority: "1" }, 'the priority "1" is not an integer'],
      [{ priority: Number.POSITIVE_INFINITY }, "the priority Infinity is not an integer"],
      [
        { readDelay: "10 minutes" },
        'orders: read: the readDelay "10 minutes" is not a duration. Give a whole number and one of ms, s, m, h and d, as in readDelay: "10m".',
      ],
      [{ readDelay: "1.5h" }, "is not a duration"],
      [{ readDelay: "-1s" }, "is not a duration"],
      [{ readDelay: "1w" }, "is not a duration"],
      [{ readDelay: "10" }, "is not a duration"],
      [{ readDelay: "99999999999999d" }, "is not a duration"],
      [{ readDelay: 10 }, "the readDelay 10 is not a duration"],
      [
        { delay: "10m" },
        'orders: read has no option "delay". Its options are from, until, priority, readDelay.',
      ],
      [
        undefined,
        "orders: read has no options. Give it from, until, priority, readDelay, or leave the call out.",
      ],
    ] as const)("read(%j)", ([options, message]) => {
      expect(() => orders.read(options)).toThrow(message);
    });

    test.for([
      [[], 'orders: by(…) has no shuffle key. Name fields, as in by("customer"), or give a function.'],
      [[""], 'orders: by(…) takes paths of fields and functions of the document, not "".'],
      [["id", 7], "orders: by(…) takes paths of fields and functions of the document, not 7."],
    ] as const)("by(%j)", ([key, message]) => {
      expect(() => orders.by(...key)).toThrow(message);
      expect(() => orders.reduced().by(...key)).toThrow(message);
    });

    test.for([
      [{}, 'derive("x") has no transform. Give it a function from a document to its outputs.'],
      [{ transform: 7 }, 'derive("x"): transform is no function.'],
      [{ transform, removed: {} }, 'derive("x"): removed is no function.'],
    ] as const)("derive(%j)", ([options, message]) => {
      expect(() => orders.derive("x", { ...partitioned, ...options })).toThrow(message);
    });

    test("removed of reduced documents", () => {
      expect(() => orders.reduced().derive("x", { ...partitioned, transform, removed: transform })).toThrow(
        'derive("x") has a removed, but reads reduced documents. Its transform sees a removal: there after is undefined.',
      );
    });

    test.for([
      ["Old", 'orders: renamedFrom("Old") is not a collection\'s name.'],
      [7, "orders: renamedFrom(7) is not a collection's name."],
      ["orders", "orders is renamed from its own name. Give the name that it had, or take renamedFrom away."],
    ] as const)("renamedFrom(%j)", ([name, message]) => {
      expect(() => orders.renamedFrom(name)).toThrow(message);
    });

    test.for([
      [
        { backfill: -1 },
        "orders: materializeTo(sink x): backfill -1 is no count. Give a whole number, as in backfill: 1.",
      ],
      [{ backfill: 0.5 }, "backfill 0.5 is no count"],
      [{ backfill: true }, "backfill true is no count"],
      [{ onSchemaChange: "drop" }, 'onSchemaChange "drop" is unknown. Give "halt" or "backfill".'],
      [{ renamedFrom: "" }, "renamedFrom is empty. Give the name that x had."],
      [
        { renamedFrom: "x" },
        "is renamed from its own name. Give the name that it had, or leave renamedFrom out.",
      ],
      [{ mode: "delta" }, 'has no option "mode". Its options are backfill, onSchemaChange, renamedFrom.'],
    ] as const)("materializeTo(…, %j)", ([options, message]) => {
      expect(() => orders.materializeTo(sink, options)).toThrow(message);
    });

    test.for([[undefined], [{}], [feed]])("materializeTo(%j), which is no target", ([no]) => {
      expect(() => orders.materializeTo(no)).toThrow(
        "orders: materializeTo has no target. Give it one, as in pg(",
      );
    });

    afterEach(() => expect(declarations).toEqual([]));
  });

  describe("of derivations of several sources", () => {
    const handler = () => undefined;
    const refused = (options: object) => () => derive("x", { schema, key: ["id"], ...options } as never);
    const state = z.object({});

    test.for<[(orders: Collection<z.infer<typeof schema>, ["id"], never>) => object, string]>([
      [() => ({}), 'derive("x") has no sources. Name them, as in from: { orders: orders.by("customer") }.'],
      [() => ({ from: {} }), 'derive("x") has no sources.'],
      [
        (orders) => ({ from: { orders }, on: { orders: handler } }),
        'derive("x"): the source orders has no shuffle key. Give it one, as in orders: orders.by("customer").',
      ],
      [() => ({ from: { a: 7 }, on: { a: handler } }), 'derive("x"): the source a has no shuffle key.'],
      [
        (orders) => ({ from: { "1": orders.by("id") }, on: { "1": handler } }),
        'derive("x") names a source "1". Use letters, digits and underscores, with a letter first.',
      ],
      [(orders) => ({ from: { "": orders.by("id") }, on: { "": handler } }), 'names a source "".'],
      [
        (orders) => ({ from: { a: orders.by("id"), b: orders.by("id") }, on: { a: handler } }),
        'derive("x") has no handler for b. Give on a function of that name.',
      ],
      [(orders) => ({ from: { a: orders.by("id") } }), 'derive("x") has no handler for a.'],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler, b: handler } }),
        'derive("x"): on names "b", which is not in from. Its sources are a.',
      ],
      [(orders) => ({ from: { a: orders.by("id") }, on: { a: {} } }), 'derive("x"): on.a is no function.'],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler }, removed: { b: handler } }),
        'derive("x"): removed names "b", which is not in from.',
      ],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler }, removed: { a: 7 } }),
        'derive("x"): removed.a is no function.',
      ],
      [
        (orders) => ({ from: { a: orders.reduced().by("id") }, on: { a: handler }, removed: { a: handler } }),
        'derive("x") has a removed for a, which is read reduced. Its handler in on sees a removal: there after is undefined.',
      ],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler }, state: { initial: {} } }),
        'derive("x"): state has no schema.',
      ],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler }, state: { schema: state } }),
        'derive("x"): state has no initial. Give the object that a shuffle key has before its first document.',
      ],
      [
        (orders) => ({
          from: { a: orders.by("id") },
          on: { a: handler },
          state: { schema: state, initial: [] },
        }),
        'derive("x"): state has no initial.',
      ],
      [
        (orders) => ({
          from: { a: orders.by("id") },
          on: { a: handler },
          state: { schema: state, initial: { at: new Date(0) } },
        }),
        "x: state.initial.at is a Date, which JSON cannot hold.",
      ],
      [
        (orders) => ({ from: { a: orders.by("id") }, on: { a: handler }, state: 7 }),
        'derive("x"): state has no schema.',
      ],
    ])("%s", ([options, message]) => {
      const orders = capture("orders", feed, { schema, key: ["id"] });
      expect(refused(options(orders as never))).toThrow(message);
      expect(declarations).toHaveLength(1);
    });
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
