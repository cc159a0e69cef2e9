/** Derivations of several sources: as they stand in the plan, their functions' bundles, and what is wrong with them. */
import { expect, test } from "vitest";
import { bundlesOf } from "../../plan/bundle-references.ts";
import { loadBundle, project } from "./project.ts";

const HEAD = `import { z } from "zod";
import { capture, derive, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
const orders = capture("orders", http({ path: "/orders" }), {
  schema: z.object({ country: z.string(), id: z.string(), customer: z.string(), at: z.string(), cents: z.int() }),
  key: ["country", "id"],
  partitionBy: ["country"],
  partitions: 4,
});
const customers = capture("customers", http({ path: "/customers" }), {
  schema: z.object({ id: z.string(), day: z.string(), name: z.string() }),
  key: ["id", "day"],
});
const schema = z.object({ id: z.string(), n: z.int() });
const table = (name: string) => pg({ url: env("DATABASE_URL"), table: name });
`;

test("all that a derivation and a materialization can say stands in the plan, and every function has its bundle", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
const FACTOR = 10;
derive("named", {
  from: {
    orders: orders
      .where({ country: ["NL", "BE"] })
      .read({ from: "2026-01-01", until: "2026-07-01T02:00:00+02:00", priority: 1, readDelay: "10m" })
      .by((order) => [order.customer, order.at.slice(0, FACTOR)]),
    customers: customers.by("id", "day"),
  },
  schema: z.object({ id: z.string(), name: z.string().optional(), n: z.int() }),
  key: ["id"],
  params: { by: 2 },
  onError: "deadLetter",
  state: { schema: z.object({ name: z.string().optional(), n: z.int() }), initial: { n: 0 } },
  on: {
    *orders(order, { state, params }) {
      state.n += params.by * FACTOR;
      yield { id: order.id, name: state.name, n: state.n };
    },
    customers(customer, { state }) {
      state.name = customer.name;
    },
  },
  removed: {
    customers: (key, { state }) => {
      state.name = undefined;
      return { id: key.id, n: state.n };
    },
  },
})
  .renamedFrom("old")
  .materializeTo(table("named"), { backfill: 1, onSchemaChange: "backfill", renamedFrom: "old_table" });
orders.where({ country: "NL" }).materializeTo(table("dutch"));
orders.reduced().derive("changes", {
  schema,
  key: ["id"],
  transform: ({ before, after }) => (after ? { id: after.id, n: after.cents - (before?.cents ?? 0) } : undefined),
}).materializeTo(table("changes"));
`,
  });
  const build = await of.build();
  const { plan } = build;
  expect(plan.collections.orders).toMatchObject({ partitionBy: ["country"], partitions: 4 });
  expect(plan.collections.named).toMatchObject({ renamedFrom: "old" });
  const hash = { bundle: expect.stringMatching(/^[0-9a-f]{64}$/) };
  expect(plan.derivations.named).toEqual({
    sources: [
      {
        collection: "orders",
        where: { country: ["NL", "BE"] },
        name: "orders",
        from: "2026-01-01T00:00:00.000Z",
        until: "2026-07-01T00:00:00.000Z",
        priority: 1,
        readDelayMs: 600_000,
        by: [hash],
        transform: hash,
      },
      { collection: "customers", name: "customers", by: ["id", "day"], transform: hash, removed: hash },
    ],
    params: { by: 2 },
    onError: "deadLetter",
    state: { schema: expect.objectContaining({ required: ["n"] }), initial: { n: 0 } },
  });
  expect(plan.derivations.changes).toEqual({
    sources: [{ collection: "orders", reduced: true, transform: hash }],
    params: {},
  });
  expect(plan.materializations["postgres:named"]).toMatchObject({
    ...{ collection: "named", backfill: 1, onSchemaChange: "backfill", renamedFrom: "old_table" },
  });
  expect(plan.materializations["postgres:dutch"]).toMatchObject({ where: { country: ["NL"] } });
  expect(build.bundles.map((each) => each.hash)).toEqual([...bundlesOf(plan)].sort());

  const [first, second] = plan.derivations.named?.sources ?? [];
  const [by] = first?.by ?? [];
  const state = { n: 1, name: "Ada" };
  const context = { state, params: { by: 2 } };
  const outputs = (await loadBundle(build, first?.transform.bundle))({ id: "a" }, context);
  expect([...Object(outputs)]).toEqual([{ id: "a", name: "Ada", n: 21 }]);
  (await loadBundle(build, second?.transform.bundle))({ name: "Bob" }, context);
  expect(state).toEqual({ n: 21, name: "Bob" });
  const removed = await loadBundle(build, second?.removed?.bundle);
  expect(removed({ id: "b", day: "x" }, context)).toEqual({ id: "b", n: 21 });
  const shuffle = await loadBundle(build, typeof by === "object" ? by.bundle : undefined);
  expect(shuffle({ customer: "c", at: "2026-01-01T00:00:00Z" }, context)).toEqual(["c", "2026-01-01"]);
});

test("a plain flow's plan holds nothing that is as by default", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
customers.derive("names", { schema, key: ["id"], transform: ({ id }) => ({ id, n: 1 }) }).materializeTo(table("names"));
`,
  });
  const { plan } = await of.build();
  expect(Object.keys(plan.collections.customers ?? {}).sort()).toEqual(["key", "reduce", "schema"]);
  expect(plan.derivations.names).toEqual({
    sources: [{ collection: "customers", transform: { bundle: expect.any(String) } }],
    params: {},
  });
  expect(Object.keys(plan.materializations["postgres:names"] ?? {}).sort()).toEqual([
    ...["collection", "config", "connector", "guarantee"],
  ]);
});

