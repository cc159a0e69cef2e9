/** The disk of the head is lost: the store alone brings the history back, and it goes on live. */
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startFauxqs } from "fauxqs";
import { Redis } from "ioredis";
import { expect, it, onTestFinished } from "vitest";
import type { StatusReport } from "../../runtime/status-report.ts";
import { FaultFiles } from "../faults/fault-files.ts";
import { withClient } from "../servers/postgres.ts";
import { startTcpProxy } from "../servers/tcp-proxy.ts";
import { testDatabase, testRedis } from "../servers/test-servers.ts";
import { allCaughtUp, WeirProcess } from "../servers/weir-process.ts";
import { expectedSpend, ORDERS, type Order, ordersFrom } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { type Project, post, project } from "./project.ts";

const WITHIN_MS = 60_000;
const PRELOAD = pathToFileURL(join(import.meta.dirname, "../faults/preload.ts")).href;

/** Rows that are reduced in two targets, a state for each customer, and one made from reduced documents. */
const FLOWS = `
import { derive, env } from "weir";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";
import { orders } from "./orders.flow.ts";

const spend = orders.derive("shop/spend-by-customer", {
  schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int(), lastOrderAt: z.iso.datetime() }),
  key: ["customer"],
  reduce: { cents: "sum", orders: "sum", lastOrderAt: "max" },
  transform: (order) => ({ customer: order.customer, cents: order.cents, orders: 1, lastOrderAt: order.placedAt }),
});
spend
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "customer_spend" }))
  .materializeTo(redis({ url: env("REDIS_URL"), key: "spend:{customer}" }));

derive("shop/numbered", {
  from: { orders: orders.by("customer") },
  schema: z.object({ id: z.string(), customer: z.string(), nth: z.int() }),
  key: ["id"],
  state: { schema: z.object({ n: z.int() }), initial: { n: 0 } },
  on: {
    orders({ id, customer }, { state }) {
      state.n += 1;
      return { id, customer, nth: state.n };
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "numbered" }));

derive("shop/total", {
  from: { spend: spend.reduced().by(() => "all") },
  schema: z.object({ of: z.string(), customers: z.int(), cents: z.int() }),
  key: ["of"],
  state: { schema: z.object({ customers: z.int(), cents: z.int() }), initial: { customers: 0, cents: 0 } },
  on: {
    spend({ before, after }, { state }) {
      state.customers += (after ? 1 : 0) - (before ? 1 : 0);
      state.cents += (after?.cents ?? 0) - (before?.cents ?? 0);
      return { of: "all", ...state };
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "total" }));
`;

const files = { "flows/orders.flow.ts": ORDERS, "flows/rest.flow.ts": FLOWS };

function caughtUpWith(status: StatusReport, orders: number): boolean {
  const documents = status.collections.find(({ name }) => name === "shop/orders")?.documents;
  return documents === orders && allCaughtUp(status);
}

const isSafe = ({ collections }: StatusReport) => collections.every(({ notInStore }) => notInStore === 0);

async function expectTargets(
  database: string,
  redisUrl: string,
  redisTemplate: string,
  orders: readonly Order[],
): Promise<void> {
  const spend = expectedSpend(orders);
  expect(await spendRows(database)).toEqual(spend);
  const { rows } = await withClient(database, (client) =>
    client.query("SELECT id, customer, nth FROM numbered"),
  );
  const counts = new Map<string, number>();
  const numbered = orders.map(({ id, customer }) => {
    counts.set(customer, (counts.get(customer) ?? 0) + 1);
    return { id, customer, nth: counts.get(customer) };
  });
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
  expect(rows.map((row) => ({ ...row, nth: Number(row.nth) })).sort(byId)).toEqual(numbered.sort(byId));
  const total = await withClient(database, (client) =>
    client.query('SELECT "of", customers, cents FROM total'),
  );
  expect(
    total.rows.map((row) => ({ ...row, customers: Number(row.customers), cents: Number(row.cents) })),
  ).toEqual([
    { of: "all", customers: spend.length, cents: spend.reduce((sum, { cents }) => sum + cents, 0) },
  ]);
  const redis = new Redis(redisUrl);
  try {
    const hashes = await Promise.all(
      spend.map(({ customer }) => redis.hgetall(redisTemplate.replace("{customer}", customer))),
    );
    expect(
      hashes.map(({ customer, cents, orders: count, lastOrderAt }) => ({
        customer,
        cents: Number(cents),
        orders: Number(count),
        lastOrderAt,
      })),
    ).toEqual(spend.map((row) => ({ ...row, lastOrderAt: expect.any(String) })));
  } finally {
    await redis.quit();
  }
}

async function restoreIn({ directory }: Project, env: Record<string, string>, ...args: string[]) {
  return new WeirProcess({ directory, env }).command("restore", ...args);
}

