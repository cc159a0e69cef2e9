import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { FencedError, HaltError, type RowChange, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf, rowsOneByOne, type Step, storeHistory } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  admin.on("error", () => {});
  await admin.connect();
  return () => admin.end();
});

let tables = 0;
const newTable = () => `target_${++tables}`;
const open = (plan: CollectionPlan, table: string): Promise<TargetSession> =>
  driver.open(contextOf({ task: `postgres:${table}`, collection: plan, config: { url, table } }));
const put = (document: JsonObject, key: string): RowChange => ({ op: "put", key: [key], document });

const spend = collectionOf(z.object({ id: z.string(), n: z.int() }), ["id"], { n: "sum" });
const rowsOf = async (table: string) => (await admin.query(`SELECT * FROM ${table} ORDER BY 1`)).rows;

describe("open", () => {
  it("makes the table, and finds the position that was stored last", async () => {
    const table = newTable();
    const first = await open(spend, table);
    expect(first.position).toBeUndefined();
    expect(first.reducesInTarget).toBe(true);
    await first.store([{ op: "add", key: ["a"], document: { id: "a", n: 1 } }], { at: [1, "x"] });
    await first.close();
    const second = await open(spend, table);
    expect(second.position).toEqual({ at: [1, "x"] });
    await second.store([{ op: "add", key: ["a"], document: { id: "a", n: 2 } }], { at: [2] });
    expect(await rowsOf(table)).toEqual([{ id: "a", n: "3" }]);
    await second.close();
  });

  it("says what does not fit a table that exists, and what to do", async () => {
    const table = newTable();
    await admin.query(`CREATE TABLE ${table} (id text, n integer, extra int NOT NULL)`);
    const opened = open(spend, table);
    await expect(opened).rejects.toThrow(HaltError);
    await expect(opened).rejects.toThrow(
      `Column "n" of "public"."${table}" is integer, but the field needs bigint; change the column's type, or name another table. ` +
        `Column "extra" of "public"."${table}" must have a value, and no field gives one; run ALTER TABLE "public"."${table}" ALTER COLUMN "extra" DROP NOT NULL. ` +
        `"public"."${table}" has no primary key, but the collection's key is (id); name another table.`,
    );
  });

  it("takes a table that fits, with more nullable columns", async () => {
    const table = newTable();
    await admin.query(`CREATE TABLE ${table} (extra int, n bigint, id varchar PRIMARY KEY)`);
    const session = await open(spend, table);
    await session.store([{ op: "add", key: ["a"], document: { id: "a", n: 1 } }], 1);
    expect(await rowsOf(table)).toEqual([{ extra: null, n: "1", id: "a" }]);
    await session.close();
  });

  it("halts on rows that it did not write, and on a table that is gone", async () => {
    const foreign = newTable();
    await admin.query(`CREATE TABLE ${foreign} (id text PRIMARY KEY, n bigint NOT NULL)`);
    await admin.query(`INSERT INTO ${foreign} VALUES ('a', 1)`);
    await expect(open(spend, foreign)).rejects.toThrow("holds rows but has no checkpoint of this task");

    const lost = newTable();
    const session = await open(spend, lost);
    await session.store([], 1);
    await session.close();
    await admin.query(`DROP TABLE ${lost}`);
    await expect(open(spend, lost)).rejects.toThrow("is gone, but the checkpoint");
  });

  it("halts on a missing schema, and never shows the password", async () => {
    const config = { url, table: "t", schema: "nowhere" };
    const opened = driver.open(contextOf({ task: "t", collection: spend, config }));
    await expect(opened).rejects.toThrow(HaltError);
    const password = new URL(url).password;
    for (const bad of [`postgres://weir:${password}@`, `postgres://weir:${password}@127.0.0.1:1/x`]) {
      const error: Error = await driver
        .open(contextOf({ task: "t", collection: spend, config: { url: bad, table: "t" } }))
        .then(
          () => expect.fail("opened"),
          (reason) => reason,
        );
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(password);
    }
  });
});

describe("store", () => {
  it.each([1, 600])("halts where a sum of integers leaves the exact ones, with %i rows", async (count) => {
    const table = newTable();
    const session = await open(spend, table);
    await session.store([put({ id: 'k "0"', n: Number.MAX_SAFE_INTEGER }, 'k "0"')], 1);
    const more = Array.from({ length: count }, (_, i): RowChange => {
      const id = `k "${i}"`;
      return { op: "add", key: [id], document: { id, n: 1 } };
    });
    const stored = session.store(more, 2);
    await expect(stored).rejects.toThrow(HaltError);
    await expect(stored).rejects.toThrow(
      'Field "n" of key "k \\"0\\"": the sum with the stored row leaves the range',
    );
    expect(await rowsOf(table)).toEqual([{ id: 'k "0"', n: "9007199254740991" }]);
    await session.close();
  });

  it("halts on a row that a constraint of the user's refuses", async () => {
    const table = newTable();
    await admin.query(`CREATE TABLE ${table} (id text PRIMARY KEY, n bigint CHECK (n < 5))`);
    const session = await open(spend, table);
    await expect(session.store([put({ id: "a", n: 9 }, "a")], 1)).rejects.toThrow(HaltError);
    await session.close();
  });
});

