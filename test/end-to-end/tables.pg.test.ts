/** The kinds of tables, of partitioned collections, through a kill: a log, one declared with Drizzle, one of a part. */
import { readFileSync } from "node:fs";
import { drizzle } from "drizzle-orm/node-postgres";
import type { Client } from "pg";
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf, type WeirProcess } from "../servers/weir-process.ts";
import { customerSpend } from "./customer-spend-table.ts";
import { expectedSpend, type Order, ordersFrom } from "./orders.ts";
import { project } from "./project.ts";
import { sendAll } from "./sender.ts";

const FLOW = `
import { capture, env, remove } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";
import { customerSpend } from "./customer-spend-table.ts";

const url = env("DATABASE_URL");

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({
    id: z.string(),
    country: z.string(),
    customer: z.string(),
    cents: z.int(),
    placedAt: z.iso.datetime(),
  }),
  key: ["country", "id"],
  partitionBy: ["country"],
  partitions: 2,
});
orders.materializeTo(
  pg({ url, table: "orders_log", mode: "delta", columns: { placedAt: { name: "placed_at" }, customer: false } }),
);
orders.where({ country: ["NL", "B/E"] }).materializeTo(pg({ url, table: "orders_benelux" }));

// A refund closes what is open.
orders
  .derive("shop/open", {
    schema: z.object({ customer: z.string(), order: z.string() }),
    key: ["customer"],
    partitions: 3,
    transform: ({ customer, cents, id }) => (cents < 0 ? remove({ customer }) : { customer, order: id }),
  })
  .materializeTo(pg({ url, table: "open_log", mode: "delta" }));

orders
  .derive("shop/spend-by-customer", {
    schema: z.object({
      customer: z.string(),
      cents: z.int(),
      orders: z.int(),
      lastOrderAt: z.iso.datetime(),
    }),
    key: ["customer"],
    reduce: { cents: "sum", orders: "sum", lastOrderAt: "max" },
    transform: ({ customer, cents, placedAt }) => ({ customer, cents, orders: 1, lastOrderAt: placedAt }),
  })
  .materializeTo(pg({ url, table: customerSpend, columns: { orders: false } }));
`;

/** What the application's migration runs. */
const MIGRATION = `
CREATE TABLE "customer_spend" (
  "customer_id" varchar PRIMARY KEY NOT NULL,
  "total_cents" bigint NOT NULL,
  "last_order_at" timestamp with time zone NOT NULL,
  "remark" text
)`;

const COUNTRIES = ["NL", "DE", "B/E"] as const;
const ORDERS = ordersFrom(0, 4_000).map((order, i) => ({ ...order, country: COUNTRIES[i % 3] ?? "" }));
const WITHIN_MS = 60_000;

it("tables hold what the collections do, through a kill", async () => {
  const database = await testDatabase();
  const table = readFileSync(new URL("customer-spend-table.ts", import.meta.url), "utf8");
  const { weir, origin } = await project(
    { "flows/shop.flow.ts": FLOW, "flows/customer-spend-table.ts": table },
    { DATABASE_URL: database },
    "fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },",
  );
  await withClient(database, async (client) => {
    weir.start();
    // Without the migration that table's task halts, and no other.
    const first = await weir.until(
      (status) =>
        status.tasks.some(({ state }) => state === "halted") &&
        taskOf(status, "postgres:orders_log")?.state === "caught-up",
      WITHIN_MS,
      "allowed",
    );
    const halted = first.tasks.filter(({ state }) => state === "halted");
    expect(halted.map(({ name }) => name)).toEqual(["postgres:customer_spend"]);
    expect(halted[0]?.lastError).toContain("customer_spend");

    const sending = sendAll(`${origin}/orders`, ORDERS, 20, 15);
    const logged = async () => {
      const { rows } = await client.query("SELECT count(*)::int AS n FROM orders_log");
      return Number(rows[0].n);
    };
    await expect.poll(logged, { timeout: WITHIN_MS, interval: 20 }).toBeGreaterThan(0);
    await weir.kill();
    expect(await logged()).toBeLessThan(ORDERS.length);
    await client.query(MIGRATION);
    weir.start();
    await sending;
    await weir.until(
      (status) =>
        (taskOf(status, "shop/orders")?.documents ?? 0) > 0 &&
        status.collections.some(
          ({ name, documents }) => name === "shop/orders" && documents === ORDERS.length,
        ) &&
        allCaughtUp(status),
      WITHIN_MS,
    );

    await checkOrdersLog(client, weir);
    await checkOpenLog(client, weir);
    const benelux = await client.query("SELECT id, country, customer, cents FROM orders_benelux");
    expect(benelux.rows.map((row) => ({ ...row, cents: Number(row.cents) })).sort(byId)).toEqual(
      ORDERS.filter(({ country }) => country !== "DE")
        .map(({ id, country, customer, cents }) => ({ id, country, customer, cents }))
        .sort(byId),
    );
    // As the application reads it; Drizzle reads ISO times only, and the test server is set to others.
    await client.query("SET DateStyle = 'ISO'");
    const spend = await drizzle({ client }).select().from(customerSpend);
    expect(spend.sort((a, b) => (a.customer < b.customer ? -1 : 1))).toEqual(
      expectedSpend(ORDERS).map(({ customer, cents, lastOrderAt }) => ({
        customer,
        cents,
        lastOrderAt: new Date(lastOrderAt),
        remark: null,
      })),
    );
  });
  expect(await weir.stop()).toBe(0);
}, 180_000);

