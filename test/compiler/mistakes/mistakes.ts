import type { DiagnosticCode } from "../../../compiler/diagnostics/registry.ts";

export interface Mistake {
  readonly title: string;
  /** The token at which it is to be caught is marked. */
  readonly flow: string;
  readonly code: DiagnosticCode;
  /** What message and fix say together. */
  readonly says: RegExp;
  /** It keeps the flow files from being evaluated, so that other files would be judged in part. */
  readonly alone?: boolean;
}

const ORDER =
  "z.object({ id: z.string(), customer: z.string(), cents: z.int(), placedAt: z.iso.datetime(), note: z.string().nullable(), weight: z.number(), from: z.object({ city: z.string() }), coupon: z.string().optional() })";
const ORDERS = `const orders = capture("§/orders", http({ path: "/§" }), { schema: ${ORDER}, key: ["id"] });`;
const SPEND = "z.object({ customer: z.string(), cents: z.int() })";

/** A derivation of orders that goes nowhere else, so that it must go somewhere. */
function spend(transform: string, rest = "", before = ""): string {
  return `${ORDERS}
${before}
orders
  .derive("§/spend", { schema: ${SPEND}, key: ["customer"],${rest}
    ${transform},
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`;
}

function captured(schema: string, rest: string): string {
  return `capture("§/things", http({ path: "/§" }), { schema: ${schema}, ${rest} })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`;
}

function target(call: string): string {
  return `${ORDERS}
orders.derive("§/spend", { schema: ${SPEND}, key: ["customer"], reduce: { cents: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents }),
}).materializeTo(${call});`;
}

function joined(from: string, on: string, rest = ""): string {
  return `${ORDERS}
const customers = capture("§/customers", http({ path: "/§/customers" }), {
  schema: z.object({ id: z.string(), region: z.int(), name: z.string() }), key: ["id"],
});
derive("§/joined", {
  from: ${from},
  schema: z.object({ customer: z.string(), name: z.string().optional(), cents: z.int() }), key: ["customer"], ${rest}
  on: ${on},
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`;
}

const BOTH = "{ orders(order) { return { customer: order.customer, cents: order.cents }; }, customers() {} }";