describe("the fence", () => {
  it.each([1, 600])("keeps a former instance from storing, with %i rows", async (count) => {
    const table = newTable();
    const former = await open(spend, table);
    await former.store([put({ id: "a", n: 1 }, "a")], 1);
    const successor = await open(spend, table);
    const changes = Array.from({ length: count }, (_, i) => put({ id: `b${i}`, n: 1 }, `b${i}`));
    await expect(former.store(changes, 2)).rejects.toThrow(FencedError);
    expect(await rowsOf(table)).toEqual([{ id: "a", n: "1" }]);
    expect(successor.position).toBe(1);
    await successor.store([put({ id: "c", n: 1 }, "c")], 2);
    await former.close();
    await successor.close();
  });

  it.each([1, 600])("holds though the former backend could not be ended, with %i rows", async (count) => {
    const table = newTable();
    const former = await open(spend, table);
    // As if another backend had been recorded: the successor ends nothing.
    await admin.query("UPDATE weir_checkpoints SET backend_pid = 0 WHERE task = $1", [`postgres:${table}`]);
    const successor = await open(spend, table);
    const changes = Array.from({ length: count }, (_, i) => put({ id: `b${i}`, n: 1 }, `b${i}`));
    await expect(former.store(changes, 2)).rejects.toThrow(FencedError);
    expect(await rowsOf(table)).toEqual([]);
    await former.close();
    await successor.close();
  });

  it("ends a former backend that hangs in a transaction", async () => {
    const table = newTable();
    const session = await open(spend, table);
    await session.close();
    const hanging = new Client({ connectionString: url });
    hanging.on("error", () => {});
    await hanging.connect();
    // What a session of ours records about itself, committed; then a transaction that moved the checkpoint and stays open.
    await hanging.query(
      `UPDATE weir_checkpoints SET backend_pid = a.pid, backend_start = a.backend_start
       FROM pg_stat_activity a WHERE a.pid = pg_backend_pid() AND task = $1`,
      [`postgres:${table}`],
    );
    await hanging.query("BEGIN");
    await hanging.query("UPDATE weir_checkpoints SET position = '5' WHERE task = $1", [`postgres:${table}`]);
    const again = await open(spend, table);
    expect(again.position).toBeUndefined();
    await again.close();
    await hanging.end().catch(() => {});
  });

  it("settles a transaction whose end the former instance never learnt", { timeout: 60_000 }, async () => {
    const table = newTable();
    let expected = 0;
    let session = await open(spend, table);
    for (let round = 1; round <= 30; round++) {
      // Ends the backend at some moment of the transaction.
      const { rows } = await admin.query("SELECT backend_pid AS pid FROM weir_checkpoints WHERE task = $1", [
        `postgres:${table}`,
      ]);
      const changes = Array.from({ length: round % 2 === 0 ? 1 : 600 }, (_, i): RowChange => {
        const id = `k${i}`;
        return { op: "add", key: [id], document: { id, n: 1 } };
      });
      const storing = session.store(changes, round).then(
        () => true,
        (error) => {
          expect(error).not.toBeInstanceOf(HaltError);
          return false;
        },
      );
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 12));
      await admin.query("SELECT pg_terminate_backend($1)", [rows[0].pid]);
      const told = await storing;
      session = await open(spend, table);
      if (told) expect(session.position).toBe(round);
      if (session.position === round) expected += 1;
      else await session.store(changes, round).then(() => expected++);
    }
    expect(expected).toBe(30);
    expect((await rowsOf(table)).find((row) => row.id === "k0")).toEqual({ id: "k0", n: "30" });
    await session.close();
  });
});

