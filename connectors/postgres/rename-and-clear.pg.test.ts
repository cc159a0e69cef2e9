import { Client } from "pg";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { FencedError, HaltError, type RowChange, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  admin.on("error", () => {});
  await admin.connect();
  await admin.query("CREATE SCHEMA raw");
  return () => admin.end();
});
beforeEach(async () => {
  await admin.query(
    "DROP TABLE IF EXISTS referring, raw.old, raw.fresh, old, fresh, weir_checkpoints, raw.weir_checkpoints",
  );
});

const spend = collectionOf(z.object({ id: z.string(), n: z.int() }), ["id"]);
const put = (id: string, n: number): RowChange => ({ op: "put", key: [id], document: { id, n } });
const open = (table: string, renamedFrom?: string, schema?: string): Promise<TargetSession> => {
  const task = `postgres:${schema === undefined ? "" : `${schema}.`}${table}`;
  const config = { url, table, ...(schema === undefined ? {} : { schema }) };
  return driver.open(contextOf({ task, collection: spend, config, renamedFrom }));
};
const tables = async () => {
  const { rows } = await admin.query(
    `SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || tablename AS name
     FROM pg_tables WHERE schemaname IN ('public', 'raw') AND tablename <> 'weir_checkpoints'`,
  );
  return rows.map(({ name }) => name);
};

describe("renaming", () => {
  it.each([
    [undefined, "postgres:old"],
    ["raw", "postgres:raw.old"],
    ["raw", "postgres:old"],
  ])("takes table and position over, once: schema %s, from %s", async (schema, from) => {
    const before = await open("old", undefined, schema);
    await before.store([put("a", 1)], 7);
    await before.close();
    for (const _ of ["at first", "and again"]) {
      const session = await open("fresh", from, schema);
      expect(session.position).toBe(7);
      expect(await session.load([["a"]])).toEqual([{ id: "a", n: 1 }]);
      await session.close();
    }
    expect(await tables()).toEqual([schema === undefined ? "fresh" : "raw.fresh"]);
    const { rows } = await admin.query(`SELECT task FROM ${schema ?? "public"}.weir_checkpoints`);
    expect(rows).toEqual([{ task: schema === undefined ? "postgres:fresh" : "postgres:raw.fresh" }]);
  });

  it("fences the instance that works under the old name", async () => {
    const former = await open("old");
    await former.store([put("a", 1)], 1);
    const session = await open("fresh", "postgres:old");
    await expect(former.store([put("b", 1)], 2)).rejects.toThrow();
    expect(session.position).toBe(1);
    expect((await admin.query("SELECT id FROM fresh")).rows).toEqual([{ id: "a" }]);
    await former.close();
    await session.close();
  });

  it("ends a backend that hangs in a transaction under the old name", async () => {
    await (await open("old")).close();
    const hanging = new Client({ connectionString: url });
    hanging.on("error", () => {});
    await hanging.connect();
    await hanging.query(
      `UPDATE weir_checkpoints SET backend_pid = a.pid, backend_start = a.backend_start
       FROM pg_stat_activity a WHERE a.pid = pg_backend_pid() AND task = 'postgres:old'`,
    );
    await hanging.query("BEGIN");
    await hanging.query("UPDATE weir_checkpoints SET position = '5' WHERE task = 'postgres:old'");
    const session = await open("fresh", "postgres:old");
    expect(session.position).toBeUndefined();
    await session.close();
    await hanging.end().catch(() => {});
  });

  it("begins anew where nothing is stored under the old name, and leaves a foreign table of it alone", async () => {
    await admin.query("CREATE TABLE old (id text)");
    const session = await open("fresh", "postgres:old");
    expect(session.position).toBeUndefined();
    expect((await tables()).sort()).toEqual(["fresh", "old"]);
    await session.close();
  });

  it("halts where both tables exist, and where neither does though a checkpoint says so", async () => {
    const before = await open("old");
    await before.store([put("a", 1)], 7);
    await before.close();
    await admin.query("CREATE TABLE fresh (id text PRIMARY KEY, n bigint)");
    await expect(open("fresh", "postgres:old")).rejects.toThrow(HaltError);
    await expect(open("fresh", "postgres:old")).rejects.toThrow('but "public"."fresh" exists');
    await admin.query("DROP TABLE old, fresh");
    await expect(open("fresh", "postgres:old")).rejects.toThrow("is gone, but the checkpoint");
    expect(await tables()).toEqual([]);
  });
});

describe("clear", () => {
  it("removes all rows and sets the position in one transaction", async () => {
    const session = await open("old");
    await session.store([put("a", 1), put("b", 1)], 1);
    await session.clear({ backfill: 1 });
    expect((await admin.query("SELECT * FROM old")).rows).toEqual([]);
    await session.store([put("c", 1)], 2);
    await session.close();
    const again = await open("old");
    expect(again.position).toBe(2);
    await again.close();
  });

  it("does nothing under a stale fence", async () => {
    const former = await open("old");
    await former.store([put("a", 1)], 1);
    await admin.query("UPDATE weir_checkpoints SET backend_pid = 0");
    const successor = await open("old");
    await expect(former.clear(2)).rejects.toThrow(FencedError);
    expect((await admin.query("SELECT id FROM old")).rows).toEqual([{ id: "a" }]);
    await successor.store([put("b", 1)], 2);
    await former.close();
    await successor.close();
  });

  it("halts where other tables refer to the rows, and leaves them with their position", async () => {
    const session = await open("old");
    await session.store([put("a", 1)], 1);
    await admin.query("CREATE TABLE referring (id text REFERENCES old)");
    await expect(session.clear(2)).rejects.toThrow(HaltError);
    await expect(session.clear(2)).rejects.toThrow(
      'Postgres refused to empty "old", which is to be filled anew: cannot truncate a table referenced in a foreign key',
    );
    await session.store([put("b", 1)], 2);
    expect((await admin.query("SELECT id FROM old ORDER BY 1")).rows).toEqual([{ id: "a" }, { id: "b" }]);
    await session.close();
  });
});

describe("a table that is gone", () => {
  const openAnew = (mayRemake: boolean) =>
    driver.open(
      contextOf({
        ...{ task: "postgres:old", collection: spend, config: { url, table: "old" } },
        mayRemake: () => mayRemake,
      }),
    );

  it("is made anew, without a position, only where a user asked for it; who worked on it stores nothing more", async () => {
    const before = await open("old");
    await before.store([put("a", 1)], 7);
    await admin.query("DROP TABLE old");
    await expect(openAnew(false)).rejects.toThrow("or run weir backfill postgres:old to fill a new one");
    const session = await openAnew(true);
    expect(session.position).toBeUndefined();
    await expect(before.store([put("b", 1)], 8)).rejects.toThrow(FencedError);
    await session.store([put("c", 1)], 1);
    expect((await admin.query("SELECT id FROM old")).rows).toEqual([{ id: "c" }]);
    await session.close();
    await before.close();
  });
});
