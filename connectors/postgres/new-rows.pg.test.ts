/** New rows go into the table by COPY, without a look for what is there: whatever comes, the rows are those of all documents. */
import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../plan/plan.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { FencedError, HaltError, type NewRows, type RowChange } from "../driver.ts";
import { collectionOf } from "../fixtures/target.ts";
import { planColumns } from "./columns.ts";
import { connect } from "./connection.ts";
import { takeFence } from "./fence.ts";
import { PostgresSession } from "./session.ts";
import { createCheckpoints, createTable } from "./statements.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  await admin.connect();
  await admin.query(createCheckpoints("public"));
  return () => admin.end();
});

const collection = collectionOf(
  z.object({ id: z.string(), part: z.int(), text: z.string().optional(), at: z.iso.datetime().optional() }),
  ["id", "part"],
);
const columns = planColumns(collection);

/** With so many rows in one statement at most: the fewer, the more often the other ways are taken. */
async function open(table: string, maxRowsInArrays: number, isEmpty = true): Promise<PostgresSession> {
  const name = { schema: "public", table };
  const client = await connect(url);
  const owned = await takeFence(client, "public", table, { info: () => {}, warn: () => {} });
  return new PostgresSession({
    ...{ client, url, name, task: table, columns, reductions: undefined, owned },
    ...{ isEmpty, maxRowsInArrays },
  });
}

interface Step {
  readonly document: JsonObject;
  readonly removes: boolean;
  readonly ends: boolean;
}

/** As a task does, with the changes of a transaction in the place of its combiner. */
async function storeAll(session: PostgresSession, steps: readonly Step[]): Promise<void> {
  let position = 0;
  let rows = session.newRows();
  let changes = new Map<string, RowChange>();
  const store = async () => {
    const [stored, given] = [[...changes.values()], rows];
    changes = new Map();
    rows = session.newRows();
    await session.store(stored, ++position, given);
  };
  for (const { document, removes, ends } of steps) {
    const key = [String(document.id), Number(document.part)];
    if (removes) {
      rows?.pass(document);
      changes.set(key.join(), { op: "remove", key });
    } else if (!isTaken(rows, document)) changes.set(key.join(), { op: "put", key, document });
    if (ends) await store();
  }
  await store();
}

function isTaken(rows: NewRows | undefined, document: JsonObject): boolean {
  if (!rows) return false;
  const line = Buffer.from(`${JSON.stringify(document)}\n`);
  const end = rows.takeJson(line, 0);
  expect([-1, line.length - 1]).toContain(end);
  return end >= 0 || rows.take(document);
}

const step: fc.Arbitrary<Step> = fc.record({
  document: fc.record(
    {
      id: fc.constantFrom("a", "b", "\\N", "\t", "\n", "\\", "ü", ""),
      part: fc.nat(3),
      text: fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
      at: fc.constantFrom("2001-01-01T00:00:00Z", "1999-12-31T23:59:59.123456+05:30"),
    },
    { requiredKeys: ["id", "part"] },
  ),
  removes: fc.nat(4).map((n) => n === 0),
  ends: fc.nat(3).map((n) => n === 0),
});

let tables = 0;
async function newTable(): Promise<string> {
  const table = `new_rows_${++tables}`;
  await admin.query(createTable({ schema: "public", table }, columns));
  return table;
}

async function rowsOf(table: string): Promise<unknown[]> {
  const { rows } = await admin.query(
    `SELECT id, part::int, text, extract(epoch FROM at)::text AS at FROM ${table} ORDER BY id COLLATE "C", part`,
  );
  return rows;
}

describe.each([
  ["of an empty table", true],
  ["of which it is said that it is empty, though it has rows", false],
])("the rows %s", (_, isReallyEmpty) => {
  it("are those that a plain loop gives, for every history", { timeout: 240_000 }, async () => {
    const [table, expected] = [await newTable(), await newTable()];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(4), async (steps, spared) => {
        await admin.query(`TRUNCATE ${table}, ${expected}; DELETE FROM weir_checkpoints`);
        const rows = new Map<string, JsonObject>();
        if (!isReallyEmpty) {
          const before = { id: "a", part: 0, text: "before" };
          await admin.query(`INSERT INTO ${table} (id, part, text) VALUES ('a', 0, 'before')`);
          rows.set("a,0", before);
        }
        for (const { document, removes } of steps) {
          if (removes) rows.delete(`${document.id},${document.part}`);
          else rows.set(`${document.id},${document.part}`, document);
        }
        const session = await open(table, spared);
        await storeAll(session, steps);
        await session.close();
        for (const { id, part, text, at } of rows.values())
          await admin.query(`INSERT INTO ${expected} (id, part, text, at) VALUES ($1, $2, $3, $4)`, [
            ...[id, part, text ?? null, at ?? null],
          ]);
        expect(await rowsOf(table)).toEqual(await rowsOf(expected));
      }),
      { numRuns: 60 },
    );
  });
});

const documents = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, i) => ({ id: `k${i}`, part: 1 }));

const storeDocuments = (session: PostgresSession, all: readonly JsonObject[]) =>
  storeAll(
    session,
    all.map((document) => ({ document, removes: false, ends: false })),
  );

it("a former instance stores none of them", async () => {
  const table = await newTable();
  const former = await open(table, 2);
  // As if another backend had been recorded: the successor ends nothing.
  await admin.query("UPDATE weir_checkpoints SET backend_pid = 0 WHERE task = $1", [table]);
  const successor = await open(table, 2);
  await expect(storeDocuments(former, documents(10))).rejects.toThrow(FencedError);
  expect(await rowsOf(table)).toEqual([]);
  await storeDocuments(successor, documents(3));
  expect(await rowsOf(table)).toHaveLength(3);
  await former.close();
  await successor.close();
});

it("a constraint that one of them breaks halts", async () => {
  const checked = await newTable();
  await admin.query(`ALTER TABLE ${checked} ADD CHECK (id <> 'k5')`);
  const session = await open(checked, 2);
  await expect(storeDocuments(session, documents(10))).rejects.toThrow(HaltError);
  expect(await rowsOf(checked)).toEqual([]);
  await session.close();
});

it("a constraint that a changed row breaks halts, and the message names it", async () => {
  const table = await newTable();
  await admin.query(`ALTER TABLE ${table} ADD CONSTRAINT one_text UNIQUE (text)`);
  const session = await open(table, 2);
  const once = documents(10);
  const again = documents(5).map((document) => ({ ...document, text: "the same" }));
  await expect(storeDocuments(session, [...once, ...again])).rejects.toThrow(/one_text/);
  expect(await rowsOf(table)).toEqual([]);
  await session.close();
});
