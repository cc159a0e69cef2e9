/** A table whose collection's schema widens, or whose columns change, is emptied, altered and filled again by `weir run`. */
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { project } from "./project.ts";

const flow = (schema: string, columns: string, options: string) => `
import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

capture("shop/orders", files({ path: "orders.ndjson" }), { schema: z.object(${schema}), key: ["id"] })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "orders", columns: ${columns} }), ${options});
`;

const NARROW = "{ id: z.int(), cents: z.int(), customer: z.string() }";
const WIDE =
  "{ id: z.int(), cents: z.number(), customer: z.string().optional(), coupon: z.string().optional() }";

const before = Array.from({ length: 50 }, (_, id) => ({ id, cents: id * 100, customer: `c-${id % 7}` }));
/** Some are newer documents of keys that stand. */
const more = Array.from({ length: 30 }, (_, i) => ({
  ...{ id: 35 + i, cents: i + 0.5 },
  ...(i % 2 === 0 ? { coupon: `k-${i}` } : { customer: "someone" }),
}));
const lines = (documents: readonly object[]) => documents.map((each) => `${JSON.stringify(each)}\n`).join("");

const rows = (database: string, columns: string) =>
  withClient(
    database,
    async (client) => (await client.query(`SELECT ${columns} FROM orders ORDER BY id`)).rows,
  );

/** What a project that never was another gives. */
async function fresh(source: string, columns: string): Promise<readonly object[]> {
  const database = await testDatabase();
  const { weir } = await project(
    { "flows/orders.flow.ts": source, "orders.ndjson": lines([...before, ...more]) },
    { DATABASE_URL: database },
  );
  expect(await weir.command("run", "--once")).toMatchObject({ code: 0 });
  return rows(database, columns);
}

it("the table equals what a fresh run gives, and nothing is left to apply", async () => {
  const database = await testDatabase();
  const { weir, write } = await project(
    { "flows/orders.flow.ts": flow(NARROW, "{}", "{}"), "orders.ndjson": lines(before) },
    { DATABASE_URL: database },
  );
  const run = () => weir.command("run", "--once");
  const diff = async () => JSON.parse((await weir.command("diff", "--json")).stdout);
  expect(await run()).toMatchObject({ code: 0 });
  expect(await rows(database, "id")).toHaveLength(before.length);

  write("orders.ndjson", lines([...before, ...more]));
  write("flows/orders.flow.ts", flow(WIDE, "{}", "{}"));
  const halted = await run();
  expect(halted.code).toBe(1);
  expect(halted.stderr).toContain(
    'postgres:orders: its column for cents has a type for other values and its column for customer takes no NULL and its table has no column for coupon (columns: { coupon: false } leaves it out, onSchemaChange: "backfill" has the table emptied, altered and filled again)',
  );

  const wide = flow(WIDE, "{}", '{ onSchemaChange: "backfill" }');
  write("flows/orders.flow.ts", wide);
  expect(await diff()).toMatchObject({
    verdict: "rebuild",
    changes: [
      { name: "postgres:orders", action: "rebuild", refusedToday: null },
      { name: "shop/orders", action: "update", refusedToday: null },
    ],
  });
  const second = await run();
  expect(second).toMatchObject({ code: 0 });
  expect(second.stderr).toContain("with its rows kept, it was altered by ALTER TABLE");
  const all = "id, cents, customer, coupon";
  const found = await rows(database, all);
  expect(found).toEqual(await fresh(wide, all));
  expect(found).toHaveLength(65);
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });

  const named = flow(
    WIDE,
    '{ cents: { name: "total", type: "numeric" }, customer: false }',
    "{ backfill: 1 }",
  );
  write("flows/orders.flow.ts", named);
  expect(await run()).toMatchObject({ code: 0 });
  expect(await rows(database, "id, total, coupon")).toEqual(await fresh(named, "id, total, coupon"));
  // Columns that no field has any more stay, without values.
  expect(await rows(database, "DISTINCT cents, customer, 1 AS id")).toEqual([
    { cents: null, customer: null, id: 1 },
  ]);
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
}, 240_000);
