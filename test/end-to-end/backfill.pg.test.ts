/** Targets that were damaged by hand are filled again by `weir backfill`, exactly once, though the runtime is killed meanwhile. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import type { BackfillReport } from "../../runtime/backfill/backfill.ts";
import { FaultFiles } from "../faults/fault-files.ts";
import { withClient } from "../servers/postgres.ts";
import { testDatabase, testRedis } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../servers/weir-process.ts";
import { expectedSpend, ORDERS, type Order, ordersFrom, SPEND } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { project } from "./project.ts";
import { sendAll } from "./sender.ts";

const PRELOAD = fileURLToPath(new URL("../faults/preload.ts", import.meta.url));
const WITHIN_MS = 60_000;

const MORE = `
import { env } from "weir";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { orders } from "./orders.flow.ts";

orders
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }))
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "orders_log", mode: "delta" }))
  .materializeTo(redis({ url: env("REDIS_URL"), key: "order:{id}", as: "json" }));
`;

/** A running project whose targets hold these orders. */
async function world(count: number) {
  const database = await testDatabase();
  const redis = await testRedis();
  const faults = { directory: "" };
  const { weir, origin, directory } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND, "flows/more.flow.ts": MORE },
    {
      DATABASE_URL: database,
      REDIS_URL: redis,
      NODE_OPTIONS: `--import=${PRELOAD}`,
      get WEIR_FAULTS() {
        return faults.directory;
      },
    },
    "fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },",
  );
  faults.directory = join(directory, "faults");
  const files = new FaultFiles(faults.directory);
  // Starting what was built is faster than building it.
  expect(await weir.command("build", "--out", "built")).toMatchObject({ code: 0 });
  weir.start(["--plan", "built"]);
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  const orders = ordersFrom(0, count);
  const send = (more: readonly Order[]) => sendAll(`${origin}/orders`, more, 50, 0);
  await send(orders);
  const caughtUp = (documents: number) =>
    weir.until(
      (s) =>
        s.collections.some((each) => each.name === "shop/orders" && each.documents === documents) &&
        allCaughtUp(s),
      WITHIN_MS,
    );
  await caughtUp(count);
  return { weir, database, redis, orders, send, caughtUp, files };
}

const sql = <Row extends object>(database: string, text: string): Promise<Row[]> =>
  withClient(database, async (client) => (await client.query<Row>(text)).rows);

/** Of the table or the log, in the order of the orders. */
async function orderRows(database: string, table: "orders" | "orders_log"): Promise<Order[]> {
  const rows = await sql<Record<keyof Order, string>>(
    database,
    `SELECT id, customer, cents, to_char("placedAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "placedAt"
       FROM ${table} ORDER BY substr(id, 3)::int`,
  );
  return rows.map((row) => ({ ...row, cents: Number(row.cents) }));
}

async function ordersInRedis(url: string, orders: readonly Order[]): Promise<(Order | null)[]> {
  const redis = new Redis(url);
  try {
    const texts = await redis.mget(orders.map(({ id }) => `order:${id}`));
    return texts.map((text) => (text === null ? null : JSON.parse(text)));
  } finally {
    await redis.quit();
  }
}

async function inRedis(url: string, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url);
  try {
    await work(redis);
  } finally {
    await redis.quit();
  }
}

/** Polls until it holds; shows the difference if it does not in time. */
async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

