import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { allCaughtUp, taskOf } from "../servers/weir-process.ts";
import { expectedSpend, ORDERS, ordersFrom, SPEND, type SpendRow } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { project } from "./project.ts";
import { sendAll } from "./sender.ts";

const WITHIN_MS = 60_000;

/** The same rows in Redis, each customer a hash. */
const SPEND_IN_REDIS = SPEND.replace(
  "  .materializeTo(pg(",
  '  .materializeTo(redis({ url: env("REDIS_URL"), key: "spend:{customer}" }))\n  .materializeTo(pg(',
).replace("import { pg }", 'import { redis } from "weir/redis";\nimport { pg }');

it("Postgres and Redis may crash and come back in the middle: every row is exact all the same", async () => {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  onTestFinished(async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  });
  const { weir, origin } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND_IN_REDIS },
    { DATABASE_URL: postgres.url, REDIS_URL: redis.url },
  );
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  const orders = ordersFrom(0, 3_000);
  const sending = sendAll(`${origin}/orders`, orders, 20, 15);
  await sleep(700);
  await postgres.restart("crash");
  await redis.restart("crash");
  await sleep(500);
  await redis.restart("clean");
  await postgres.restart("clean");
  await sending;
  const status = await weir.until(
    (s) => s.collections.some(({ documents }) => documents === orders.length) && allCaughtUp(s),
    WITHIN_MS,
  );
  const restarts = status.tasks.filter(({ kind }) => kind === "materialization").map((task) => task.restarts);
  expect(Math.min(...restarts)).toBeGreaterThan(0);
  const expected = expectedSpend(orders);
  expect(await spendRows(postgres.url)).toEqual(expected);
  expect(await hashes(redis.url, expected)).toEqual(expected);
}, 120_000);

async function hashes(url: string, rows: readonly SpendRow[]): Promise<SpendRow[]> {
  const redis = new Redis(url);
  try {
    return await Promise.all(
      rows.map(async (row) => {
        const {
          customer = "",
          cents,
          orders,
          lastOrderAt = "",
        } = await redis.hgetall(`spend:${row.customer}`);
        return { customer, cents: Number(cents), orders: Number(orders), lastOrderAt };
      }),
    );
  } finally {
    await redis.quit();
  }
}