export const MISTAKES: readonly Mistake[] = [
  {
    title: "a key is misspelled",
    flow: captured("z.object({ customer: z.string() })", 'key: [⟦"custmer"⟧]'),
    code: "WEIR1001",
    says: /"customer"/,
  },
  {
    title: "a key field is optional",
    flow: captured(ORDER, 'key: [⟦"coupon"⟧]'),
    code: "WEIR1001",
    says: /Name required fields/,
  },
  {
    title: "a key field is nullable",
    flow: captured(ORDER, 'key: [⟦"note"⟧]'),
    code: "WEIR1001",
    says: /Name required fields/,
  },
  {
    title: "a key field may hold fractions",
    flow: captured(ORDER, 'key: ["id", ⟦"weight"⟧]'),
    code: "WEIR1001",
    says: /z\.int\(\)/,
  },
  {
    title: "an integer is written as number().int()",
    flow: captured("z.object({ n: z.number().int(), s: z.string() })", 'key: [⟦"n"⟧]'),
    code: "WEIR1001",
    says: /z\.int\(\)/,
  },
  {
    title: "a key field is an object",
    flow: captured(ORDER, 'key: [⟦"from"⟧]'),
    code: "WEIR1001",
    says: /from\.city/,
  },
  {
    title: "the key is no list",
    flow: captured(ORDER, '⟦key⟧: "id"'),
    code: "WEIR1001",
    says: /readonly/,
    alone: true,
  },
  {
    title: "a reduction names no field",
    flow: captured(ORDER, 'key: ["id"], reduce: { cent: ⟦"sum"⟧ }'),
    code: "WEIR1002",
    says: /cents/,
  },
  {
    title: "a string is summed",
    flow: captured(ORDER, 'key: ["id"], reduce: { customer: ⟦"sum"⟧ }'),
    code: "WEIR1002",
    says: /needs numbers/,
  },
  {
    title: "a strategy is misspelled",
    flow: captured(ORDER, 'key: ["id"], reduce: { cents: ⟦"summ"⟧ }'),
    code: "WEIR1002",
    says: /Use one of sum, min/,
  },
  {
    title: "a key field has a reduction",
    flow: captured(ORDER, 'key: ["id"], reduce: { id: ⟦"max"⟧ }'),
    code: "WEIR1008",
    says: /Remove id from reduce/,
  },
  {
    title: "a schema transforms",
    flow: captured("z.object({ id: ⟦z.string()⟧.transform((id) => id.trim()) })", 'key: ["id"]'),
    code: "WEIR1004",
    says: /transform/,
  },
  {
    title: "a schema refines",
    flow: captured("z.object({ id: ⟦z.string()⟧.refine((id) => id.length > 2) })", 'key: ["id"]'),
    code: "WEIR1004",
    says: /refine/,
  },
  {
    title: "a schema holds a Date",
    flow: captured("z.object({ id: z.string(), at: ⟦z.date()⟧ })", 'key: ["id"]'),
    code: "WEIR1005",
    says: /z\.iso\.datetime/,
  },
  {
    title: "a document is a list",
    flow: `capture("§/things", http({ path: "/§" }), { schema: ⟦z.array(z.object({ id: z.string() }))⟧, key: ["id"] as never });`,
    code: "WEIR1006",
    says: /object/,
    alone: true,
  },
  {
    title: "a transform misses a field",
    flow: spend("transform: (order) => (⟦{⟧ customer: order.customer })"),
    code: "WEIR3001",
    says: /cents/,
  },
  {
    title: "a transform mistypes a field",
    flow: spend("transform: (order) => ({ customer: order.customer, ⟦cents⟧: order.placedAt })"),
    code: "WEIR3001",
    says: /'string' is not assignable to type 'number'/,
  },
  {
    title: "a transform returns a field too many",
    flow: spend(
      "transform: (order) => ({ customer: order.customer, cents: order.cents, ⟦note⟧: order.note })",
    ),
    code: "WEIR3002",
    says: /Add note to the schema, or leave it out/,
  },
  {
    title: "a transform misspells a field of the document",
    flow: spend("transform: (order) => ({ customer: order.⟦custmer⟧, cents: order.cents })"),
    code: "WEIR0001",
    says: /Did you mean 'customer'/,
  },
  {
    title: "a transform uses a variable of its loop",
    flow: `${ORDERS}
for (const rate of [1, 2]) {
  orders.derive(\`§/spend-\${rate}\`, { schema: ${SPEND}, key: ["customer"],
    transform: (order) => ({ customer: order.customer, cents: order.cents * ⟦rate⟧ }),
  }).materializeTo(pg({ url: env("DATABASE_URL"), table: \`§-\${rate}\` }));
}`,
    code: "WEIR3003",
    says: /params/,
  },
  {
    title: "a transform counts in a variable",
    flow: spend(
      "transform: (order) => { ⟦seen⟧ += 1; return { customer: order.customer, cents: seen }; }",
      "",
      "let seen = 0;",
    ),
    code: "WEIR3012",
    says: /const|state/,
  },
  {
    title: "a transform is asynchronous",
    flow: `${ORDERS}
const lookUp: any = async (order: { customer: string; cents: number }) => ({ customer: order.customer, cents: order.cents });
orders.derive("§/spend", { schema: ${SPEND}, key: ["customer"], transform: ⟦lookUp⟧ })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR3005",
    says: /capture/,
  },
  {
    title: "a transform reads the clock",
    flow: spend("transform: (order) => ({ customer: order.customer, cents: ⟦Date.now()⟧ })"),
    code: "WEIR3011",
    says: /document/,
  },
  {
    title: "a transform reads a file",
    flow: `// @ts-expect-error The types of Node are not installed.
import { readFileSync } from "node:fs";\n${spend('transform: (order) => ({ customer: ⟦readFileSync⟧(order.id, "utf8"), cents: 1 })')}`,
    code: "WEIR3008",
    says: /capture/,
  },
  {
    title: "a flow file reads the environment",
    flow: target('pg({ url: process.env.⟦DATABASE_URL⟧!, table: "§" })').replace(
      /^/,
      "declare const process: { env: Record<string, string> };\n",
    ),
    code: "WEIR0007",
    says: /env\("DATABASE_URL"\)/,
    alone: true,
  },
  {
    title: "a password stands in a URL",
    flow: target('⟦pg⟧({ url: "postgres://me:secret@db/shop", table: "§" })'),
    code: "WEIR0006",
    says: /env\(/,
    alone: true,
  },
  {
    title: "a Redis key names what is not a key",
    flow: target('redis({ url: env("REDIS_URL"), key: ⟦"spend:{cents}"⟧ })'),
    code: "WEIR2002",
    says: /\{customer\}/,
  },
  {
    title: "a Redis key names nothing of the document",
    flow: target('redis({ url: env("REDIS_URL"), ⟦key⟧: "spend" })'),
    code: "WEIR2001",
    says: /\{customer\}/,
    alone: true,
  },
  {
    title: "two targets write one table",
    flow: `${target('pg({ url: env("DATABASE_URL"), table: "§" })')}
orders.materializeTo(⟦pg⟧({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR2003",
    says: /one/,
  },
  {
    title: "two collections have one name",
    flow: `${ORDERS}
orders.materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));
capture(⟦"§/orders"⟧, http({ path: "/§/again" }), { schema: ${ORDER}, key: ["id"] });`,
    code: "WEIR4001",
    says: /name/,
  },
  {
    title: "nothing uses a collection",
    flow: ORDERS.replace('"§/orders"', '⟦"§/orders"⟧'),
    code: "WEIR4004",
    says: /materialize it/,
  },
  {
    title: "a removal names another field",
    flow: spend(
      "transform: (order) => (order.cents < 0 ? remove({ ⟦id⟧: order.id }) : { customer: order.customer, cents: order.cents })",
    ),
    code: "WEIR3001",
    says: /customer/,
  },
  {
    title: "a Postgres type cannot hold the field",
    flow: target('pg({ url: env("DATABASE_URL"), table: "§", columns: { cents: { type: ⟦"boolean"⟧ } } })'),
    code: "WEIR2005",
    says: /use bigint, numeric/,
  },
  {
    title: "a column is of no field",
    flow: target('pg({ url: env("DATABASE_URL"), table: "§", columns: { cent: ⟦{⟧ name: "total" } } })'),
    code: "WEIR2005",
    says: /columns may name customer, cents/,
  },
  {
    title: "a key column is left out",
    flow: target('pg({ url: env("DATABASE_URL"), table: "§", columns: { customer: ⟦false⟧ } })'),
    code: "WEIR2005",
    says: /give it a column/,
    alone: true,
  },
  {
    title: "a Drizzle column is of another type",
    flow: target('pg({ url: env("DATABASE_URL"), table: ⟦drizzleTable⟧ })'),
    code: "WEIR2005",
    says: /use bigint, numeric/,
  },
  {
    title: "shuffle keys differ in number",
    flow: joined('{ orders: orders.by("customer", "id"), ⟦customers⟧: customers.by("id") }', BOTH),
    code: "WEIR3013",
    says: /shuffle key/,
  },
  {
    title: "shuffle keys differ in type",
    flow: joined('{ orders: orders.by("customer"), ⟦customers⟧: customers.by("region") }', BOTH),
    code: "WEIR3013",
    says: /shuffle key/,
  },
  {
    title: "a source has no handler",
    flow: joined(
      '{ orders: orders.by("customer"), customers: customers.by("id") }',
      "{ orders() {} }",
    ).replace(/on: (?=\{ orders)/, "⟦on⟧: "),
    code: "WEIR3016",
    says: /customers/,
    alone: true,
  },
  {
    title: "a handler has no source",
    flow: joined(
      '{ orders: orders.by("customer"), customers: customers.by("id") }',
      "{ orders() {}, customers() {}, ⟦refunds⟧() {} }",
    ),
    code: "WEIR3016",
    says: /refunds/,
    alone: true,
  },
  {
    title: "a state begins as what it is not",
    flow: joined(
      '{ orders: orders.by("customer"), customers: customers.by("id") }',
      BOTH,
      'state: { schema: z.object({ n: z.int() }), initial: { ⟦n⟧: "0" } },',
    ),
    code: "WEIR1013",
    says: /number/,
  },
  {
    title: "a handler misspells its state",
    flow: joined(
      '{ orders: orders.by("customer"), customers: customers.by("id") }',
      "{ orders(order, { state }) { state.⟦nn⟧ += 1; return { customer: order.customer, cents: state.n }; }, customers() {} }",
      "state: { schema: z.object({ n: z.int() }), initial: { n: 0 } },",
    ),
    code: "WEIR0001",
    says: /Did you mean 'n'|does not exist/,
  },
  {
    title: "a partition field is no key field",
    flow: captured(ORDER, 'key: ["id"], partitionBy: [⟦"customer"⟧]'),
    code: "WEIR1012",
    says: /"id"/,
    alone: true,
  },
  {
    title: "an onError that is none",
    flow: `${ORDERS}
orders.derive("§", { schema: z.object({ id: z.string() }), key: ["id"], ⟦onError⟧: "deadletter", transform: ({ id }) => ({ id }) });`,
    code: "WEIR3017",
    says: /"halt".*"deadLetter"|"deadLetter".*"halt"/,
    alone: true,
  },
  {
    title: "an HTTP capture is to set documents aside",
    flow: captured(ORDER, 'key: ["id"], ⟦onError⟧: "deadLetter"'),
    code: "WEIR3017",
    says: /onError/,
    alone: true,
  },
  {
    title: "a view asks for a field that is no partition",
    flow: `${ORDERS}
orders.where({ ⟦customer⟧: "a" }).materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR4005",
    says: /partitionBy|does not exist/,
    alone: true,
  },
  {
    title: "a delay has no unit",
    flow: `${ORDERS}
orders.read({ ⟦readDelay⟧: "10" }).derive("§/spend", { schema: ${SPEND}, key: ["customer"],
  transform: ({ customer, cents }) => ({ customer, cents }),
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR4006",
    says: /m/,
    alone: true,
  },
  {
    title: "a view that was read is materialized",
    flow: `${ORDERS}
orders.read({ priority: 1 }).⟦materializeTo⟧(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR0001",
    says: /Materialize the collection/,
    alone: true,
  },
  {
    title: "a reduced view is materialized",
    flow: `${ORDERS}
orders.reduced().⟦materializeTo⟧(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR0001",
    says: /without reduced\(\)/,
    alone: true,
  },
  {
    title: "a shuffle key is derived from",
    flow: `${ORDERS}
orders.by("customer").⟦derive⟧("§/spend", { schema: ${SPEND}, key: ["customer"],
  transform: ({ customer, cents }) => ({ customer, cents }),
});`,
    code: "WEIR0001",
    says: /with derive imported from weir/,
    alone: true,
  },
  {
    title: "a state is used that nobody declared",
    flow: joined(
      '{ orders: orders.by("customer"), customers: customers.by("id") }',
      "{ orders(order, { ⟦state⟧ }) { return { customer: order.customer, cents: state.n }; }, customers() {} }",
    ),
    code: "WEIR0001",
    says: /Declare what is kept for each shuffle key/,
  },
  {
    title: "a source has no shuffle key",
    flow: joined('{ ⟦orders⟧, customers: customers.by("id") }', BOTH),
    code: "WEIR3013",
    says: /shuffle key/,
    alone: true,
  },
  {
    title: "a reduced source has a function for removals",
    flow: `${ORDERS}
orders.reduced().derive("§/spend", { schema: ${SPEND}, key: ["customer"],
  transform: ({ after }) => after && { customer: after.customer, cents: after.cents },
  ⟦removed⟧: () => undefined,
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "§" }));`,
    code: "WEIR3016",
    says: /there after is undefined/,
    alone: true,
  },
];
