/** While a target is made again, who reads it sees the old rows, then the new ones: all of them, never a mixture, never fewer. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { allCaughtUp } from "../servers/weir-process.ts";
import { ORDERS, ordersFrom } from "./orders.ts";
import { project } from "./project.ts";
import { sendAll } from "./sender.ts";

/** `cents` is `factor` times `base` in every row of one generation. */
const spend = (factor: number) => `
import { env } from "weir";
import { pg } from "weir/postgres";
import { z } from "zod";
import { orders } from "./orders.flow.ts";

orders
  .derive("shop/spend", {
    schema: z.object({ customer: z.string(), base: z.int(), cents: z.int(), orders: z.int() }),
    key: ["customer"],
    reduce: { base: "sum", cents: "sum", orders: "sum" },
    transform: ({ customer, cents }) => ({ customer, base: cents, cents: cents * ${factor}, orders: 1 }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
`;

const HISTORY = 6_000;
const LIVE = 3_000;

interface Seen {
  readonly factors: readonly number[];
  readonly orders: number;
}

/** Reads as fast as it can until it is told to stop. */
async function watch(url: string, over: AbortSignal): Promise<Seen[]> {
  return withClient(url, async (client) => {
    const seen: Seen[] = [];
    while (!over.aborted) {
      const { rows } = await client.query(
        `SELECT array_agg(DISTINCT cents / base) FILTER (WHERE base <> 0) AS factors, sum(orders) AS orders FROM spend`,
      );
      seen.push({ factors: (rows[0].factors ?? []).map(Number), orders: Number(rows[0].orders) });
      await sleep(2);
    }
    return seen;
  });
}

it("the one gives way to the other in one step, while documents come", async () => {
  const database = await testDatabase();
  const { weir, origin, write } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": spend(1) },
    { DATABASE_URL: database },
    "fragments: { targetBytes: 60_000, maxAgeSeconds: 1 }",
  );
  weir.start();
  await sendAll(`${origin}/orders`, ordersFrom(0, HISTORY), 500, 0);
  await weir.until(
    (status) => allCaughtUp(status) && status.collections.some(({ documents }) => documents === HISTORY),
    60_000,
  );
  const over = new AbortController();
  const watching = watch(database, over.signal);
  await weir.stop();
  write("flows/spend.flow.ts", spend(3));
  weir.start();
  const sending = sendAll(`${origin}/orders`, ordersFrom(HISTORY, HISTORY + LIVE), 10, 5);
  const during = await weir.until(({ rebuild }) => rebuild !== null, 30_000);
  expect(during.rebuild).toEqual({ names: ["shop/spend", "postgres:spend"], stuck: null });
  await weir.until(({ rebuild }) => rebuild === null, 60_000);
  await sending;
  const total = HISTORY + LIVE;
  const { collections } = await weir.until(
    (status) => allCaughtUp(status) && status.collections.some(({ documents }) => documents === total),
    60_000,
  );
  over.abort();
  const seen = await watching;
  expect(seen.every(({ factors }) => factors.length === 1)).toBe(true);
  const factors = seen.flatMap((each) => each.factors);
  expect(factors).toEqual([...factors].sort((a, b) => a - b));
  expect(new Set(factors)).toEqual(new Set([1, 3]));
  const orders = seen.map((each) => each.orders);
  expect(orders).toEqual([...orders].sort((a, b) => a - b));
  const rows = await withClient(database, async (client) => (await client.query("SELECT * FROM spend")).rows);
  expect(rows.reduce((sum, row) => sum + Number(row.orders), 0)).toBe(total);
  const cents = ordersFrom(0, total).reduce((sum, order) => sum + order.cents, 0);
  expect(rows.reduce((sum, row) => sum + Number(row.cents), 0)).toBe(3 * cents);
  expect(collections.find(({ name }) => name === "shop/spend")).toMatchObject({ folder: "shop/spend~2" });
}, 240_000);