describe("weir backfill", () => {
  it("fills damaged targets again from history, running and at rest, and goes on live", async () => {
    const { weir, database, redis, orders, send, caughtUp } = await world(600);
    const run = (...args: string[]) => weir.command("backfill", ...args);

    await sql(database, "UPDATE customer_spend SET cents = cents + 7 WHERE customer < 'c-2'");
    await sql(database, "DELETE FROM customer_spend WHERE customer = 'c-3'");
    const dry = await run("postgres:customer_spend", "--dry-run", "--json");
    expect(dry).toMatchObject({ code: 0 });
    const report = JSON.parse(dry.stdout) as BackfillReport & { running: boolean };
    expect(report).toMatchObject({
      running: true,
      target: "postgres:customer_spend",
      collection: "shop/spend-by-customer",
      kind: "emptied",
      request: null,
    });
    const [journal] = report.reads.journals;
    expect(journal).toMatchObject({ partition: "p=00", from: 0, to: report.reads.documents });
    expect(report.reads.documents).toBeGreaterThanOrEqual(23);
    expect(await spendRows(database)).not.toEqual(expectedSpend(orders)); // nothing was done

    const filled = await run("postgres:customer_spend");
    expect(filled).toMatchObject({ code: 0 });
    expect(filled.stdout).toContain("postgres:customer_spend: all its rows go, and come back from history");
    expect(filled.stderr).toContain("It has begun");
    await caughtUp(600);
    expect(await spendRows(database)).toEqual(expectedSpend(orders));

    // A table that is gone halts its task, until it is filled anew.
    await sql(database, "DROP TABLE orders");
    const more = ordersFrom(600, 700);
    await send(more);
    await weir.until((s) => taskOf(s, "postgres:orders")?.state === "halted", WITHIN_MS, "allowed");
    expect((await run("postgres:orders")).code).toBe(0);
    await caughtUp(700);
    expect(await orderRows(database, "orders")).toEqual([...orders, ...more]);

    await inRedis(redis, (client) => client.del("order:o-1", "order:o-650"));
    await inRedis(redis, (client) => client.set("order:o-3", '{"id":"o-3"}'));
    expect((await run("redis:order:{id}")).code).toBe(0);
    await caughtUp(700);
    expect(await ordersInRedis(redis, [...orders, ...more])).toEqual([...orders, ...more]);

    // At rest it is noted, and done by the next start.
    expect(await weir.stop()).toBe(0);
    await sql(database, "DELETE FROM orders_log WHERE weir_offset % 3 = 0");
    const noted = await run("postgres:orders_log");
    expect(noted.stderr).toContain("It is noted, and the next weir run does it");
    weir.start();
    await caughtUp(700);
    expect(await orderRows(database, "orders_log")).toEqual([...orders, ...more]);
    // And by no further one.
    const times = () => weir.log().split("as weir backfill asked").length;
    const before = times();
    expect(await weir.stop()).toBe(0);
    weir.start();
    await caughtUp(700);
    expect(times()).toBe(before);
  }, 240_000);

  it("applies history again from a position on where that is right, and refuses it where it is not", async () => {
    const { weir, database, orders, caughtUp } = await world(400);
    const run = (...args: string[]) => weir.command("backfill", ...args);

    // The rows of orders are those of their newest documents: each that is read again is put right.
    await sql(database, "UPDATE orders SET cents = 0 WHERE substr(id, 3)::int >= 300");
    const dry = JSON.parse((await run("postgres:orders", "--from", "300", "--dry-run", "--json")).stdout);
    expect(dry).toMatchObject({
      kind: "re-applied",
      reads: { documents: 100, journals: [{ from: 300, to: 400 }] },
    });
    expect((await run("postgres:orders", "--from", "300")).code).toBe(0);
    await caughtUp(400);
    expect(await orderRows(database, "orders")).toEqual(orders);

    // A log's rows from there on are written anew; those before it stay, whatever they are.
    await sql(database, "UPDATE orders_log SET cents = -1 WHERE weir_offset IN (7, 390)");
    await sql(database, "DELETE FROM orders_log WHERE weir_offset IN (250, 399)");
    expect((await run("postgres:orders_log", "--from", "250")).code).toBe(0);
    await caughtUp(400);
    expect(await orderRows(database, "orders_log")).toEqual(
      orders.map((each, i) => (i === 7 ? { ...each, cents: -1 } : each)),
    );

    // By time: that of the 200th document.
    const { stdout } = await weir.command("read", "shop/orders", "--meta", "--from", "200", "--limit", "1");
    const { _meta } = JSON.parse(stdout) as { _meta: { at: string } };
    const byTime = await run("postgres:orders", "--from", _meta.at, "--dry-run", "--json");
    // It is told in milliseconds, in which the commit before may have been too.
    const { from } = (JSON.parse(byTime.stdout) as BackfillReport).reads.journals[0] ?? { from: -1 };
    expect([150, 200]).toContain(from);

    const refused = await run("postgres:customer_spend", "--from", "10");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "documents that are applied again would count twice in cents (sum), orders (sum). Leave out --from, which empties it and reads all of history.",
    );
    for (const [args, message] of [
      [
        ["postgres:nothing"],
        "There are: postgres:customer_spend, postgres:orders, postgres:orders_log, redis:order:{id}.",
      ],
      [["shop/orders"], "is a capture, and its documents are the history itself. Give it a new name"],
      [["shop/spend-by-customer"], "is a derivation, and what it appended stays as it is"],
      [["postgres:orders", "--from", "401"], "Offset 401 is past the end of p=00, which is 400."],
      [["postgres:orders", "--from", "1", "--partition", "p=07"], 'reads no partition "p=07"'],
      [["postgres:orders", "--partition", "p=00"], "--partition says where --from begins"],
    ] as const) {
      const { code, stderr } = await run(...args);
      expect(stderr).toContain(message);
      expect(code).toBe(1);
    }
  }, 240_000);

  interface Kill {
    readonly point: ProtocolPoint;
    readonly occurrence: number;
    readonly args: readonly string[];
  }
  const emptying = ["postgres:customer_spend"];
  const rewinding = ["postgres:orders_log", "--from", "150"];
  const kills: readonly Kill[] = [
    { point: "backfill.request.before", occurrence: 1, args: emptying },
    { point: "backfill.request.after", occurrence: 1, args: emptying },
    { point: "postgres.clear.before", occurrence: 1, args: emptying },
    { point: "postgres.clear.after", occurrence: 1, args: emptying },
    { point: "materialization.rewind.before", occurrence: 1, args: rewinding },
    { point: "materialization.rewind.after", occurrence: 1, args: rewinding },
    { point: "redis.clear.begun", occurrence: 1, args: ["redis:order:{id}"] },
    { point: "redis.clear.rows", occurrence: 1, args: ["redis:order:{id}"] },
    { point: "redis.clear.after", occurrence: 1, args: ["redis:order:{id}"] },
  ];

  it("is carried out once though the runtime is killed at any of its steps, while documents flow", async () => {
    const { weir, database, redis, orders, send, caughtUp, files } = await world(300);
    let all: Order[] = orders;
    for (const { point, occurrence, args } of kills) {
      if (args === emptying) await sql(database, "UPDATE customer_spend SET cents = cents + 1");
      else if (args === rewinding) await sql(database, "DELETE FROM orders_log WHERE weir_offset >= 150");
      else await inRedis(redis, (client) => client.del(...orders.map(({ id }) => `order:${id}`)));
      files.arm({ point, phase: "any", occurrence, action: "kill" });
      const more = ordersFrom(all.length, all.length + 200);
      const sending = send(more);
      const { code } = await weir.command("backfill", ...args);
      await eventually(async () => expect([point, files.hasFired()]).toEqual([point, true]));
      files.disarm();
      await eventually(async () => expect(weir.running).toBe(false));
      weir.start();
      await weir.until((s) => taskOf(s, "shop/orders")?.state === "running", WITHIN_MS);
      // Who was not told that it is noted asks again.
      if (code !== 0 && point === "backfill.request.before") await weir.command("backfill", ...args);
      await sending;
      all = [...all, ...more];
      await caughtUp(all.length);
      await eventually(async () => {
        if (args === emptying) expect(await spendRows(database), point).toEqual(expectedSpend(all));
        else if (args === rewinding) expect(await orderRows(database, "orders_log"), point).toEqual(all);
        else expect(await ordersInRedis(redis, all), point).toEqual(all);
      });
    }
  }, 600_000);
});