it("from S3: what was committed until the newest cut comes back, and targets that were ahead of it are filled again", async () => {
  const s3 = await startFauxqs({ port: 0, logger: false });
  onTestFinished(() => s3.stop());
  s3.createBucket("history");
  const network = await startTcpProxy(s3.port);
  onTestFinished(() => network.close());
  const [database, redis] = [await testDatabase(), await testRedis()];
  const env = { DATABASE_URL: database, REDIS_URL: redis };
  const made = await project(
    files,
    env,
    `store: { s3: { bucket: "history", prefix: "lake", endpoint: "http://127.0.0.1:${network.port}", pathStyle: true, accessKeyId: "test", secretAccessKey: "test" } },
     fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },`,
  );
  const { weir, origin, directory } = made;
  weir.start();
  await weir.until((status) => allCaughtUp(status), WITHIN_MS);
  for (let from = 0; from < 600; from += 100) {
    expect((await post(`${origin}/orders`, ordersFrom(from, from + 100))).status).toBe(200);
  }
  await weir.until((status) => caughtUpWith(status, 600) && isSafe(status), WITHIN_MS);

  // From here on the store gets nothing: targets go ahead of what it could bring back.
  network.cut();
  expect((await post(`${origin}/orders`, ordersFrom(600, 700))).status).toBe(200);
  const ahead = await weir.until((status) => caughtUpWith(status, 700), WITHIN_MS);
  expect(ahead.collections.find(({ name }) => name === "shop/orders")?.notInStore).toBe(100);
  await weir.kill();
  rmSync(weir.dataDir, { recursive: true });
  network.mend();

  const dry = await restoreIn(made, env, "--dry-run", "--json");
  expect(dry.stderr).toBe("");
  const report = JSON.parse(dry.stdout);
  expect(report.collections).toContainEqual({ name: "shop/orders", documents: 600 });
  expect(existsSync(join(weir.dataDir, "head"))).toBe(false);
  const done = await restoreIn(made, env);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(done.stdout).toMatch(/shop\/orders +600 documents/);
  const again = await restoreIn(made, env);
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/has a history of its own/);

  weir.start();
  await weir.until((status) => caughtUpWith(status, 600), WITHIN_MS);
  expect((await post(`${origin}/orders`, ordersFrom(1000, 1100))).status).toBe(200);
  await weir.until((status) => caughtUpWith(status, 700), WITHIN_MS);
  const history = [...ordersFrom(0, 600), ...ordersFrom(1000, 1100)];
  await expectTargets(database, redis, "spend:{customer}", history);
  expect(weir.log()).toMatch(/postgres:customer_spend: warning: Empties the target .* history was restored/);
  await weir.until(isSafe, WITHIN_MS);
  const { stdout } = await weir.command("read", "shop/orders");
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual(history);
  expect(await weir.stop()).toBe(0);
  expect(readdirSync(directory)).toContain(".weir");
}, 240_000);

it("from a directory: also through kills at every step of the restore; a clean stop loses nothing, and targets go on", async () => {
  const [database, redis] = [await testDatabase(), await testRedis()];
  const env = { DATABASE_URL: database, REDIS_URL: redis };
  const made = await project(
    files,
    env,
    `store: { directory: "lake" }, fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },`,
  );
  const { weir, origin, directory } = made;
  weir.start();
  await weir.until((status) => allCaughtUp(status), WITHIN_MS);
  let sent = 0;
  const send = async (count: number) => {
    expect((await post(`${origin}/orders`, ordersFrom(sent, sent + count))).status).toBe(200);
    sent += count;
    await weir.until((status) => caughtUpWith(status, sent), WITHIN_MS);
  };
  await send(300);
  const points = [
    "restore.written.after",
    "restore.claim.put",
    "restore.claim.after",
    "restore.rename.after",
  ];
  for (const point of points) {
    await send(100);
    expect(await weir.stop()).toBe(0);
    renameSync(weir.dataDir, join(directory, `lost-${point}`));
    const faults = new FaultFiles(join(directory, `faults-${point}`));
    faults.arm({ point, phase: "any", occurrence: 1, action: "kill" });
    const killed = await restoreIn(made, {
      ...env,
      NODE_OPTIONS: `--import=${PRELOAD}`,
      WEIR_FAULTS: join(directory, `faults-${point}`),
    });
    expect(faults.hasFired(), killed.stderr).toBe(true);
    if (point !== "restore.rename.after") {
      expect(existsSync(join(weir.dataDir, "head"))).toBe(false);
      expect(await restoreIn(made, env)).toMatchObject({ code: 0, stderr: "" });
    }
    weir.start();
    await weir.until((status) => caughtUpWith(status, sent), WITHIN_MS);
  }
  await send(50);
  await expectTargets(database, redis, "spend:{customer}", ordersFrom(0, sent));
  expect(weir.log()).not.toMatch(/Empties the target/);
  expect(await weir.stop()).toBe(0);
}, 240_000);

it("a process whose history was restored elsewhere ends, and says so; so does its next start", async () => {
  const made = await project(
    { "flows/orders.flow.ts": ORDERS },
    {},
    `store: { directory: "lake" }, fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },`,
  );
  const { weir, origin, write } = made;
  weir.start();
  await weir.until((status) => allCaughtUp(status), WITHIN_MS);
  expect((await post(`${origin}/orders`, ordersFrom(0, 10))).status).toBe(200);
  await weir.until(isSafe, WITHIN_MS);
  write(
    "other.config.ts",
    `import { defineConfig } from "weir";\nexport default defineConfig({ dataDir: "other", store: { directory: "lake" } });\n`,
  );
  const restored = await weir.command("restore", "--config", "other.config.ts");
  expect(restored).toMatchObject({ code: 0, stderr: "" });
  await post(`${origin}/orders`, ordersFrom(10, 20)).catch(() => undefined);
  await expect.poll(() => weir.running, { timeout: WITHIN_MS }).toBe(false);
  expect(weir.log()).toMatch(/was restored into another data directory/);
  const { code, stderr } = await weir.command("run", "--once");
  expect(code).toBe(1);
  expect(stderr).toMatch(/was restored into another data directory/);
  const read = await weir.command("read", "shop/orders", "--config", "other.config.ts");
  expect(
    read.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual(ordersFrom(0, 10));
}, 120_000);
