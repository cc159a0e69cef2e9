import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { fieldsOf } from "../../plan/field-schema.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { HaltError, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf, rowsOneByOne, storeHistory } from "../fixtures/target.ts";
import { boundsOf, holders } from "./column-type.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  await admin.connect();
  return () => admin.end();
});

let tables = 0;
const newTable = () => `columns_${++tables}`;
const open = (collection: CollectionPlan, config: JsonObject): Promise<TargetSession> =>
  driver.open(contextOf({ task: `postgres:${config.table}`, collection, config: { url, ...config } }));

describe("columns of the user's choice", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "B", "é", "\u{1f600}", "\t", '"'), maxLength: 3 });
  const instant = fc
    .date({ noInvalidDate: true, min: new Date("1900-01-01"), max: new Date("2100-01-01") })
    .map((date) => date.toISOString());
  const decimal = fc
    .tuple(fc.integer(), fc.nat(99))
    .map(([n, cents]) => `${n}.${String(cents).padStart(2, "0")}`);
  const plan = collectionOf(
    z.object({
      id: z.string(),
      no: z.int().min(0).max(1),
      day: z.iso.date(),
      short: z.int().min(-100).max(100).optional(),
      total: z.int().optional(),
      x: z.number(),
      xs: z.number(),
      low: z.string().optional(),
      kind: z.enum(["a", "b"]),
      at: z.iso.datetime(),
      last: z.iso.datetime(),
      ref: z.uuid(),
      dec: z.string(),
      i64: z.string(),
      ok: z.boolean(),
      list: z.array(z.int()),
    }),
    ["id", "no", "day"],
    {
      total: "sum",
      xs: "sum",
      low: "min",
      last: "max",
      short: "max",
      dec: { sum: "decimal" },
      i64: { sum: "int64" },
      list: "append",
    },
  );
  const document: fc.Arbitrary<JsonObject> = fc.record(
    {
      id: fc.constantFrom("", "é\t"),
      no: fc.nat(1),
      day: fc.constantFrom("2026-01-01", "2026-02-01"),
      short: fc.integer({ min: -100, max: 100 }),
      total: fc.integer(),
      x: fc.double({ noDefaultInfinity: true, noNaN: true }).map((x) => (x === 0 ? 0 : x)),
      // Halves, whose sums do not round.
      xs: fc.integer({ min: -1000, max: 1000 }).map((n) => n / 2),
      low: text,
      kind: fc.constantFrom("a", "b"),
      at: instant,
      last: instant,
      ref: fc.uuid(),
      dec: decimal,
      i64: fc.integer().map(String),
      ok: fc.boolean(),
      list: fc.array(fc.nat(5), { maxLength: 2 }),
    },
    {
      requiredKeys: ["id", "no", "day", "x", "xs", "kind", "at", "last", "ref", "dec", "i64", "ok", "list"],
      noNullPrototype: true,
    },
  );
  const history = fc.array(
    fc.record({ document, remove: fc.nat(5).map((n) => n === 0), ends: fc.boolean() }),
    { maxLength: 12 },
  );
  /** Of each field one of the types that hold it, or nothing at all. */
  const columns = fc.record(
    Object.fromEntries(
      [...fieldsOf(plan.schema)].map(([name, field]) => {
        const inKey = plan.key.includes(name);
        const bounds = boundsOf(plan.schema, name);
        const legal = holders({ field, inKey, strategy: plan.reduce[name], bounds });
        const column = fc.record({ name: fc.constant(`${name}_renamed`), type: fc.constantFrom(...legal) });
        return [
          name,
          inKey ? column : fc.oneof({ weight: 5, arbitrary: column }, fc.constant(false as const)),
        ];
      }),
    ),
    { requiredKeys: [] },
  );

  it("give back what they were given, whatever legal types they have", { timeout: 120_000 }, async () => {
    const keys = compileKey(plan.key);
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(columns, history, async (chosen, steps) => {
        const table = newTable();
        const session = await open(plan, { table, columns: chosen });
        try {
          await storeHistory(session, plan, steps);
          const rows = rowsOneByOne(plan, steps);
          const left = (row: JsonObject) =>
            Object.fromEntries(Object.entries(row).filter(([name]) => chosen[name] !== false));
          expect(await session.load(rows.map((row) => keys.values(row)))).toEqual(rows.map(left));
        } finally {
          await session.close();
        }
        // A table that was made once is found to fit the next time.
        await (await open(plan, { table, columns: chosen })).close();
        await admin.query(`DROP TABLE ${table}`);
        for (const column of Object.values(chosen)) if (column !== false && column) seen.add(column.type);
      }),
      { numRuns: 100, endOnFailure: true },
    );
    expect([...seen].sort()).toEqual(
      [
        ...["bigint", "boolean", "date", "double precision", "integer", "jsonb", "numeric", "smallint"],
        ...["text", "timestamptz", "uuid", "varchar"],
      ].sort(),
    );
  });
});

