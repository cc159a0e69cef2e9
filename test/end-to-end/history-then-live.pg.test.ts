/** The main job: new flows read all of the history and go on live; kills and stops change nothing of the totals. */
import { setTimeout as sleep } from "node:timers/promises";
import { startFauxqs } from "fauxqs";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { randomFrom } from "../faults/scenario.ts";
import { withClient } from "../servers/postgres.ts";
import { testDatabase, testRedis } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf, type WeirProcess } from "../servers/weir-process.ts";
import { expectedSpend, ORDERS, type Order, ordersFrom, SPEND } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { project } from "./project.ts";
import { sendAll } from "./sender.ts";

const WITHIN_MS = 60_000;

/** Added while the others run: the newest and the first order of each customer, per hour, in two more targets. */
const LATEST = `
import { env } from "weir";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";
import { orders } from "./orders.flow.ts";

orders
  .derive("shop/latest", {
    schema: z.object({ customer: z.string(), firstOrder: z.string(), lastOrder: z.string(), orders: z.int() }),
    key: ["customer"],
    reduce: { firstOrder: "first", lastOrder: "last", orders: "sum" },
    transform: (order) => ({ customer: order.customer, firstOrder: order.id, lastOrder: order.id, orders: 1 }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "latest" }))
  .materializeTo(redis({ url: env("REDIS_URL"), key: "latest:{customer}" }));
`;

interface LatestRow {
  readonly customer: string;
  readonly firstOrder: string;
  readonly lastOrder: string;
  readonly orders: number;
}

function expectedLatest(orders: readonly Order[]): LatestRow[] {
  const rows = new Map<string, LatestRow>();
  for (const { customer, id } of orders) {
    const row = rows.get(customer);
    rows.set(customer, {
      customer,
      firstOrder: row?.firstOrder ?? id,
      lastOrder: id,
      orders: (row?.orders ?? 0) + 1,
    });
  }
  return [...rows.values()].sort((a, b) => (a.customer < b.customer ? -1 : 1));
}

async function latestRows(url: string): Promise<LatestRow[]> {
  const { rows } = await withClient(url, (client) =>
    client.query('SELECT * FROM latest ORDER BY customer COLLATE "C"'),
  );
  return rows.map((row) => ({ ...row, orders: Number(row.orders) }));
}

async function latestHashes(url: string, customers: readonly string[]): Promise<LatestRow[]> {
  const redis = new Redis(url);
  try {
    const hashes = await Promise.all(customers.map((customer) => redis.hgetall(`latest:${customer}`)));
    return hashes.map(
      ({ customer = "", firstOrder = "", lastOrder = "", orders }) =>
        ({ customer, firstOrder, lastOrder, orders: Number(orders) }) satisfies LatestRow,
    );
  } finally {
    await redis.quit();
  }
}

async function built(weir: WeirProcess, out: string): Promise<void> {
  const { code, stderr } = await weir.command("build", "--out", out);
  expect(stderr).toContain(`${out}/plan.json`);
  expect(code).toBe(0);
}

async function s3Bucket(): Promise<string> {
  const server = await startFauxqs({ port: 0, logger: false });
  onTestFinished(() => server.stop());
  server.createBucket("history");
  return `store: { s3: { bucket: "history", prefix: "weir", endpoint: "http://127.0.0.1:${server.port}", pathStyle: true, accessKeyId: "test", secretAccessKey: "test" } },`;
}

it.each([
  ["a directory", async () => ""],
  ["an S3 bucket", s3Bucket],
])(
  "with the store in %s: nothing is missing, doubled or out of order after kills at random moments",
  async (_, store) => {
    const database = await testDatabase();
    const redis = await testRedis();
    const seed = Number(process.env.WEIR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`seed ${seed} (WEIR_TEST_SEED repeats it)`);
    const random = randomFrom(seed);
    const { weir, origin, write } = await project(
      { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND },
      { DATABASE_URL: database, REDIS_URL: redis },
      `${await store()} fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },`,
    );
    const orders = ordersFrom(0, 4_000);
    await built(weir, "first");
    weir.start(["--plan", "first"]);
    const sending = sendAll(`${origin}/orders`, orders, 20, 20);
    for (let kill = 0; kill < 4; kill++) {
      await weir.until((status) => (taskOf(status, "shop/orders")?.documents ?? 0) > 0, WITHIN_MS);
      await sleep(random() * 700);
      await weir.kill();
      weir.start();
    }
    await weir.until((status) => (taskOf(status, "shop/orders")?.documents ?? 0) > 0, WITHIN_MS);
    expect(await weir.stop()).toBe(0);
    write("flows/latest.flow.ts", LATEST);
    await built(weir, "second");
    weir.start(["--plan", "second"]);
    await weir.until((status) => taskOf(status, "shop/latest") !== undefined, WITHIN_MS);
    await sleep(random() * 500);
    await weir.kill();
    weir.start();
    await sending;
    const status = await weir.until(
      (s) => s.collections.some(({ documents }) => documents === orders.length) && allCaughtUp(s),
      WITHIN_MS,
    );
    expect(status.collections.find(({ name }) => name === "shop/orders")?.documents).toBe(orders.length);

    const { stdout } = await weir.command("read", "shop/orders");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(orders);
    expect(await spendRows(database)).toEqual(expectedSpend(orders));
    const latest = expectedLatest(orders);
    expect(await latestRows(database)).toEqual(latest);
    expect(
      await latestHashes(
        redis,
        latest.map(({ customer }) => customer),
      ),
    ).toEqual(latest);

    expect(await weir.stop()).toBe(0);
    const atRest = await weir.command("read", "shop/latest", "--reduced");
    const reduced = atRest.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as LatestRow);
    expect(reduced.sort((a, b) => (a.customer < b.customer ? -1 : 1))).toEqual(latest);
    const rest = JSON.parse((await weir.command("status", "--json")).stdout);
    expect(rest.collections.every(({ notInStore }: { notInStore: number }) => notInStore === 0)).toBe(true);
  },
  180_000,
);
