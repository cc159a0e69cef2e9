import fc from "fast-check";
import { Redis } from "ioredis";
import { beforeAll, expect, it } from "vitest";
import { Combiner, keysToLoad, withStored } from "../../runtime/reduction/combiner.ts";
import {
  everyDocument,
  everyStrategy,
  historyOf,
  rowsAfter,
} from "../../runtime/reduction/fixtures/every-strategy.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { compileReducer } from "../../runtime/reduction/reducer.ts";
import { testRedis } from "../../test/servers/test-servers.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Redis;
beforeAll(async () => {
  url = await testRedis();
  admin = new Redis(url);
  return () => admin.disconnect();
});

it.each(["hash", "json"] as const)(
  "for every history, the rows are those of all documents at once: %s",
  { timeout: 60_000 },
  async (as) => {
    const reducer = compileReducer(everyStrategy);
    const keys = compileKey(everyStrategy.key);
    await fc.assert(
      fc.asyncProperty(historyOf(everyDocument), async (history) => {
        await admin.flushdb();
        const session = await driver.open({
          task: `redis:${as}`,
          collection: everyStrategy,
          config: { url, key: "r:{region}:{no}", as },
          log: { info: () => {}, warn: () => {} },
        });
        let position = 0;
        const combiner = new Combiner(everyStrategy);
        const store = async () => {
          const changes = combiner.drain();
          const stored = await session.load(keysToLoad(changes));
          await session.store(withStored(reducer, changes, stored), ++position);
        };
        for (const { document, remove, ends } of history) {
          if (remove) combiner.remove(document);
          else combiner.add(structuredClone(document));
          if (ends) await store();
        }
        await store();
        const expected = rowsAfter(history);
        expect(await session.load(expected.map((row) => keys.values(row)))).toEqual(expected);
        expect(await admin.dbsize()).toBe(expected.length + 1);
        await session.close();
      }),
      { numRuns: 60 },
    );
  },
);
