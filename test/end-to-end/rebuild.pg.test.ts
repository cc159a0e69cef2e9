/** What a plan gives another meaning is made again beside what stands, and takes its place once it has caught up. */
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { project } from "./project.ts";

const flow = (factor: number, more = "") => `
import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

const orders = capture("shop/orders", files({ path: "orders.ndjson" }), {
  schema: z.object({ id: z.int(), cents: z.int(), customer: z.string() }),
  key: ["id"],
});
const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum", orders: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents: cents * ${factor}, orders: 1 }),
});
spend.materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
const big = spend.derive("shop/big", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents }),
});
big.materializeTo(pg({ url: env("DATABASE_URL"), table: "big", columns: { customer: { name: "who" } } }));
${more}
`;

const documents = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, cents: i * 7, customer: `c-${i % 11}` }));
const lines = (of: readonly object[]) => of.map((each) => `${JSON.stringify(each)}\n`).join("");

const rows = (database: string, table: string) =>
  withClient(database, async (client) => (await client.query(`SELECT * FROM ${table} ORDER BY 1`)).rows);

function expected(of: ReturnType<typeof documents>, factor: number) {
  const sums = new Map<string, { cents: number; orders: number }>();
  for (const { customer, cents } of of) {
    const sum = sums.get(customer) ?? { cents: 0, orders: 0 };
    sums.set(customer, { cents: sum.cents + cents * factor, orders: sum.orders + 1 });
  }
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([customer, { cents, orders }]) => ({ customer, cents: String(cents), orders: String(orders) }));
}

it("a changed transform is applied to all of history, through every derivation and target", async () => {
  const database = await testDatabase();
  const first = documents(0, 500);
  const { weir, write } = await project(
    { "flows/orders.flow.ts": flow(1), "orders.ndjson": lines(first) },
    { DATABASE_URL: database },
  );
  const run = async () => {
    const result = await weir.command("run", "--once");
    expect(result.code, result.stderr).toBe(0);
    return result.stderr;
  };
  const diff = async () => JSON.parse((await weir.command("diff", "--json")).stdout);
  await run();
  expect(await rows(database, "spend")).toEqual(expected(first, 1));

  const all = [...first, ...documents(1_000, 300)];
  write("orders.ndjson", lines(all));
  write("flows/orders.flow.ts", flow(3));
  expect(await diff()).toMatchObject({ verdict: "rebuild" });
  expect(await run()).toContain("shop/spend: info: has been made again");
  expect(await rows(database, "spend")).toEqual(expected(all, 3));
  expect(await rows(database, "big")).toEqual(
    expected(all, 3).map(({ customer: who, cents }) => ({ who, cents })),
  );
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });

  // It goes on from there, and once more.
  const more = [...all, ...documents(2_000, 100)];
  write("orders.ndjson", lines(more));
  await run();
  expect(await rows(database, "spend")).toEqual(expected(more, 3));
  write("flows/orders.flow.ts", flow(-2));
  await run();
  expect(await rows(database, "spend")).toEqual(expected(more, -2));

  const kept = await weir.command("drop", "--json");
  expect(JSON.parse(kept.stdout)).toEqual({
    kept: [
      ...["shop/spend~1", "shop/big~1", "postgres:spend~1", "postgres:big~1"],
      ...["shop/spend~2", "shop/big~2", "postgres:spend~2", "postgres:big~2"],
    ],
  });
  expect(await weir.command("drop", "postgres:spend")).toMatchObject({ code: 0 });
  expect(await weir.command("drop", "shop/spend")).toMatchObject({ code: 0 });
  const again = await weir.command("drop", "shop/spend");
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("Nothing is kept");
  await run();
  const tables = await rows(database, "pg_tables").then((all) =>
    all.map(({ tablename }) => tablename).filter((name: string) => /^(spend|big)/.test(name)),
  );
  expect(tables.sort()).toEqual(["big", "big__weir_1", "big__weir_2", "spend"]);
}, 240_000);
