import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, expect, it } from "vitest";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import {
  everyDocument,
  everyStrategy,
  flatDocument,
  flatStrategies,
  historyOf,
  rowsAfter,
} from "../../runtime/reduction/fixtures/every-strategy.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { HaltError, type TargetSession } from "../driver.ts";
import { contextOf, storeHistory } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  await admin.connect();
  return () => admin.end();
});
const open = (plan: CollectionPlan, table: string): Promise<TargetSession> =>
  driver.open(contextOf({ task: `postgres:${table}`, collection: plan, config: { url, table } }));

it.each([
  ["reduced in SQL", flatStrategies, flatDocument, "strategies_in_sql"],
  ["loaded and put", everyStrategy, everyDocument, "strategies_loaded"],
] as const)(
  "for every history, the rows are those of all documents at once: %s",
  { timeout: 120_000 },
  async (way, plan, document, table) => {
    const keys = compileKey(plan.key);
    const session = await open(plan, table);
    expect(session.reducesInTarget).toBe(way === "reduced in SQL");
    let position = 0;
    await fc.assert(
      fc.asyncProperty(historyOf(document), async (history) => {
        await admin.query(`DELETE FROM ${table}`);
        position = await storeHistory(session, plan, history, position);
        const expected = rowsAfter(history);
        expect(await session.load(expected.map((row) => keys.values(row)))).toEqual(expected);
        const { rows } = await admin.query(`SELECT count(*)::int AS n FROM ${table}`);
        expect(rows[0].n).toBe(expected.length);
      }),
      { numRuns: 60 },
    );
    await session.close();
  },
);

it("keeps digits that no double has, and halts where 64 bits do not suffice", async () => {
  const session = await open(flatStrategies, "strategies_exact");
  const document = (decimal: string, int64: string): JsonObject => ({
    region: "a",
    no: 1,
    decimal,
    int64,
    steps: [],
  });
  const add = (decimal: string, int64: string, position: number) =>
    session.store([{ op: "add", key: ["a", 1], document: document(decimal, int64) }], position);
  await add("12345678901234567890.10", "9223372036854775000", 1);
  await add("0.005", "807", 2);
  expect(await session.load([["a", 1]])).toEqual([
    document("12345678901234567890.105", "9223372036854775807"),
  ]);
  const { rows } = await admin.query(`SELECT "decimal" * 2 AS twice FROM strategies_exact`);
  expect(rows).toEqual([{ twice: "24691357802469135780.210" }]);
  const overflow: Error = await add("1", "1", 3).then(
    () => expect.fail("stored"),
    (error) => error,
  );
  expect(overflow).toBeInstanceOf(HaltError);
  expect(overflow.message).toContain('Field "int64" of key "a", 1: the sum with the stored row leaves');
  for (const wrong of ["NaN", "1e3", " 1", "0x1"]) {
    await expect(add(wrong, "1", 4)).rejects.toThrow('Field "decimal" of key "a", 1 is');
  }
  await expect(add("1", "9223372036854775808", 4)).rejects.toThrow('Field "int64" of key "a", 1 is');
  await session.close();
});