describe("for every history of changes and every way to split it", () => {
  // Any character but U+0000, and above all those that COPY and array literals escape.
  const escaped = fc.constantFrom("\t", "\n", "\r", "\\", "N", '"', "{", "}", ",", "'", " ");
  const text = fc
    .oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.string({ unit: escaped, maxLength: 4 }),
      // In another order by language than by code point, and by UTF-16 unit.
      fc.constantFrom("a", "B", "b", "é", "z", "\ufffd", "\u{1f600}"),
    )
    .filter((s) => !s.includes("\0"));
  const instant = fc
    .date({ noInvalidDate: true, min: new Date("1900-01-01"), max: new Date("2100-01-01") })
    .chain((date) =>
      fc.constantFrom(
        date.toISOString(),
        date.toISOString().replace(/\.\d+Z$/, "Z"),
        date.toISOString().replace("Z", "123Z"),
      ),
    );
  const int = fc.integer({ min: -1_000_000, max: 1_000_000 });
  const fields = {
    sum: int,
    total: fc.option(int, { nil: null }),
    half: int.map((n) => n / 2),
    low: text,
    high: fc.option(text, { nil: null }),
    latest: instant,
    day: instant.map((at) => at.slice(0, 10)),
    first: text,
    last: text,
    once: fc.boolean(),
    ref: fc.uuid().map((uuid) => uuid.toUpperCase()),
    plain: fc.option(fc.double({ noDefaultInfinity: true, noNaN: true }), { nil: null }),
    json: fc.json({ maxDepth: 2, stringUnit: "grapheme-ascii" }).map((json) => JSON.parse(json)),
  };
  // Few keys, so that most documents meet an older one.
  const key = { region: fc.constantFrom("", "a\t", "\u{1f600}"), no: fc.nat(1) };
  const schema = z.object({
    region: z.string(),
    no: z.int(),
    sum: z.int(),
    total: z.int().nullish(),
    half: z.number().optional(),
    low: z.string(),
    high: z.string().nullable(),
    latest: z.iso.datetime({ offset: true }).optional(),
    day: z.iso.date(),
    first: z.string().optional(),
    last: z.string().optional(),
    once: z.boolean(),
    ref: z.uuid().optional(),
    plain: z.number().nullish(),
    json: z.any().optional(),
  });
  const reduce = {
    sum: "sum",
    total: "sum",
    half: "sum",
    low: "min",
    high: "max",
    latest: "max",
    day: "min",
    first: "first",
    last: "last",
    once: "max",
  } as const;
  const requiredKeys = ["region", "no", "sum", "low", "high", "day", "once"] as const;
  const stats = fc
    .record({ n: int, note: text }, { requiredKeys: ["n"], noNullPrototype: true })
    .map((inner): JsonObject => ({ stats: inner }));

  const inSql = collectionOf(schema, ["region", "no"], reduce);
  const loaded = collectionOf(
    schema.extend({ stats: z.object({ n: z.int(), note: z.string().optional() }) }),
    ["region", "no"],
    {
      ...reduce,
      "stats.n": "sum",
    },
  );

  const documents = fc.record(
    { ...key, ...fields },
    { requiredKeys: [...requiredKeys], noNullPrototype: true },
  );
  const history = (more: fc.Arbitrary<JsonObject>): fc.Arbitrary<Step[]> =>
    fc.array(
      fc.record({
        document: fc.tuple(documents, more).map(([document, rest]) => ({ ...document, ...rest })),
        remove: fc.nat(5).map((n) => n === 0),
        ends: fc.nat(3).map((n) => n === 0),
      }),
      { maxLength: 24 },
    );

  /** What the table should give back: the fields as the column types hold them. */
  function asStored(document: JsonObject): JsonObject {
    const { latest, ref, ...rest } = document;
    const kept: Record<string, Json | undefined> = { ...rest };
    // Instants come back in UTC, UUIDs in small letters; an optional null is absent.
    if (typeof latest === "string") kept.latest = canonical(latest);
    if (typeof ref === "string") kept.ref = ref.toLowerCase();
    for (const name of ["total", "plain"]) if (kept[name] === null) delete kept[name];
    if (kept.plain === 0) kept.plain = 0;
    if (typeof kept.half === "number") kept.half += 0;
    return kept;
  }
  function canonical(text: string): string {
    const micros = /\.(\d{6})Z$/.exec(text)?.[1];
    const ms = new Date(text).toISOString();
    return micros === undefined || micros.endsWith("000") ? ms : ms.replace("Z", `${micros.slice(3)}Z`);
  }

  it.each([
    ["reduced in SQL", inSql, history(fc.constant({})), true, 1],
    ["loaded and put", loaded, history(stats), false, 1],
    ["reduced in SQL, by COPY", inSql, history(fc.constant({})), true, 501],
  ] as const)(
    "the rows are those of reducing one by one: %s",
    { timeout: 120_000 },
    async (_, plan, steps, inTarget, bulk) => {
      const keys = compileKey(plan.key);
      const table = newTable();
      let session = await open(plan, table);
      expect(session.reducesInTarget).toBe(inTarget);
      let position = 0;
      // Rows that only make a transaction large enough for COPY.
      const filler = Array.from({ length: bulk - 1 }, (_, i): RowChange => {
        const document = {
          region: "filler",
          no: i,
          sum: 1,
          low: "\\N",
          high: "\t\r\n",
          day: "2026-01-01",
          once: true,
        };
        return { op: "put", key: ["filler", i], document };
      });
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          await session.close();
          await admin.query(`TRUNCATE ${table}`);
          session = await open(plan, table);
          expect(session.position).toBe(position === 0 ? undefined : position);
          position = await storeHistory(session, plan, history, position, filler);
          const documents = rowsOneByOne(plan, history);
          const stored = await session.load(documents.map((document) => keys.values(document)));
          expect(stored).toEqual(documents.map(asStored));
          const { rows } = await admin.query(
            `SELECT count(*)::int AS n FROM ${table} WHERE region <> 'filler'`,
          );
          expect(rows[0].n).toBe(documents.length);
        }),
        { numRuns: bulk === 1 ? 60 : 15 },
      );
      await session.close();
    },
  );
});
