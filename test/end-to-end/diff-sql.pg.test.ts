/** What `weir diff` shows of a new table is what `weir run` executes. */
import { expect, test } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { project } from "./project.ts";

const flow = `
import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";
const url = env("DATABASE_URL");
const orders = capture("shop/orders", files({ path: "orders.ndjson" }), {
  schema: z.object({
    id: z.int(),
    shop: z.object({ code: z.string().max(8) }),
    cents: z.number(),
    note: z.string().optional(),
    at: z.iso.datetime(),
  }),
  key: ["shop.code", "id"],
});
orders
  .materializeTo(pg({ url, table: "orders", columns: { note: { name: 'the "note"' }, at: false } }))
  .materializeTo(pg({ url, schema: "public", table: "log", mode: "delta" }));
`;

interface Change {
  readonly name: string;
  readonly sql?: readonly string[];
}

test("the statements make the tables that a run makes", { timeout: 120_000 }, async () => {
  const database = await testDatabase();
  const { weir } = await project(
    { "flows/shop.flow.ts": flow, "orders.ndjson": "" },
    { DATABASE_URL: database },
  );
  const { changes } = JSON.parse((await weir.command("diff", "--json")).stdout) as {
    readonly changes: readonly Change[];
  };
  const shown = changes.flatMap(({ sql = [] }) => sql);
  expect(changes.map(({ name, sql }) => [name, sql?.length])).toEqual([
    ["shop/orders", undefined],
    ["postgres:orders", 1],
    ["postgres:public.log", 1],
  ]);
  const text = (await weir.command("diff")).stdout;
  expect(text).toContain('  makes its table, where there is none, by\n    CREATE TABLE "orders" (\n');
  const markdown = (await weir.command("diff", "--format", "markdown")).stdout;
  expect(markdown).toContain(`\n\`\`\`sql\n${shown[1]}\n\`\`\`\n`);

  const run = await weir.command("run", "--once");
  expect(run.code, run.stderr).toBe(0);
  await withClient(database, async (client) => {
    const tables = async () => {
      const { rows } = await client.query(`
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'weir_checkpoints' AND a.attnum > 0
           AND c.relkind IN ('r', 'i') ORDER BY 1, 2`);
      return rows;
    };
    const made = await tables();
    expect(made.length).toBeGreaterThan(10);
    await client.query("DROP TABLE orders; DROP TABLE log");
    for (const statement of shown) await client.query(statement);
    expect(await tables()).toEqual(made);
  });
});

const flowOf = (cents: string, customer: string, more = "") => `
import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";
capture("shop/orders", files({ path: "orders.ndjson" }), {
  schema: z.object({ id: z.int(), cents: ${cents}, customer: ${customer}${more} }),
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), schema: "public", table: "orders" }));
`;

test("the statement that alters a table is the one that a run executes", { timeout: 120_000 }, async () => {
  const database = await testDatabase();
  const { weir, write } = await project(
    {
      "flows/shop.flow.ts": flowOf("z.int()", "z.string()"),
      "orders.ndjson": '{"id":1,"cents":2,"customer":"ada"}\n',
    },
    { DATABASE_URL: database },
  );
  const run = async () => {
    const { code, stderr } = await weir.command("run", "--once");
    expect(code, stderr).toBe(0);
    return stderr;
  };
  await run();
  write("flows/shop.flow.ts", flowOf("z.number()", "z.string().optional()", ", note: z.string().optional()"));
  const { changes } = JSON.parse((await weir.command("diff", "--json")).stdout) as {
    readonly changes: readonly Change[];
  };
  const [statement = ""] = changes.find(({ name }) => name === "postgres:public.orders")?.sql ?? [];
  expect(statement).toMatch(/^ALTER TABLE "public"\."orders" .*ADD COLUMN "note" text/);
  const text = (await weir.command("diff")).stdout;
  expect(text).toContain(`  alters its table, with its rows, by\n    ${statement}\n`);
  expect(await run()).toContain(statement);
  const rows = await withClient(
    database,
    async (client) => (await client.query("SELECT * FROM orders")).rows,
  );
  expect(rows).toEqual([{ id: "1", cents: 2, customer: "ada", note: null }]);
});
