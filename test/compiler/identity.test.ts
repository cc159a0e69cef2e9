/** A bundle's hash says what a transform does: it moves with that, and with nothing else. */
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Project, project } from "./project.ts";

const FLOW = `import { z } from "zod";
import { capture, env } from "weir";
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
`;
const DAYS = `const LENGTH = 10;
export const unrelated = 7;
export function dayOf(at: string): string {
  return at.slice(0, LENGTH);
}
`;

let base: Project;
let hash: string;
beforeEach(async () => {
  base = project({ "flows/shop.flow.ts": FLOW, "flows/lib/days.ts": DAYS });
  hash = await hashOf(base);
});
afterEach(() => base[Symbol.dispose]());

async function hashOf(of: Project): Promise<string> {
  const { plan } = await of.build();
  return plan.derivations["shop/spend"]?.transform.bundle ?? "none";
}

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
  moreTypes: (text) =>
    text.replace("(order) =>", "(order: { customer: string; cents: number; at: string }) =>"),
  newTable: (text) => text.replace('table: "spend"', 'table: "spend_by_day"'),
};

test("edits beside a transform, in any combination, do not move its hash", async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(Object.keys(harmless), { minLength: 1 }), async (names) => {
      const edit = (text: string) => names.reduce((edited, name) => harmless[name]?.(edited) ?? edited, text);
      base.write({ "flows/shop.flow.ts": edit(FLOW), "flows/lib/days.ts": edit(DAYS) });
      expect(await hashOf(base), names.join(", ")).toBe(hash);
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
  expect(await hashOf(moved)).toBe(hash);
});

test("another flow file beside it does not move the hash", async () => {
  const other = FLOW.replaceAll("shop/", "market/")
    .replaceAll('"spend"', '"market_spend"')
    .replace("/ FACTOR", "/ FACTOR + 1");
  base.write({ "flows/a-first.flow.ts": other });
  expect(await hashOf(base)).toBe(hash);
});

/** Edits to what the transform is made of: place, what stands there, what comes instead. */
const real: readonly (readonly [name: string, file: "flow" | "days", from: string, to: string])[] = [
  ["its own text", "flow", "customer: order.customer", "customer: order.customer + order.id"],
  ["a function that it calls", "flow", "Math.floor(", "Math.ceil("],
  ["a constant that it reaches", "flow", "FACTOR = 100", "FACTOR = 1000"],
  ["a function that it imports", "days", "slice(0,", "slice(1,"],
  ["a constant of an imported module", "days", "LENGTH = 10", "LENGTH = 7"],
];
test.each(real)("a change of %s moves the hash", async (_name, file, from, to) => {
  const edit = (text: string) => text.replace(from, to);
  expect(edit(file === "flow" ? FLOW : DAYS)).toContain(to);
  base.write({
    "flows/shop.flow.ts": file === "flow" ? edit(FLOW) : FLOW,
    "flows/lib/days.ts": file === "days" ? edit(DAYS) : DAYS,
  });
  expect(await hashOf(base)).not.toBe(hash);
});

test("any changed constant moves the hash, and the same constant gives the same one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), async (factor) => {
      base.write({
        "flows/shop.flow.ts": FLOW.replace("FACTOR = 100", `FACTOR = ${factor}`),
        "flows/lib/days.ts": DAYS,
      });
      expect((await hashOf(base)) === hash).toBe(factor === 100);
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