test("one function in several places is one bundle", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
const count = ({ id }: { id: string }) => ({ id, n: 1 });
const customer = (document: { id: string }) => document.id;
derive("counts", {
  from: { orders: orders.by(customer), customers: customers.by(customer) },
  schema, key: ["id"],
  on: { orders: count, customers: count },
  removed: { orders: count },
}).materializeTo(table("counts"));
`,
  });
  expect((await of.build()).bundles).toHaveLength(2);
});

/** Code and message of what is wrong with a flow, with the text that each points at. */
async function told(flow: string): Promise<readonly (readonly string[])[]> {
  const text = `${HEAD}\n${flow}\n`;
  using of = project({ "main.flow.ts": text });
  const lines = text.split("\n");
  return (await of.compile()).diagnostics.map(({ code, line, column, endLine, endColumn, message }) => [
    code,
    (lines[line - 1] ?? "").slice(column - 1, endLine === line ? (endColumn ?? column) - 1 : undefined),
    message,
  ]);
}

/** A derivation of both sources by fields of their keys, with other members. */
const both = (members: string, from = 'orders: orders.by("id"), customers: customers.by("id")') => `
function twice(n: number) { return n * 2; }
function flow(local: number) {
  derive("both", { from: { ${from} }, schema, key: ["id"], ${members} }).materializeTo(table("both"));
}
flow(1);`;

const ON = "customers: () => undefined";
interface Named {
  readonly flow: string;
  readonly code: string;
  /** The text that is pointed at. */
  readonly at: string;
  readonly message: string;
}

const named: readonly Named[] = [
  {
    message: "This does not choose among the partitions: The collection has no partitionBy",
    code: "WEIR4005",
    at: "id",
    flow: 'customers.where({ id: "a" });',
  },
  {
    message: "The shuffle keys do not agree: orders has none",
    code: "WEIR3013",
    at: "orders",
    flow: both(`on: { orders: () => undefined, ${ON} }`, 'orders, customers: customers.by("id")'),
  },
  {
    message: "The transform does not fit: Type 'string' is not assignable to type 'number'",
    code: "WEIR3001",
    at: "transform",
    flow: `const wrong = ({ id }: { id: string }) => ({ id, n: id });
orders.derive("wrong", { schema, key: ["id"], transform: wrong });`,
  },
  {
    message: "The transform does not fit: Type '{ id: string; kind: \"b\"; }' is not assignable to type",
    code: "WEIR3001",
    at: '{ id, kind: "b" }',
    flow: `const a = z.object({ kind: z.literal("a"), id: z.string() });
const b = z.object({ kind: z.literal("b"), id: z.string(), n: z.int() });
orders.derive("wrong", {
  schema: z.discriminatedUnion("kind", [a, b]), key: ["id"], transform({ id }) { return { id, kind: "b" }; },
});`,
  },
  {
    message: "The transform does not fit: Object literal may only specify known properties, and 'idd'",
    code: "WEIR3001",
    at: "idd",
    flow: `import { remove } from "weir";
orders.derive("wrong", { schema, key: ["id"], transform({ id }) { return [{ id, n: 1 }, remove({ idd: id })]; } });`,
  },
  {
    message: "The handler orders of both captures the local variable local",
    code: "WEIR3003",
    at: "local",
    flow: both(`on: { orders: ({ id }) => ({ id, n: local }), ${ON} }`),
  },
  {
    message: "The removed handler customers of both captures the local",
    code: "WEIR3003",
    at: "local",
    flow: both(
      `on: { orders: () => undefined, ${ON} }, removed: { customers: ({ id }) => ({ id, n: local }) }`,
    ),
  },
  {
    message: "The shuffle key of orders in both captures the local",
    code: "WEIR3003",
    at: "local",
    flow: both(
      `on: { orders: () => undefined, ${ON} }`,
      'orders: orders.by((o) => o.id + local), customers: customers.by("id")',
    ),
  },
  {
    message: "The handler orders of both is asynchronous",
    code: "WEIR3005",
    at: "orders",
    flow: both(`on: { async orders() {}, ${ON} } as never`),
  },
  {
    message: "The handler orders of both is a bound function",
    code: "WEIR3006",
    at: "twice.bind(undefined) as never",
    flow: both(`on: { orders: twice.bind(undefined) as never, ${ON} }`),
  },
  {
    message: "The shuffle key of customers in both uses Date.now",
    code: "WEIR3011",
    at: "Date.now",
    flow: both(
      `on: { orders: () => undefined, ${ON} }`,
      'orders: orders.by("id"), customers: customers.by((c) => c.id + Date.now())',
    ),
  },
  {
    message: "The handler orders of both returns the field more",
    code: "WEIR3002",
    at: "more",
    flow: both(`on: { *orders({ id }) { yield { id, n: 1, more: 2 }; }, ${ON} }`),
  },
  {
    message: "The handler orders does not fit: Type 'string' is not assignable to type 'number'",
    code: "WEIR3001",
    at: "n",
    flow: both(`on: { orders: ({ id }) => { if (id) return { id, n: 1 }; return { id, n: "1" }; }, ${ON} }`),
  },
  {
    message: "The handler orders does not fit: The field n is missing",
    code: "WEIR3001",
    at: "{ id }",
    flow: both(`on: { *orders({ id }) { yield { id, n: 1 }; yield { id }; }, ${ON} }`),
  },
  {
    message: "Type 'string' is not assignable to type 'number'",
    code: "WEIR0001",
    at: "n",
    flow: both(`on: { orders({ id }) { const n: number = id; return { id, n }; }, ${ON} }`),
  },
  {
    message: "Argument of type 'string' is not assignable to parameter of type 'number'",
    code: "WEIR0001",
    at: "id",
    flow: both(`on: { orders({ id }) { return { id, n: twice(id) }; }, ${ON} }`),
  },
  {
    message: "The handlers are not those of the sources: others of on is not in from",
    code: "WEIR3016",
    at: "others",
    flow: both(`on: { orders: () => undefined, ${ON}, others: () => undefined }`),
  },
  {
    message: "The handlers are not those of the sources: orders is read reduced",
    code: "WEIR3016",
    at: "orders",
    flow: both(
      `on: { orders: () => undefined, ${ON} }, removed: { orders: () => undefined }`,
      'orders: orders.reduced().by("id"), customers: customers.by("id")',
    ),
  },
  {
    message: "This can be no part of a shuffle key",
    code: "WEIR3014",
    at: '"custmer"',
    flow: both(
      `on: { orders: () => undefined, ${ON} }`,
      'orders: orders.by("custmer"), customers: customers.by("id")',
    ),
  },
  {
    message: "The shuffle keys of both do not agree: value 1 is integer in orders and string in customers",
    code: "WEIR3013",
    at: '"id"',
    flow: both(
      `on: { orders: () => undefined, ${ON} }`,
      'orders: orders.by("cents" as never) as never, customers: customers.by("id")',
    ),
  },
  {
    message: "The field at of the state of both is a Date.",
    code: "WEIR1005",
    at: "z.date().optional()",
    flow: both(
      `state: { schema: z.object({ at: z.date().optional() }), initial: {} }, on: { orders: () => undefined, ${ON} }`,
    ),
  },
  {
    message: "The initial state does not fit its schema: ",
    code: "WEIR1013",
    at: "initial",
    flow: both(
      `state: { schema: z.object({ n: z.int() }), initial: {} }, on: { orders: () => undefined, ${ON} }`,
    ),
  },
];
test.each(named)("$message", async ({ flow, code, at, message }) => {
  expect(await told(flow)).toContainEqual([code, at, expect.stringContaining(message)]);
});

test("what stands after a function in a shuffle key may be at any place, and is for the types", async () => {
  const from =
    'orders: orders.by((o) => [o.country, o.id], "cents"), customers: customers.by("id", "day", (c) => c.name.length)';
  expect(await told(both(`on: { orders: () => undefined, ${ON} }`, from))).toEqual([]);
});

test("what a call of a method throws is not told beside what its types say, wherever that stands", async () => {
  const found = await told(both(`\n on: { orders: () => undefined,\n ${ON},\n others: () => undefined }`));
  expect(found.map(([code]) => code)).toEqual(["WEIR3016"]);
});

test("a cycle over any of several sources is found, and told once", async () => {
  const source = (collection: string) =>
    `{ collection: "${collection}", where: {}, priority: 0, reduced: false, name: "${collection}", by: ["id"], transform: (d: object) => d }`;
  const declare = (name: string, ...sources: string[]) => `
Reflect.get(globalThis, Symbol.for("weir.collector"))?.declare({
  kind: "derive", params: {}, stack: new Error().stack,
  collection: { name: "${name}", schema, key: ["id"], reduce: {}, partitionBy: [], partitions: 1 },
  sources: [${sources.map(source).join(", ")}],
});`;
  const flow = [
    declare("a", "orders", "c"),
    declare("b", "customers", "a"),
    declare("c", "orders", "b", "x"),
  ];
  const found = await told(`${flow.join("")}\nvoid [derive, table, env];`);
  expect(found.filter(([code]) => code === "WEIR4003").map(([, , message]) => message)).toEqual([
    "The collection a is derived from itself: a -> b -> c -> a.",
  ]);
  expect(found.filter(([code]) => code === "WEIR4002").map(([, , message]) => message)).toEqual([
    "The source of c, the collection x, is declared nowhere.",
  ]);
});

test("old names: each is free, and leads to one collection and one target", async () => {
  const plain = (name: string) =>
    `customers.derive("${name}", { schema, key: ["id"], transform: () => undefined })`;
  const found = await told(`
const a = ${plain("a")}.renamedFrom("customers");
const b = ${plain("b")}.renamedFrom("gone");
const c = ${plain("c")}.renamedFrom("gone");
const d = ${plain("d")}.renamedFrom("one").renamedFrom("two");
a.materializeTo(table("a"), { renamedFrom: "b" });
b.materializeTo(table("b"));
c.materializeTo(table("c"), { renamedFrom: "lost" });
d.materializeTo(table("d"), { renamedFrom: "lost" });
orders.materializeTo(table("orders"), { renamedFrom: "old_orders" });
void derive;
`);
  expect(found).toEqual([
    ["WEIR4007", '"customers"', "The collection a is renamed from customers, which is still declared."],
    [
      "WEIR4007",
      '"gone"',
      "Two collections are renamed from gone, and what is stored under it goes on under one.",
    ],
    ["WEIR4007", '"two"', "The collection d is renamed from two names, and only one of them was its last."],
    ["WEIR2004", '"b"', "postgres:a is renamed from postgres:b, which another materialization writes."],
    [
      "WEIR2004",
      '"lost"',
      "Two materializations are renamed from postgres:lost, and what it holds goes on in one.",
    ],
  ]);
});

test("bounds and partitions are told at the view, whatever it is a view for", async () => {
  const found = await told(`
const bounds = { from: "2026-02-01", until: "2026-02-01T00:00:00Z" } as const;
orders.where({ country: [1 as never] }).materializeTo(table("some"));
orders.read(bounds).derive("a", { schema, key: ["id"], transform: () => undefined }).materializeTo(table("a"));
const dutch = orders.where({ country: "NL" }).read(bounds).by("id");
derive("b", { from: { dutch }, schema, key: ["id"], on: { dutch: () => undefined } }).materializeTo(table("b"));
customers.materializeTo(table("customers"));
`);
  const early = "This reads nothing of orders: until 2026-02-01T00:00:00Z is not after from 2026-02-01.";
  expect(found).toEqual([
    ["WEIR4006", '"2026-02-01T00:00:00Z"', early],
    [
      "WEIR4005",
      "[1 as never]",
      "The partition field country of orders is of type string and never 1, so this reads nothing.",
    ],
  ]);
});
