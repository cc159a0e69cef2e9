/** Redis is cut at its scripts, restarts, crashes, and comes back without its newest writes. */
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { collectionOf, contextOf, rowsOneByOne } from "../../../connectors/fixtures/target.ts";
import { driver } from "../../../connectors/redis/driver.ts";
import { startRedis, withRedis } from "../../servers/redis.ts";
import { startRedisProxy } from "../../servers/redis-proxy.ts";
import { storeAll } from "./persistent-task.ts";

/** Sums per key, and for each key the list of all that was added to it: a batch stored twice or not shows in both. */
const ledger = collectionOf(z.object({ id: z.string(), n: z.int(), batches: z.array(z.int()) }), ["id"], {
  n: "sum",
  batches: "append",
});

const FAULTS = ["before", "after", "clean", "crash", "keep", "roll back"] as const;

it("any run of cuts, restarts and losses of the newest writes leaves each row as if there had been none", async () => {
  const redis = await startRedis();
  const proxy = await startRedisProxy(Number(new URL(redis.url).port));
  onTestFinished(async () => {
    await proxy.close();
    await redis.stop();
  });
  const url = new URL(redis.url);
  url.port = String(proxy.port);
  const fired = new Map<string, number>(FAULTS.map((fault) => [fault, 0]));
  let tables = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ rows: fc.constantFrom(1, 3, 200), fault: fc.constantFrom(...FAULTS, undefined) }),
        {
          minLength: 1,
          maxLength: 8,
        },
      ),
      async (steps) => {
        const key = `ledger${++tables}:{id}`;
        const batches = steps.map(({ rows }, batch) =>
          Array.from({ length: rows }, (_, i) => ({ id: `k${i}`, n: batch + 1, batches: [batch] })),
        );
        // Each fault fires once, also where its batch is stored a second time after a loss.
        const faults: ((typeof FAULTS)[number] | undefined)[] = steps.map(({ fault }) => fault);
        const before = { ...proxy.cuts };
        await redis.keep();
        const { failures, surprises } = await storeAll(
          () =>
            driver.open(
              contextOf({ task: `redis:${key}`, collection: ledger, config: { url: url.href, key } }),
            ),
          ledger,
          batches,
          async (batch) => {
            const fault = faults[batch];
            faults[batch] = undefined;
            if (fault === undefined) return;
            fired.set(fault, (fired.get(fault) ?? 0) + 1);
            if (fault === "before" || fault === "after") proxy.cutNext(fault);
            else if (fault === "keep") await redis.keep();
            else if (fault === "roll back") await redis.rollBack();
            else await redis.restart(fault);
          },
        );
        const count = (...names: readonly string[]) =>
          steps.filter(({ fault = "" }) => names.includes(fault)).length;
        expect(proxy.cuts.before - before.before).toBe(count("before"));
        expect(proxy.cuts.after - before.after).toBe(count("after"));
        expect(failures).toBe(count("before", "after", "clean", "crash", "roll back"));
        expect(surprises).toBeGreaterThanOrEqual(count("after"));
        const expected = rowsOneByOne(
          ledger,
          batches.flat().map((document) => ({ document, remove: false, ends: false })),
        );
        const rows = await withRedis(redis.url, async (client) => {
          const keys = await client.keys(`ledger${tables}:*`);
          return Promise.all(keys.map((name) => client.hgetall(name)));
        });
        const byId = (a: { id?: unknown }, b: { id?: unknown }) => (String(a.id) < String(b.id) ? -1 : 1);
        const found = rows.map(({ id, n, batches: list = "[]" }) => ({
          id,
          n: Number(n),
          batches: JSON.parse(list),
        }));
        expect(found.sort(byId)).toEqual([...expected].sort(byId));
      },
    ),
    { numRuns: 10, examples: [[FAULTS.map((fault) => ({ rows: 3 as const, fault }))]] },
  );
  expect([...fired].filter(([, times]) => times === 0)).toEqual([]);
}, 120_000);
