/** A table that does not fit its collection any more: emptied and altered where that is allowed, else left as it is. */
import { Client } from "pg";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { testDatabase } from "../../test/servers/test-servers.ts";
import {
  FencedError,
  HaltError,
  type MaterializationContext,
  type RowChange,
  type TargetSession,
} from "../driver.ts";
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
  await admin.query("DROP TABLE IF EXISTS referring, t, weir_checkpoints CASCADE");
});

const fields = { id: z.string(), n: z.int(), at: z.string(), flag: z.boolean().optional() };
const before = collectionOf(z.object(fields), ["id"]);
/** Another type, no more NOT NULL, two new columns, and what was NOT NULL is no field any more. */
const wider = z.object({
  id: z.string(),
  n: z.number(),
  flag: z.array(z.int()),
  note: z.string().optional(),
});
const after = collectionOf(wider, ["id"]);
const put = (id: string): RowChange => ({ op: "put", key: [id], document: { id, n: 1, at: "x" } });
const wide: RowChange = { op: "put", key: ["b"], document: { id: "b", n: 0.5, flag: [1], note: "y" } };

const open = (
  collection: typeof before,
  more: Partial<MaterializationContext> = {},
  options: MaterializationContext["config"] = {},
): Promise<TargetSession> => {
  const config = { url, table: "t", ...options };
  return driver.open(contextOf({ task: "postgres:t", collection, config, mayReshape: () => true, ...more }));
};
const filled = async () => {
  const session = await open(before);
  await session.store([put("a")], 7);
  await session.close();
};
const form = async () => {
  const { rows } = await admin.query(
    `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS text
     FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
  );
  return rows.map(({ text }) => text);
};
const state = async () => ({
  form: await form(),
  rows: (await admin.query("SELECT id, n::text FROM t ORDER BY id")).rows,
  position: (await admin.query("SELECT position FROM weir_checkpoints")).rows[0]?.position,
});

const OLD_FORM = ["at text NOT NULL", "flag boolean", "id text NOT NULL", "n bigint NOT NULL"];
const NEW_FORM = [
  "at text",
  "flag jsonb NOT NULL",
  "id text NOT NULL",
  "n double precision NOT NULL",
  "note text",
];
const OLD = { form: OLD_FORM, rows: [{ id: "a", n: "1" }], position: "7" };
const NEW = { form: NEW_FORM, rows: [], position: null };

describe("a table that may be reshaped", () => {
  it("is emptied, has its columns altered, and is filled from the beginning", async () => {
    await filled();
    const lines: string[] = [];
    const asked: unknown[] = [];
    const session = await open(after, {
      log: { info: (line) => lines.push(line), warn: (line) => lines.push(line) },
      mayReshape: (position) => asked.push(position) > 0,
    });
    expect(asked).toEqual([7]);
    expect(session.position).toBeUndefined();
    expect(await state()).toEqual(NEW);
    expect(lines).toEqual([
      "The table did not fit its collection any more: it was emptied, to be filled from history, and altered by " +
        'ALTER TABLE "public"."t" ALTER COLUMN "n" TYPE double precision USING NULL, ' +
        'ALTER COLUMN "flag" TYPE jsonb USING NULL, ADD COLUMN "note" text, ' +
        'ALTER COLUMN "at" DROP NOT NULL, ALTER COLUMN "flag" SET NOT NULL.',
    ]);
    await session.store([wide], 1);
    expect(await session.load([["b"]])).toEqual([{ id: "b", n: 0.5, flag: [1], note: "y" }]);
    await session.close();
    const again = await open(after, { mayReshape: () => expect.fail("asked though it fits") });
    expect(again.position).toBe(1);
    await again.close();
  });

  it("is reshaped too where nothing was stored yet", async () => {
    await (await open(before)).close();
    const asked: unknown[] = [];
    await (await open(after, { mayReshape: (position) => asked.push(position) > 0 })).close();
    expect(asked).toEqual([undefined]);
    expect(await state()).toEqual(NEW);
  });

  it("keeps what is its user's: columns, defaults and indexes", async () => {
    await filled();
    await admin.query(`ALTER TABLE t ADD COLUMN seen int NOT NULL DEFAULT 3, ADD COLUMN remark text`);
    await admin.query("CREATE INDEX mine ON t (n)");
    const session = await open(after);
    expect(await form()).toEqual([...NEW_FORM, "remark text", "seen integer NOT NULL"]);
    await session.store([wide], 1);
    expect((await admin.query("SELECT seen, remark FROM t")).rows).toEqual([{ seen: 3, remark: null }]);
    expect((await admin.query("SELECT FROM pg_indexes WHERE indexname = 'mine'")).rowCount).toBe(1);
    await session.close();
  });

  it("is a log, or renamed, as well", async () => {
    const log = await open(before, { mode: "delta" });
    await log.append?.(
      [{ journal: "j", offset: 0, at: 0, removed: false, document: { id: "a", n: 1, at: "x" } }],
      7,
    );
    await log.close();
    const session = await driver.open(
      contextOf({
        ...{ task: "postgres:u", collection: after, config: { url, table: "u" }, mode: "delta" },
        ...{ renamedFrom: "postgres:t", mayReshape: () => true },
      }),
    );
    expect(session.position).toBeUndefined();
    await session.append?.(
      [{ journal: "j", offset: 0, at: 0, removed: false, document: { id: "a", n: 0.5, flag: [] } }],
      1,
    );
    expect((await admin.query("SELECT n FROM u")).rows).toEqual([{ n: 0.5 }]);
    await session.close();
    await admin.query("DROP TABLE u");
  });

  /** Calls `hook` before each statement of the driver's, until what is returned is called. */
  const beforeStatements = (hook: (client: Client, text: unknown) => Promise<void>): (() => void) => {
    const { query } = Client.prototype;
    const replace = (value: unknown) => {
      Object.defineProperty(Client.prototype, "query", { value, writable: true, configurable: true });
    };
    replace(async function (this: Client, ...given: Parameters<typeof query>) {
      if (this !== admin) await hook(this, given[0]);
      return query.apply(this, given);
    });
    return () => replace(query);
  };

  it("is the old one with the old position, or the new one, wherever its backend is killed", async () => {
    const seen = new Set<string>();
    for (let survives = 0, opened = false; !opened; survives++) {
      await admin.query("DROP TABLE IF EXISTS t, weir_checkpoints");
      await filled();
      let statements = 0;
      const restore = beforeStatements(async (client) => {
        if (statements++ !== survives) return;
        const pid = Reflect.get(client, "processID");
        await admin.query("SELECT pg_terminate_backend($1)", [pid]);
        const alive = async () => {
          const { rowCount } = await admin.query("SELECT FROM pg_stat_activity WHERE pid = $1", [pid]);
          return rowCount === 1;
        };
        while (await alive());
      });
      try {
        const session = await open(after);
        opened = true;
        await session.close();
      } catch (error) {
        // It passes: the runtime opens the task again.
        expect(error).not.toBeInstanceOf(HaltError);
      } finally {
        restore();
      }
      const found = await state();
      expect([OLD, NEW]).toContainEqual(found);
      seen.add(`${opened} ${found.position}`);
      if (opened) expect(survives).toBeGreaterThan(10);
      const session = await open(after);
      expect(await state()).toEqual(NEW);
      await session.store([wide], 1);
      await session.close();
    }
    expect(seen).toContain("false 7");
  });

  it("leaves nothing to an instance that worked on the old one", async () => {
    const former = await open(before);
    await former.store([put("a")], 7);
    await admin.query("UPDATE weir_checkpoints SET backend_pid = 0");
    const successor = await open(after);
    await expect(former.store([put("c")], 8)).rejects.toThrow(HaltError);
    await expect(former.store([{ op: "remove", key: ["a"] }], 8)).rejects.toThrow("Another instance");
    expect(await state()).toEqual(NEW);
    await former.close();
    await successor.close();
  });

  it("is left to a successor that takes the fence before it is emptied", async () => {
    await filled();
    const restore = beforeStatements(async (_client, text) => {
      if (text === "SET LOCAL lock_timeout = '5s'")
        await admin.query("UPDATE weir_checkpoints SET fence = fence + 1");
    });
    try {
      await expect(open(after)).rejects.toThrow(FencedError);
    } finally {
      restore();
    }
    expect(await state()).toEqual(OLD);
  });

  it("waits no longer for readers than a rename does, and is tried again", async () => {
    await filled();
    const reader = new Client({ connectionString: url });
    await reader.connect();
    await reader.query("BEGIN");
    await reader.query("SELECT FROM t");
    await expect(open(after)).rejects.toThrow("lock timeout");
    await reader.end();
    expect(await state()).toEqual(OLD);
    await (await open(after)).close();
    expect(await state()).toEqual(NEW);
  });
});

describe("a table that may not be reshaped halts as it is", () => {
  const halts = async (message: string, opening: () => Promise<TargetSession>) => {
    const found = await state();
    const opened = opening();
    await expect(opened).rejects.toThrow(HaltError);
    await expect(opened).rejects.toThrow(message);
    expect(await state()).toEqual(found);
  };

  it("where the task does not say so", async () => {
    await filled();
    await halts('Column "n" of "public"."t" is bigint', () => open(after, { mayReshape: () => false }));
  });

  it("where the table is not this task's", async () => {
    await filled();
    await halts('Column "n" of "public"."t" is bigint', () => open(after, { task: "postgres:other" }));
  });

  it("where its declaration is elsewhere", async () => {
    await filled();
    const columns = Object.fromEntries(
      [...Object.keys(wider.shape)].map((name) => [
        name,
        { name, type: { n: "double precision", flag: "jsonb" }[name] ?? "text" },
      ]),
    );
    await halts('has no column "note"', () => open(after, {}, { columns, primaryKey: ["id"] }));
  });

  it("where its key is another, or of another type", async () => {
    await filled();
    await halts("but the collection's key is (id, n)", () =>
      open(collectionOf(z.object(fields), ["id", "n"])),
    );
    await halts('Column "id" of "public"."t" is text', () =>
      open(collectionOf(z.object({ ...fields, id: z.int() }), ["id"])),
    );
  });

  it("where a column is computed, or something else stands on the table", async () => {
    await filled();
    await admin.query("CREATE TABLE referring (id text REFERENCES t)");
    await halts("cannot truncate a table referenced in a foreign key", () => open(after));
    await admin.query("DROP TABLE referring");
    await admin.query("CREATE VIEW of_n AS SELECT n FROM t");
    await halts("cannot alter type of a column used by a view", () => open(after));
    await admin.query("DROP VIEW of_n");
    await admin.query("ALTER TABLE t ADD COLUMN note text GENERATED ALWAYS AS ('x') STORED");
    await halts('Column "note" of "public"."t" is generated', () => open(after));
  });
});
