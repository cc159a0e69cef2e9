/** A table with rows that is given the columns of a changed schema: its rows are those of a fresh fill. */
import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { FencedError, HaltError, type MaterializationContext, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf } from "../fixtures/target.ts";
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
beforeEach(async () => {
  await admin.query("DROP TABLE IF EXISTS t, fresh, weir_checkpoints CASCADE");
});

type Mode = "standard" | "delta";
const open = (
  collection: CollectionPlan,
  table = "t",
  more: Partial<MaterializationContext> = {},
): Promise<TargetSession> => {
  const config = { url, table };
  return driver.open(contextOf({ task: `postgres:${table}`, collection, config, ...more }));
};
const store = async (session: TargetSession, mode: Mode, documents: readonly JsonObject[], from: number) => {
  const position = from + documents.length;
  if (mode === "standard") {
    const changes = documents.map((document) => ({
      op: "put" as const,
      key: [String(document.id)],
      document,
    }));
    await session.store(changes, position);
  } else {
    const at = (document: JsonObject, i: number) => ({
      journal: "j",
      offset: from + i,
      at: 0,
      removed: false,
      document,
    });
    await session.append?.(documents.map(at), position);
  }
};
/** Every row as its columns' texts, whatever their order; columns that no field has left out. */
const rowsOf = async (table: string, columns: readonly string[]) => {
  const list = columns.map((name) => `'${name}', ${name}::text`).join(", ");
  const { rows } = await admin.query(`SELECT jsonb_build_object(${list}) AS row FROM ${table}`);
  return rows.map(({ row }) => row).sort((a, b) => String(a.id).localeCompare(String(b.id)));
};
const collection = (shape: z.ZodRawShape) => collectionOf(z.object({ id: z.string(), ...shape }), ["id"]);