/** Every order once, under its place and time, with the columns that the flow says. */
async function checkOrdersLog(client: Client, weir: WeirProcess): Promise<void> {
  const { rows, fields } = await client.query(
    `SELECT *, to_char(placed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "placedAt", ${AT} FROM orders_log`,
  );
  expect(fields.slice(0, -2).map(({ name }) => name)).toEqual(
    expect.arrayContaining(["id", "country", "cents", "placed_at", "weir_removed"]),
  );
  expect(fields.map(({ name }) => name)).not.toContain("customer");
  const log = rows.map(({ id, country, cents, placedAt, weir_journal, weir_offset, at }) => ({
    id,
    country,
    cents: Number(cents),
    placedAt,
    place: `${weir_journal} ${weir_offset}`,
    at,
  }));
  const lines = await readLines(weir, "shop/orders");
  const journalOf = journalsByPartition(
    rows.map(({ id, weir_journal }) => [id, weir_journal]),
    lines.map(({ id, _meta }) => [id, _meta.partition]),
  );
  expect([...journalOf.keys()].sort()).toEqual(
    COUNTRIES.flatMap((country) =>
      ["00", "01"].map((number) => `country=${encodeURIComponent(country)}/p=${number}`),
    ).sort(),
  );
  expect(log.sort(byId)).toEqual(
    lines
      .map(({ id, country, cents, placedAt, _meta: { partition, offset, at } }) => ({
        id,
        country,
        cents,
        placedAt,
        place: `${journalOf.get(partition)} ${offset}`,
        at,
      }))
      .sort(byId),
  );
  expect(log.map(({ id, country, cents, placedAt }) => ({ id, country, cents, placedAt }))).toEqual(
    ORDERS.map(({ id, country, cents, placedAt }) => ({ id, country, cents, placedAt })).sort(byId),
  );
}

/** Removals are rows; whoever replays the log gets what is open. */
async function checkOpenLog(client: Client, weir: WeirProcess): Promise<void> {
  const { rows } = await client.query(
    `SELECT customer, "order", weir_removed AS removed, weir_offset::int AS offset, ${AT}
       FROM open_log ORDER BY weir_at, weir_journal, weir_offset`,
  );
  const lines = await readLines(weir, "shop/open");
  expect(rows.map((row) => JSON.stringify(row)).sort()).toEqual(
    lines
      .map(({ customer, order = null, _meta: { removed = false, offset, at } }) =>
        JSON.stringify({ customer, order, removed, offset, at }),
      )
      .sort(),
  );
  expect(rows.some(({ removed }) => removed)).toBe(true);
  const replayed = new Map(rows.map(({ customer, order, removed }) => [customer, removed ? null : order]));
  expect(replayed).toEqual(
    new Map(ORDERS.map(({ customer, cents, id }) => [customer, cents < 0 ? null : id])),
  );
}

/** As `weir read --meta` gives it. */
const AT = `to_char(weir_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`;

interface Line extends Partial<Order> {
  readonly country?: string;
  readonly order?: string;
  readonly _meta: {
    readonly partition: string;
    readonly offset: number;
    readonly at: string;
    readonly removed?: boolean;
  };
}

async function readLines(weir: WeirProcess, collection: string): Promise<Line[]> {
  const { code, stdout, stderr } = await weir.command("read", collection, "--meta");
  expect(code, stderr).toBe(0);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Two lists of document and place, of the same documents: which journal each partition is. */
function journalsByPartition(
  journals: readonly [id: string, journal: string][],
  partitions: readonly [id: string | undefined, partition: string][],
): Map<string, string> {
  const journalOf = new Map(journals);
  const found = new Map(partitions.map(([id = "", partition]) => [partition, journalOf.get(id) ?? ""]));
  expect(new Set(found.values()).size).toBe(found.size);
  return found;
}

const byId = (a: { readonly id?: string }, b: { readonly id?: string }) =>
  (a.id ?? "") < (b.id ?? "") ? -1 : 1;
