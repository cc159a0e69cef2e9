/** The connection to a target is cut at its commit: before the server gets it, or after it is done and before its answer. */
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { collectionOf, contextOf, rowsOneByOne } from "../../../connectors/fixtures/target.ts";
import { driver } from "../../../connectors/postgres/driver.ts";
import { expectedSpend, ORDERS, ordersFrom, SPEND } from "../../end-to-end/orders.ts";
import { spendRows } from "../../end-to-end/postgres-rows.ts";
import { project } from "../../end-to-end/project.ts";
import { sendAll } from "../../end-to-end/sender.ts";
import { withClient } from "../../servers/postgres.ts";
import { COMMIT, STATEMENT, startPostgresProxy } from "../../servers/postgres-proxy.ts";
import { testDatabase } from "../../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../../servers/weir-process.ts";
import { storeAll } from "./persistent-task.ts";

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
    const orders = ordersFrom(0, 600);
    // Statements of their own for small transactions: every cut one is settled before the next is made.
    for (let cuts = 1; cuts <= 3; cuts++) {
      proxy.cutNext(moment, (label) => label === STATEMENT);
      await sendAll(`${origin}/orders`, orders.slice(200 * (cuts - 1), 200 * cuts), 20, 5);
      await expect.poll(() => proxy.cuts[moment], { timeout: WITHIN_MS }).toBe(cuts);
    }
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

/** Sums per key, and for each key the list of all that was added to it: a batch stored twice or not shows in both. */
const ledger = collectionOf(z.object({ id: z.string(), n: z.int(), batches: z.array(z.int()) }), ["id"], {
  n: "sum",
  batches: "append",
});

/** Both kinds of transaction, cut on both sides. */
const EACH = ([1, 501] as const).flatMap((rows) =>
  (["before", "after"] as const).map((cut) => ({ rows, cut })),
);

it("any run of small and large transactions, cut on either side of any of their commits, is stored exactly once", async () => {
  const url = new URL(await testDatabase());
  const direct = url.href;
  const proxy = await startPostgresProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  url.port = String(proxy.port);
  let tables = 0;
  const bySize = { [COMMIT]: 0, [STATEMENT]: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          // Up to 500 rows are one statement, more a COPY within BEGIN and COMMIT.
          rows: fc.constantFrom(1, 3, 40, 501, 700),
          cut: fc.constantFrom("before" as const, "after" as const, undefined),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      async (steps) => {
        const table = `ledger_${++tables}`;
        const batches = steps.map(({ rows }, batch) =>
          Array.from({ length: rows }, (_, i) => ({ id: `k${i}`, n: batch + 1, batches: [batch] })),
        );
        const cutAt = steps.map(({ cut }) => cut);
        const before = { ...proxy.cuts };
        const { failures, surprises } = await storeAll(
          () =>
            driver.open(
              contextOf({ task: `postgres:${table}`, collection: ledger, config: { url: url.href, table } }),
            ),
          ledger,
          batches,
          (batch) => {
            const moment = cutAt[batch];
            cutAt[batch] = undefined;
            if (moment === undefined) return;
            bySize[(batches[batch]?.length ?? 0) > 500 ? COMMIT : STATEMENT]++;
            proxy.cutNext(moment);
          },
        );
        const armed = (moment: string) => steps.filter(({ cut }) => cut === moment).length;
        expect(proxy.cuts.before - before.before).toBe(armed("before"));
        expect(proxy.cuts.after - before.after).toBe(armed("after"));
        expect(failures).toBe(armed("before") + armed("after"));
        // What was committed and not answered is found there.
        expect(surprises).toBe(armed("after"));
        const expected = rowsOneByOne(
          ledger,
          batches.flat().map((document) => ({ document, remove: false, ends: false })),
        );
        const rows = await withClient(
          direct,
          async (client) => (await client.query(`SELECT * FROM ${table}`)).rows,
        );
        const byId = (a: { id?: unknown }, b: { id?: unknown }) => (String(a.id) < String(b.id) ? -1 : 1);
        expect(rows.map((row) => ({ ...row, n: Number(row.n) })).sort(byId)).toEqual(
          [...expected].sort(byId),
        );
      },
    ),
    { numRuns: 10, examples: [[EACH]] },
  );
  expect(Math.min(bySize[COMMIT], bySize[STATEMENT])).toBeGreaterThan(0);
}, 120_000);
