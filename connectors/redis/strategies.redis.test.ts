import fc from "fast-check";
import { Redis } from "ioredis";
import { beforeAll, expect, it } from "vitest";
import {
  everyDocument,
  everyStrategy,
  historyOf,
  rowsAfter,
} from "../../runtime/reduction/fixtures/every-strategy.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { testRedis } from "../../test/servers/test-servers.ts";
import { contextOf, storeHistory } from "../fixtures/target.ts";
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
    const keys = compileKey(everyStrategy.key);
    await fc.assert(
      fc.asyncProperty(historyOf(everyDocument), async (history) => {
        await admin.flushdb();
        const config = { url, key: "r:{region}:{no}", as };
        const session = await driver.open(
          contextOf({ task: `redis:${as}`, collection: everyStrategy, config }),
        );
        await storeHistory(session, everyStrategy, history);
        const expected = rowsAfter(history);
        expect(await session.load(expected.map((row) => keys.values(row)))).toEqual(expected);
        expect(await admin.dbsize()).toBe(expected.length + 1);
        await session.close();
      }),
      { numRuns: 60 },
    );
  },
);
