import fc from "fast-check";
import { Client } from "pg";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import { type DeltaDocument, FencedError, HaltError, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
beforeAll(async () => {
  url = await testDatabase();
  admin = new Client({ connectionString: url });
  await admin.connect();
  return () => admin.end();
});

type Log = TargetSession & Required<Pick<TargetSession, "append">>;
const open = async (collection: CollectionPlan, table: string, columns: JsonObject = {}): Promise<Log> => {
  const config = { url, table, columns };
  const session = await driver.open(
    contextOf({ task: `postgres:${table}`, collection, config, mode: "delta" }),
  );
  return session as Log; // Postgres' sessions have it
};
const plan = collectionOf(
  z.object({ id: z.string(), n: z.int(), note: z.string().nullish(), list: z.array(z.int()).optional() }),
  ["id"],
  { n: "sum" },
);
const at = (micros: number) => Date.parse("2026-01-01T00:00:00Z") * 1000 + micros;

describe("a log", () => {
  it("has a row for each document, with its place and time", async () => {
    const session = await open(plan, "log", { note: false, n: { name: "amount" } });
    await session.append(
      [
        { journal: "j1", offset: 0, at: at(5), removed: false, document: { id: "a", n: 1, note: "x" } },
        {
          journal: "j1",
          offset: 1,
          at: at(1_000_007),
          removed: false,
          document: { id: "a", n: 2, list: [1] },
        },
        { journal: "j2", offset: 0, at: at(1_000_008), removed: true, document: { id: "a" } },
      ],
      { at: 1 },
    );
    expect((await admin.query("SELECT * FROM log ORDER BY weir_at")).rows).toEqual([
      expect.objectContaining({
        id: "a",
        amount: "1",
        list: null,
        weir_journal: "j1",
        weir_offset: "0",
        weir_removed: false,
      }),
      expect.objectContaining({
        id: "a",
        amount: "2",
        list: [1],
        weir_journal: "j1",
        weir_offset: "1",
        weir_removed: false,
      }),
      expect.objectContaining({
        id: "a",
        amount: null,
        list: null,
        weir_journal: "j2",
        weir_offset: "0",
        weir_removed: true,
      }),
    ]);
    const { rows } = await admin.query(
      "SELECT extract(epoch FROM weir_at)::numeric * 1000000 AS micros FROM log ORDER BY 1",
    );
    expect(rows.map(({ micros }) => Number(micros))).toEqual([at(5), at(1_000_007), at(1_000_008)]);
    const keys = await admin.query(
      "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conrelid = 'log'::regclass AND contype = 'p'",
    );
    expect(keys.rows).toEqual([{ key: "PRIMARY KEY (weir_journal, weir_offset)" }]);
    await session.close();
  });

  it("refuses a field that has the name of a column of its own", async () => {
    const own = collectionOf(z.object({ id: z.string(), weir_at: z.string() }), ["id"]);
    await expect(open(own, "own")).rejects.toThrow(HaltError);
    await expect(open(own, "own")).rejects.toThrow(
      `"weir_at" is a name of Weir's own; give the field "weir_at"`,
    );
    await (await open(own, "own", { weir_at: { name: "said_at" } })).close();
  });

  it.each([1, 600])("is not written under a stale fence, with %i rows", async (count) => {
    const table = `fenced_${count}`;
    const former = await open(plan, table);
    const successor = await open(plan, table);
    const documents = Array.from({ length: count }, (_, offset): DeltaDocument => {
      return { journal: "j", offset, at: at(0), removed: false, document: { id: "a", n: 1 } };
    });
    await expect(former.append(documents, 1)).rejects.toThrow(FencedError);
    expect((await admin.query(`SELECT count(*)::int AS n FROM ${table}`)).rows).toEqual([{ n: 0 }]);
    await successor.append(documents, 1);
    await former.close();
    await successor.close();
  });

  it("goes back to a position of some journals with its rows, under the same fence", async () => {
    const session = await open(plan, "rewound");
    const place = (journal: string, offset: number): DeltaDocument => {
      return { journal, offset, at: at(0), removed: false, document: { id: "a", n: 1 } };
    };
    const all = ["j1", "j2", "j3"].flatMap((journal) => [0, 1, 2].map((offset) => place(journal, offset)));
    await session.append(all, 1);
    await session.rewind?.(
      [
        { journal: "j1", offset: 1 },
        { journal: "j2", offset: 0 },
      ],
      2,
    );
    const rows = async () => {
      const { rows } = await admin.query(
        "SELECT weir_journal || ' ' || weir_offset AS place FROM rewound ORDER BY weir_journal, weir_offset",
      );
      return rows.map((row) => row.place);
    };
    expect(await rows()).toEqual(["j1 0", "j3 0", "j3 1", "j3 2"]);
    await session.append([place("j1", 1)], 3);
    const successor = await open(plan, "rewound");
    expect(successor.position).toBe(3);
    await expect(session.rewind?.([{ journal: "j3", offset: 0 }], 4)).rejects.toThrow(FencedError);
    expect(await rows()).toEqual(["j1 0", "j1 1", "j3 0", "j3 1", "j3 2"]);
    await session.close();
    await successor.close();
  });

  it("is the journals, whatever instances were lost between and within transactions", {
    timeout: 120_000,
  }, async () => {
    const document = fc.record(
      {
        id: fc.constantFrom("a", "b\t"),
        n: fc.integer(),
        note: fc.option(fc.string({ unit: "grapheme-ascii", maxLength: 3 }), { nil: null }),
        list: fc.array(fc.nat(3), { maxLength: 2 }),
      },
      { requiredKeys: ["id", "n"], noNullPrototype: true },
    );
    const entry = fc.record({
      journal: fc.constantFrom("j1", "j2"),
      document,
      removed: fc.nat(4).map((n) => n === 0),
    });
    const crash = fc.constantFrom("none", "none", "before", "during");
    const batch = fc.record({
      entries: fc.array(entry, { maxLength: 6 }),
      bulk: fc.nat(9).map((n) => n === 0),
      crash,
    });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 8 }), async (batches) => {
        const table = `journals_${++runs}`;
        const next = new Map<string, number>();
        const appended = batches.map(({ entries, bulk }, index) => {
          // Enough for COPY.
          const filler = Array.from({ length: bulk ? 501 : 0 }, (_, n) => ({
            journal: "j3",
            document: { id: `f${n}`, n },
            removed: false,
          }));
          return [...entries, ...filler].map(({ journal, document, removed }): DeltaDocument => {
            const offset = next.get(journal) ?? 0;
            next.set(journal, offset + 1);
            return {
              journal,
              offset,
              at: at(index),
              removed,
              document: removed ? { id: document.id } : document,
            };
          });
        });
        let session = await open(plan, table);
        for (let done = 0; done < batches.length; ) {
          const how = batches[done]?.crash;
          if (how === "before") session = await open(plan, table);
          const appending = session.append(appended[done] ?? [], done + 1).then(
            () => true,
            (error) => {
              expect(error).not.toBeInstanceOf(HaltError);
              return false;
            },
          );
          if (how === "during") {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
            await admin.query(
              "SELECT pg_terminate_backend(backend_pid) FROM weir_checkpoints WHERE task = $1",
              [`postgres:${table}`],
            );
          }
          const told = await appending;
          if (how === "during") session = await open(plan, table);
          const position = how === "during" ? Number(session.position ?? 0) : done + 1;
          if (told) expect(position).toBe(done + 1);
          if (position === done) batches[done] = { ...batches[done], crash: "none" } as (typeof batches)[0];
          done = position;
        }
        await session.close();
        const { rows } = await admin.query(
          `SELECT weir_journal, weir_offset::int, weir_removed, id, n::float8, note, list FROM ${table} ORDER BY 1, 2`,
        );
        const expected = appended
          .flat()
          .sort((a, b) => (a.journal < b.journal ? -1 : a.journal > b.journal ? 1 : a.offset - b.offset))
          .map(({ journal, offset, removed, document: { id, n = null, note = null, list = null } }) => ({
            weir_journal: journal,
            weir_offset: offset,
            weir_removed: removed,
            id,
            n,
            note,
            list,
          }));
        expect(rows).toEqual(expected);
        await admin.query(`DROP TABLE ${table}`);
      }),
      { numRuns: 50 },
    );
  });
});
