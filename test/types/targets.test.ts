/** Completion of a target's columns, and the manual's pages on targets. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Editor, FIXTURES, ROOT } from "./compilers.ts";
import { PRELUDE } from "./completions.ts";

const editor = new Editor();
const WHOLE = ["bigint", "double precision", "integer", "jsonb", "numeric", "smallint"];
const TEXT = ["bigint", "date", "jsonb", "numeric", "text", "timestamptz", "uuid", "varchar"];

describe("completion in a Postgres table's columns", () => {
  const columns = (inside: string) =>
    `orders.materializeTo(pg({ url, table: "o", columns: { ${inside} } }));`;
  test.for<[string, string, readonly string[]]>([
    ["the fields", columns("|"), ["address", "cents", "customer", "id", "kind", "paid", "rate"]],
    [
      "the fields that are not named yet",
      columns("cents: false, kind: false, customer: false, | "),
      ["address", "id", "paid", "rate"],
    ],
    ["a column's options", columns("rate: { | }"), ["name", "type"]],
    ["types of a string", columns('customer: { type: "|" }'), TEXT],
    ["types of a key's string", columns('id: { type: "|" }'), ["date", "text", "varchar"]],
    ["types of a key's integer", columns('cents: { type: "|" }'), WHOLE.filter((type) => type !== "jsonb")],
    ["types of a fraction", columns('rate: { type: "|" }'), ["double precision", "jsonb", "numeric"]],
    ["types of a boolean", columns('paid: { type: "|" }'), ["boolean", "jsonb"]],
    ["types of an enum", columns('kind: { type: "|" }'), ["jsonb", "text", "varchar"]],
    ["types of an object", columns('address: { type: "|" }'), ["jsonb"]],
    ["modes", 'orders.materializeTo(pg({ url, table: "o", mode: "|" }));', ["delta", "standard"]],
  ])("offers %s", ([, flow, offers]) => {
    const path = join(FIXTURES, "completion-of-columns.ts");
    editor.write(path, PRELUDE + flow.replace("|", ""));
    expect(editor.completions(path, PRELUDE.length + flow.indexOf("|"))).toEqual([...offers].sort());
  });
});

const FLOW = `
import { capture, env } from "weir";
import { http } from "weir/http";
import { z } from "zod";
const orders = capture("orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), note: z.string().optional(), placedAt: z.iso.datetime() }),
  key: ["id"],
});
const spend = orders.derive("spend", {
  schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int(), lastOrderAt: z.iso.datetime() }),
  key: ["customer"],
  transform: (order) => ({ customer: order.customer, cents: order.cents, orders: 1, lastOrderAt: order.placedAt }),
});
const top = capture("top", http({ path: "/top" }), {
  schema: z.object({ country: z.string(), customer: z.string(), cents: z.int() }),
  key: ["country", "customer"],
});
export { env, orders, spend, top };
`;

test.for([
  ["postgres", 5],
  ["redis", 1],
] as const)("the manual's page on %s compiles, block by block", ([name, least]) => {
  const page = readFileSync(join(ROOT, `docs/connectors/${name}.md`), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block);
  expect(blocks.length).toBeGreaterThanOrEqual(least);
  const path = join(FIXTURES, "manual-of-targets.ts");
  for (const block of blocks) {
    editor.write(path, FLOW + block);
    expect(editor.errors(path)).toEqual([]);
  }
});
