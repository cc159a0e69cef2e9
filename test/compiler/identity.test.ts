/** A bundle's hash says what a transform does: it moves with that, and with nothing else. */
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { functionsOf } from "../../plan/bundle-references.ts";
import { type Project, project } from "./project.ts";

const FLOW = `import { z } from "zod";
import { capture, derive, env, remove } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { dayOf } from "./lib/days.ts";

const FACTOR = 100;
const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), at: z.string() }),
  key: ["id"],
});

function euros(cents: number): number {
  return Math.floor(cents / FACTOR);
}

export const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), day: z.string(), euros: z.int() }),
  key: ["customer", "day"],
  reduce: { euros: "sum" },
  transform: (order) => {
    const day = dayOf(order.at);
    return { customer: order.customer, day, euros: euros(order.cents) };
  },
});

spend.materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));

const customers = capture("shop/customers", http({ path: "/customers" }), {
  schema: z.object({ id: z.string(), day: z.string(), name: z.string() }),
  key: ["id", "day"],
});

const UNKNOWN = "unknown";

derive("shop/named", {
  from: {
    orders: orders.by((order) => [order.customer, dayOf(order.at)]),
    customers: customers.by("id", "day"),
  },
  schema: z.object({ id: z.string(), name: z.string(), euros: z.int() }),
  key: ["id"],
  params: { least: 5 },
  state: { schema: z.object({ name: z.string().optional() }), initial: {} },
  on: {
    *orders(order, { state, params }) {
      const name = state.name ?? UNKNOWN;
      if (order.cents >= params.least) yield { id: order.id, name, euros: euros(order.cents) };
    },
    customers(customer, { state }) {
      state.name = customer.name;
    },
  },
  removed: {
    customers(key, { state }) {
      state.name = undefined;
      return remove({ id: key.id });
    },
  },
});
`;
const DAYS = `const LENGTH = 10;
export const unrelated = 7;
export function dayOf(at: string): string {
  return at.slice(0, LENGTH);
}
`;

let base: Project;
let hashes: Readonly<Record<string, string>>;
beforeAll(async () => {
  base = project({ "flows/shop.flow.ts": FLOW, "flows/lib/days.ts": DAYS });
  hashes = await hashesOf(base);
});
beforeEach(() => base.write({ "flows/shop.flow.ts": FLOW, "flows/lib/days.ts": DAYS }));
afterAll(() => base[Symbol.dispose]());

/** The bundles' hashes of both derivations, by what each function is for. */
async function hashesOf(of: Project): Promise<Readonly<Record<string, string>>> {
  const { plan } = await of.build();
  return Object.fromEntries(
    ["shop/spend", "shop/named"].flatMap((name) => {
      const derivation = plan.derivations[name];
      if (derivation === undefined) throw new Error(`There is no ${name}`);
      return functionsOf(derivation).map(({ source, role, bundle }) => [
        `${name} ${[source.name, role].filter(Boolean).join(" ")}`,
        bundle,
      ]);
    }),
  );
}

test("every function has a bundle of its own", () => {
  expect(Object.keys(hashes)).toEqual([
    "shop/spend transform",
    "shop/named orders transform",
    "shop/named orders by",
    "shop/named customers transform",
    "shop/named customers removed",
  ]);
  expect(new Set(Object.values(hashes)).size).toBe(5);
});

/** Edits that do not touch what the transform does. Each is applied to the flow and to the module that it imports. */
const harmless: Readonly<Record<string, (text: string) => string>> = {
  comments: (text) =>
    text.replaceAll(/^( *)(const|return|function|export)/gm, "$1/* a word */ // and one more\n$1$2"),
  blankLines: (text) => text.replaceAll("\n", "\n\n"),
  indentation: (text) => text.replaceAll(/^ +/gm, (spaces) => spaces.repeat(2)),
  semicolons: (text) => text.replaceAll(/;$/gm, " ;"),
  carriageReturns: (text) => text.replaceAll("\n", "\r\n"),
  legalComment: (text) => `/*! @license none */\n${text}`,
  sibling: (text) =>
    text.includes("orders")
      ? `${text}\norders.derive("shop/other", {\n  schema: z.object({ id: z.string() }),\n  key: ["id"],\n  transform: ({ id }) => ({ id: id + dayOf(id) }),\n}).materializeTo(pg({ url: env("DATABASE_URL"), table: "other" }));\n`
      : `${text}\nexport const another = () => unrelated;\n`,
  siblingBefore: (text) =>
    text.replace(/^const (FACTOR|LENGTH)/m, "export const BEFORE = { a: 1 };\nconst $1"),
  renamedCollectionConst: (text) =>
    text.replaceAll("orders.", "allOrders.").replace("const orders", "const allOrders"),
  renamedUnrelated: (text) => text.replaceAll("unrelated", "somethingElse"),
  renamedHelpers: (text) => text.replaceAll("FACTOR", "PER_EURO").replaceAll("LENGTH", "DAY_LENGTH"),
  renamedParameters: (text) =>
    text
      .replaceAll(/\border\b/g, "purchase")
      .replaceAll(/\bkey(?=[,.])/g, "removedKey")
      .replaceAll(/\bat(?=: string\)|\.slice)/g, "time"),
  renamedLocals: (text) =>
    text
      .replace("const name =", "const called =")
      .replace(" name, euros:", " name: called, euros:")
      .replace("const day =", "const theDay =")
      .replace(" day, euros:", " day: theDay, euros:"),
  renamedFunctions: (text) => text.replaceAll(/\beuros\(/g, "inWholeEuros("),
  moreTypes: (text) =>
    text.replace("(order) =>", "(order: { customer: string; cents: number; at: string }) =>"),
  newState: (text) => text.replace("initial: {}", 'initial: { name: "nobody" }'),
  newParams: (text) => text.replace("least: 5", "least: 6"),
  newSourceOrder: (text) =>
    text.replace(/( +orders: orders\.by.*\n)( +customers: customers\.by.*\n)/, "$2$1"),
  newTable: (text) => text.replace('table: "spend"', 'table: "spend_by_day"'),
};