describe("open", () => {
  const orders = collectionOf(
    z.object({ id: z.string(), cents: z.int(), note: z.string().max(20).optional(), at: z.iso.datetime() }),
    ["id"],
    { cents: "sum" },
  );

  it("names, types and leaves out columns", async () => {
    const table = newTable();
    const columns = { id: { name: "order_id" }, cents: { name: "total", type: "numeric" }, note: false };
    const session = await open(orders, { table, columns });
    expect(session.reducesInTarget).toBe(true);
    const document = { id: "a", cents: 5, note: "x", at: "2026-01-01T00:00:00.000Z" };
    await session.store([{ op: "add", key: ["a"], document }], 1);
    await session.store([{ op: "add", key: ["a"], document }], 2);
    const { rows } = await admin.query(`SELECT order_id, total, at::text FROM ${table}`);
    expect(rows).toEqual([{ order_id: "a", total: "10", at: expect.any(String) }]);
    await expect(
      session.store(
        [{ op: "add", key: ["a"], document: { ...document, cents: Number.MAX_SAFE_INTEGER } }],
        3,
      ),
    ).rejects.toThrow('Field "total" of key "a": the sum with the stored row leaves the range');
    await session.close();
  });

  it.each<[string, JsonObject, string]>([
    ["a type that loses something", { cents: { type: "integer" } }, "A column of type integer cannot hold"],
    [
      "a date-time as a time without zone",
      { at: { type: "timestamp" } },
      "use timestamptz, text, varchar, jsonb",
    ],
    [
      "a text in too short a column",
      { id: { type: "varchar(5)" } },
      'cannot hold every text of the field "id"',
    ],
    ["a key field that is left out", { id: false }, 'The key field "id" cannot be left out'],
    ["an unknown field", { cent: { type: "bigint" } }, 'The collection has no field "cent"'],
    ["a nested field", { "at.x": false }, 'The nested field "at.x" is not of the key'],
    ["two columns of one name", { note: { name: "cents" } }, 'would both be the column "cents"'],
    ["too long a name", { note: { name: "n".repeat(64) } }, "a name of 64 bytes"],
  ])("refuses %s", async (_, columns, message) => {
    const opened = open(orders, { table: newTable(), columns });
    await expect(opened).rejects.toThrow(HaltError);
    await expect(opened).rejects.toThrow(message);
  });

  it("says how to keep a column that another type would also hold", async () => {
    const table = newTable();
    await admin.query(
      `CREATE TABLE ${table} (id text PRIMARY KEY, cents numeric, note varchar(20), at timestamptz)`,
    );
    await expect(open(orders, { table })).rejects.toThrow(
      `change the column's type, keep it by columns: { "cents": { type: "numeric" } }, or name another table`,
    );
    await (await open(orders, { table, columns: { cents: { type: "numeric" } } })).close();
  });

  it("takes a varchar only if it is as long as the schema's texts may be", async () => {
    const table = newTable();
    await admin.query(
      `CREATE TABLE ${table} (id varchar(30) PRIMARY KEY, cents bigint, note varchar(20), at timestamptz)`,
    );
    await expect(open(orders, { table })).rejects.toThrow(
      `Column "id" of "public"."${table}" is character varying(30), but the field needs text`,
    );
  });

  it("does not make a table whose declaration is elsewhere, and holds it against that", async () => {
    const table = newTable();
    const columns = {
      id: { name: "order_id", type: "varchar" },
      cents: { name: "cents", type: "bigint" },
      note: { name: "note", type: "varchar(20)" },
      at: { name: "at", type: "timestamptz" },
      extra: { name: "extra", type: "real" },
    };
    const config = { table, columns, primaryKey: ["order_id"] };
    await expect(open(orders, config)).rejects.toThrow("is declared with Drizzle and does not exist");
    await admin.query(
      `CREATE TABLE ${table} (order_id varchar PRIMARY KEY, cents bigint, note varchar(20), at timestamptz, extra real)`,
    );
    const session = await open(orders, config);
    const document = { id: "a", cents: 5, note: "x", at: "2026-01-01T00:00:00.000Z" };
    await session.store([{ op: "put", key: ["a"], document }], 1);
    expect(await session.load([["a"]])).toEqual([document]);
    await session.close();
    await expect(open(orders, { ...config, primaryKey: ["order_id", "at"] })).rejects.toThrow(
      "The table has the primary key (order_id, at), but the columns of the collection's key are (order_id)",
    );
    const { note: _, ...fewer } = columns;
    await expect(open(orders, { ...config, columns: fewer })).rejects.toThrow(
      'The table has no column for the field "note"; add one, or leave the field out: columns: { note: false }',
    );
    await (await open(orders, { ...config, columns: { ...fewer, note: false } })).close();
  });
});
