import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { expectedSpend, ORDERS, ordersFrom, SPEND } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { project } from "./project.ts";

const FROM_FILE = ORDERS.replace(
  'import { http } from "weir/http"',
  'import { files } from "weir/files"',
).replace('http({ path: "/orders" })', 'files({ path: "orders.ndjson" })');

it("--once puts what was captured and derived into the store while a slow target is still being filled", async () => {
  const url = await testDatabase();
  const orders = ordersFrom(0, 500);
  const lines = orders.map((order) => `${JSON.stringify(order)}\n`);
  const { weir, write } = await project(
    { "flows/orders.flow.ts": FROM_FILE, "flows/spend.flow.ts": SPEND, "orders.ndjson": lines[0] ?? "" },
    { DATABASE_URL: url },
  );
  expect(await weir.command("run", "--once")).toMatchObject({ code: 0 });
  write("orders.ndjson", lines.join(""));
  await withClient(url, async (client) => {
    await client.query("BEGIN");
    await client.query("LOCK TABLE customer_spend IN EXCLUSIVE MODE");
    weir.start(["--once"]);
    const { collections, tasks } = await weir.until(
      (status) =>
        status.collections.some(({ documents }) => documents === orders.length) &&
        status.collections.every(({ notInStore }) => notInStore === 0),
      20_000, // a small fragment is due after a minute
    );
    expect(collections.map(({ name }) => name)).toEqual(["shop/orders", "shop/spend-by-customer"]);
    expect(tasks.find(({ kind }) => kind === "materialization")?.documentsBehind).toBeGreaterThan(0);
    await client.query("COMMIT");
  });
  while (weir.running) await sleep(50);
  expect(weir.exitCode).toBe(0);
  expect(await spendRows(url)).toEqual(expectedSpend(orders));
}, 60_000);
