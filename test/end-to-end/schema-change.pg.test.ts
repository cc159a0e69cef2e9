/** A table whose collection's schema widens, or whose columns change, is altered with its rows, or filled again beside or in place. */
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

const schemaOf = (more: string) => `{ id: z.int(), ${more} }`;
const NARROW = schemaOf("cents: z.int(), customer: z.string()");
const WIDE = schemaOf("cents: z.number(), customer: z.string().optional(), coupon: z.string().optional()");
/** Whether the numbers of a table are kept exactly depends on them: it is not altered with its rows. */
const WIDER = WIDE.replace("z.number()", "z.union([z.number(), z.string()])");

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
  const all = "id, cents, customer, coupon";
  const becomes = async (source: string, action: string, says: string) => {
    write("flows/orders.flow.ts", source);
    const { changes } = await diff();
    expect(changes).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({ name: "postgres:orders", action, refusedToday: null }),
      ]),
    );
    const { code, stderr } = await run();
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(says);
    const found = await rows(database, all);
    expect(found).toEqual(await fresh(source, all));
    expect(found).toHaveLength(65);
    expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
  };
  await becomes(flow(WIDE, "{}", "{}"), "update", "with its rows kept, it was altered by ALTER TABLE");
  await becomes(flow(WIDER, "{}", "{}"), "rebuild", "postgres:orders: info: has been made again");
  // Where its flow says so, in place.
  const widest = WIDER.replace("customer: z.string()", "customer: z.union([z.string(), z.null()])").replace(
    "coupon: z.string()",
    "coupon: z.union([z.string(), z.int(), z.null()])",
  );
  await becomes(
    flow(widest, "{}", '{ onSchemaChange: "backfill" }'),
    "rebuild",
    "it was emptied, to be filled from history, and altered by ALTER TABLE",
  );

  const named = flow(widest, '{ customer: { name: "who" }, cents: false }', "{ backfill: 1 }");
  write("flows/orders.flow.ts", named);
  expect(await run()).toMatchObject({ code: 0 });
  expect(await rows(database, "id, who, coupon")).toEqual(await fresh(named, "id, who, coupon"));
  // Columns that no field has any more stay, without values.
  expect(await rows(database, "DISTINCT cents, customer, 1 AS id")).toEqual([
    { cents: null, customer: null, id: 1 },
  ]);
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
}, 240_000);