test("edits beside a transform, in any combination, do not move its hash", { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(Object.keys(harmless), { minLength: 1 }), async (names) => {
      const edit = (text: string) => names.reduce((edited, name) => harmless[name]?.(edited) ?? edited, text);
      base.write({ "flows/shop.flow.ts": edit(FLOW), "flows/lib/days.ts": edit(DAYS) });
      expect(await hashesOf(base), names.join(", ")).toEqual(hashes);
    }),
    { numRuns: 20 },
  );
});

test.each(Object.keys(harmless))("the edit %s really changes a text", (name) => {
  expect([harmless[name]?.(FLOW), harmless[name]?.(DAYS)]).not.toEqual([FLOW, DAYS]);
});

test("another checkout path, another place in it and another file name do not move the hash", async () => {
  using moved = project(
    { "deep/er/sales.flow.ts": FLOW.replace("./lib/days.ts", "../time/d.ts"), "deep/time/d.ts": DAYS },
    "elsewhere",
  );
  expect(await hashesOf(moved)).toEqual(hashes);
});

test("another flow file beside it does not move the hash", async () => {
  const other = FLOW.replaceAll("shop/", "market/")
    .replaceAll('"spend"', '"market_spend"')
    .replace("/ FACTOR", "/ FACTOR + 1");
  using both = project({
    "flows/shop.flow.ts": FLOW,
    "flows/lib/days.ts": DAYS,
    "flows/a-first.flow.ts": other,
  });
  expect(await hashesOf(both)).toEqual(hashes);
});

const [SPEND, ORDERS, BY, CUSTOMERS, REMOVED] = [
  "shop/spend transform",
  "shop/named orders transform",
  "shop/named orders by",
  "shop/named customers transform",
  "shop/named customers removed",
] as const;

interface Edit {
  readonly what: string;
  readonly file: "flow" | "days";
  readonly from: string;
  readonly to: string;
  /** The functions that it changes. */
  readonly moves: readonly string[];
}

/** Edits to what functions are made of. */
const real: readonly Edit[] = [
  {
    ...{ what: "its own text", file: "flow", moves: [SPEND] },
    ...{ from: "customer: order.customer", to: "customer: order.customer + order.id" },
  },
  {
    ...{ what: "a function that two call", file: "flow", moves: [SPEND, ORDERS] },
    ...{ from: "Math.floor(", to: "Math.ceil(" },
  },
  {
    ...{ what: "a constant that two reach", file: "flow", moves: [SPEND, ORDERS] },
    ...{ from: "FACTOR = 100", to: "FACTOR = 1000" },
  },
  {
    ...{ what: "a function that two import", file: "days", moves: [SPEND, BY] },
    ...{ from: "slice(0,", to: "slice(1," },
  },
  {
    ...{ what: "a constant of an imported module", file: "days", moves: [SPEND, BY] },
    ...{ from: "LENGTH = 10", to: "LENGTH = 7" },
  },
  {
    ...{ what: "a constant that one handler reaches", file: "flow", moves: [ORDERS] },
    ...{ from: 'UNKNOWN = "unknown"', to: 'UNKNOWN = "?"' },
  },
  {
    ...{ what: "a shuffle key", file: "flow", moves: [BY] },
    ...{ from: "[order.customer, dayOf(order.at)]", to: "[order.id, dayOf(order.at)]" },
  },
  {
    ...{ what: "what a handler keeps", file: "flow", moves: [CUSTOMERS] },
    ...{ from: "state.name = customer.name;", to: "state.name = customer.id;" },
  },
  {
    ...{ what: "what a removal gives", file: "flow", moves: [REMOVED] },
    ...{ from: "remove({ id: key.id })", to: "remove({ id: key.day })" },
  },
];
test.each(real)("a change of $what moves the hashes of what it is part of, and no other", async (edit) => {
  const edited = (text: string) => text.replace(edit.from, edit.to);
  expect(edited(edit.file === "flow" ? FLOW : DAYS)).toContain(edit.to);
  base.write({
    "flows/shop.flow.ts": edit.file === "flow" ? edited(FLOW) : FLOW,
    "flows/lib/days.ts": edit.file === "days" ? edited(DAYS) : DAYS,
  });
  const after = await hashesOf(base);
  expect(Object.keys(hashes).filter((name) => after[name] !== hashes[name])).toEqual(edit.moves);
});

test("any changed constant moves the hash, and the same constant gives the same one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), async (factor) => {
      base.write({
        "flows/shop.flow.ts": FLOW.replace("FACTOR = 100", `FACTOR = ${factor}`),
        "flows/lib/days.ts": DAYS,
      });
      expect((await hashesOf(base))[SPEND] === hashes[SPEND]).toBe(factor === 100);
    }),
    { numRuns: 6, examples: [[100]] },
  );
});

test("two builds of the same flows give the same bytes", async () => {
  const [first, second] = [await base.build(), await base.build()];
  expect(second).toEqual(first);
  expect(first.planJson).not.toContain(base.directory);
  expect(first.bundles.map((each) => each.code + each.map).join()).not.toContain(base.directory);
});