const text = fc.string({ unit: fc.constantFrom("a", "é", "\u{1f600}", '"', "\\", "\n", "'"), maxLength: 4 });
const int = fc.oneof(fc.integer(), fc.maxSafeInteger());
const double = fc
  .double({ noNaN: true, min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
  .map((n) => (n === 0 ? 0 : n));
const optional = (value: fc.Arbitrary<Json>) => fc.option(value, { nil: undefined });

interface Change {
  readonly before: z.ZodRawShape;
  readonly after: z.ZodRawShape;
  /** Values of the field `v`: before, and, where others come in, after. */
  readonly old: fc.Arbitrary<Json | undefined>;
  readonly now?: fc.Arbitrary<Json | undefined>;
  readonly modes?: readonly Mode[];
}
const any = (type: z.ZodType) => z.union([type, z.array(z.int()), z.string(), z.boolean()]);
const CHANGES: Readonly<Record<string, Change>> = {
  "a new optional field": {
    before: {},
    after: { v: z.int().optional() },
    old: fc.constant(undefined),
    now: optional(int),
  },
  "a field that may be missing": {
    before: { v: z.int() },
    after: { v: z.int().optional() },
    old: int,
    now: optional(int),
  },
  "a field that may be null": {
    before: { v: z.string() },
    after: { v: z.string().nullable() },
    old: text,
    now: fc.option(text),
  },
  "a required field that is no more": {
    before: { v: z.int() },
    after: {},
    old: int,
    now: fc.constant(undefined),
  },
  "integers that become numbers": { before: { v: z.int() }, after: { v: z.number() }, old: int, now: double },
  "optional integers that become numbers": {
    ...{ before: { v: z.int().optional() }, after: { v: z.number().nullish() } },
    ...{ old: optional(int), now: fc.option(double) },
  },
  "texts of which some become something else": {
    before: { v: z.string() },
    after: { v: any(z.string()) },
    old: text,
  },
  "integers of which some do": { before: { v: z.int() }, after: { v: any(z.int()) }, old: int },
  "numbers of which some do": { before: { v: z.number() }, after: { v: any(z.number()) }, old: double },
  "booleans of which some do": {
    before: { v: z.boolean() },
    after: { v: any(z.boolean()) },
    old: fc.boolean(),
  },
  "what may be missing": {
    ...{ before: { v: z.string().optional() }, after: { v: any(z.string()).optional() } },
    ...{ old: optional(text), now: optional(fc.array(fc.nat(3), { maxLength: 2 })) },
  },
  "what may be null": {
    ...{ before: { v: z.int().nullable() }, after: { v: any(z.int()).nullable() } },
    ...{ old: fc.option(int), now: fc.option(text), modes: ["standard"] },
  },
  "what may then be missing or null": {
    ...{ before: { v: z.string() }, after: { v: any(z.string()).nullish() } },
    ...{ old: text, now: fc.constantFrom(null, undefined, "x", [1]), modes: ["standard"] },
  },
};
const cases = Object.entries(CHANGES).flatMap(([name, change]) =>
  (change.modes ?? ["standard", "delta"]).map((mode) => [name, mode, change] as const),
);

describe("a table with rows", () => {
  it.each(cases)("becomes what a fresh fill gives: %s, %s", { timeout: 60_000 }, async (_, mode, change) => {
    const [before, after] = [collection(change.before), collection(change.after)];
    const documents = (values: readonly (Json | undefined)[], first: number) =>
      values.map((v, i): JsonObject => ({ id: `k${first + i}`, ...(v === undefined ? {} : { v }) }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change.old, { maxLength: 20 }),
        fc.array(change.now ?? change.old, { maxLength: 8 }),
        async (old, now) => {
          await admin.query("DROP TABLE IF EXISTS t, fresh, weir_checkpoints");
          const first = await open(before, "t", { mode });
          await store(first, mode, documents(old, 0), 0);
          await first.close();
          const lines: string[] = [];
          const log = { info: (line: string) => lines.push(line), warn: () => {} };
          const session = await open(after, "t", { mode, log, mayReshape: () => expect.fail("asked") });
          expect(session.position).toBe(old.length);
          await store(session, mode, documents(now, old.length), old.length);
          await session.close();
          const fresh = await open(after, "fresh", { mode });
          await store(fresh, mode, documents([...old, ...now], 0), 0);
          await fresh.close();
          const columns = "v" in change.after ? ["id", "v"] : ["id"];
          expect(await rowsOf("t", columns)).toEqual(await rowsOf("fresh", columns));
          // In a log nothing but the key is NOT NULL, so that some changes alter nothing.
          if (mode === "standard")
            expect(lines).toEqual([expect.stringMatching(/rows kept.*ALTER TABLE "public"."t"/)]);
        },
      ),
      { numRuns: 4 },
    );
  });
});

const before = collection({ v: z.int(), w: z.int().optional() });
const filled = async (v = 1, plan = before, more: JsonObject = {}) => {
  const session = await open(plan);
  await store(session, "standard", [{ id: "a", v, ...more }], 0);
  await session.close();
};

describe("rows that cannot be kept exactly are not", () => {
  const notInPlace = async (after: CollectionPlan, message: string) => {
    const found = (await admin.query("SELECT * FROM t")).rows;
    const opened = open(after);
    await expect(opened).rejects.toThrow(HaltError);
    await expect(opened).rejects.toThrow(message);
    expect((await admin.query("SELECT * FROM t")).rows).toEqual(found);
    const session = await open(after, "t", { mayReshape: () => true });
    expect(session.position).toBeUndefined();
    await session.close();
  };

  it("where documents stored before may have had the field", async () => {
    await filled();
    const fields = { id: z.string(), v: z.int(), w: z.int().optional(), note: z.string().optional() };
    await notInPlace(collectionOf(z.looseObject(fields), ["id"]), 'has no column "note"');
  });
  it("where the table has lost a column, which it may be", async () => {
    await filled();
    await admin.query("ALTER TABLE t DROP COLUMN w");
    await notInPlace(before, 'has no column "w"');
  });
  it("where a NULL may be null or a missing field", async () => {
    await filled();
    await notInPlace(
      collection({ v: z.int(), w: any(z.int()).nullish() }),
      'Column "w" of "public"."t" is bigint',
    );
  });
  it("where digits of large numbers differ", async () => {
    await filled(2 ** 60);
    await notInPlace(
      collection({ v: any(z.int()), w: z.int().optional() }),
      'Column "v" of "public"."t" is bigint',
    );
    await admin.query("DROP TABLE t, weir_checkpoints");
    const numbers = collection({ v: z.number() });
    await filled(8.41e21, numbers);
    await notInPlace(collection({ v: any(z.number()) }), 'Column "v" of "public"."t" is double precision');
  });
  it("where the text of a value is another in JSON, or the other type cannot have come of it", async () => {
    await filled(1, collection({ v: z.int(), at: z.iso.datetime() }), { at: "2026-01-01T00:00:00Z" });
    await notInPlace(
      collection({ v: z.int(), at: any(z.string()) }),
      'Column "at" of "public"."t" is timestamp with time zone',
    );
    await admin.query("DROP TABLE t, weir_checkpoints");
    await filled();
    await notInPlace(
      collection({ v: z.array(z.int()), w: z.int().optional() }),
      'Column "v" of "public"."t" is bigint',
    );
  });
});

describe("altering in place", () => {
  const after = collection({ v: z.number(), w: z.int().optional(), note: z.string().optional() });

  it("leaves nothing to an instance that works on the former columns", async () => {
    const former = await open(before);
    await store(former, "standard", [{ id: "a", v: 1 }], 0);
    await admin.query("UPDATE weir_checkpoints SET backend_pid = 0");
    const successor = await open(after);
    await expect(store(former, "standard", [{ id: "b", v: 2 }], 1)).rejects.toThrow(FencedError);
    expect(successor.position).toBe(1);
    expect(await rowsOf("t", ["id", "v", "note"])).toEqual([{ id: "a", v: "1", note: null }]);
    await former.close();
    await successor.close();
  });

  it("waits no longer for readers than 5 s, and is tried again", { timeout: 30_000 }, async () => {
    await filled();
    const reader = new Client({ connectionString: url });
    await reader.connect();
    await reader.query("BEGIN");
    await reader.query("SELECT FROM t");
    const opened = open(after);
    await expect(opened).rejects.toThrow("lock timeout");
    await expect(opened).rejects.not.toThrow(HaltError);
    await reader.end();
    const session = await open(after);
    expect(session.position).toBe(1);
    await session.close();
  });

  it("is for no table that is another's or declared elsewhere", async () => {
    await filled();
    await expect(open(after, "t", { task: "postgres:other" })).rejects.toThrow('has no column "note"');
    const columns = { id: { name: "id", type: "text" }, v: { name: "v", type: "double precision" } };
    const config = { url, table: "t", columns: { ...columns, w: false, note: false }, primaryKey: ["id"] };
    await expect(open(after, "t", { config })).rejects.toThrow('Column "v" of "public"."t" is bigint');
  });

  it("halts where a view reads the column", async () => {
    await filled();
    await admin.query("CREATE VIEW of_v AS SELECT v FROM t");
    await expect(open(after)).rejects.toThrow("cannot alter type of a column used by a view");
    expect(await rowsOf("t", ["id", "v"])).toEqual([{ id: "a", v: "1" }]);
  });
});
