/** The connection to a target is cut at its commit: before the server gets it, or after it is done and before its answer. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { expectedSpend, ORDERS, ordersFrom, SPEND } from "../../end-to-end/orders.ts";
import { spendRows } from "../../end-to-end/postgres-rows.ts";
import { project } from "../../end-to-end/project.ts";
import { sendAll } from "../../end-to-end/sender.ts";
import { COMMIT, STATEMENT, startPostgresProxy } from "../../servers/postgres-proxy.ts";
import { testDatabase } from "../../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../../servers/weir-process.ts";

const WITHIN_MS = 60_000;
const TASK = "postgres:customer_spend";

it.each(["before", "after"] as const)(
  "a Postgres connection that is cut %s the server has committed",
  async (moment) => {
    const database = new URL(await testDatabase());
    const proxy = await startPostgresProxy(Number(database.port));
    onTestFinished(() => proxy.close());
    const direct = database.href;
    database.port = String(proxy.port);
    const { weir, origin } = await project(
      { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND },
      { DATABASE_URL: database.href },
    );
    weir.start();
    await weir.until((status) => taskOf(status, TASK)?.state === "caught-up", WITHIN_MS);
    const orders = ordersFrom(0, 800);
    const sending = sendAll(`${origin}/orders`, orders, 20, 20);
    // Statements of its own for small transactions: every cut one is settled before the next is made.
    for (let cuts = 1; cuts <= 3; cuts++) {
      proxy.cutNext(moment, (label) => label === STATEMENT);
      await expect.poll(() => proxy.cuts[moment], { timeout: WITHIN_MS }).toBe(cuts);
      await sleep(100);
    }
    await sending;
    const caughtUp = await weir.until(
      (status) =>
        status.collections.some(({ documents }) => documents === orders.length) && allCaughtUp(status),
      WITHIN_MS,
    );
    expect(taskOf(caughtUp, TASK)?.restarts).toBe(3);
    expect(await spendRows(direct)).toEqual(expectedSpend(orders));
  },
  120_000,
);

void COMMIT;
