/** A table that was filled beside another takes its place. */
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { testDatabase } from "../../test/servers/test-servers.ts";
import {
  FencedError,
  HaltError,
  type RowChange,
  type TargetPlace,
  type TargetSession,
  type TaskLog,
} from "../driver.ts";
import { collectionOf, contextOf } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Client;
const clientOf = async () => {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return client;
};
beforeAll(async () => {
  url = await testDatabase();
  admin = await clientOf();
  return () => admin.end();
});
beforeEach(async () => {
  await admin.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
});

const riders = collectionOf(z.object({ id: z.string(), gen: z.int() }), ["id"]);
/** Generation 2 and on have one field more, and are keyed in another way. */
const later = collectionOf(z.object({ id: z.string(), gen: z.int(), note: z.string().optional() }), ["id"]);
const SERVING = "postgres:by_rider";

/** The target's place under a label, or where readers look. */
const placeOf = (label?: string, more: JsonObject = {}, collection: CollectionPlan = riders): TargetPlace => {
  const config = { url, table: "by_rider", ...more };
  const [task, at] =
    label === undefined
      ? [SERVING, config]
      : [`${SERVING}~${label}`, driver.aside?.(config, label) ?? config];
  return { task, config: at, collection, mode: "standard" };
};
const open = (place: TargetPlace): Promise<TargetSession> => driver.open(contextOf(place));
const rows = (gen: number, count: number): RowChange[] =>
  Array.from({ length: count }, (_, i) => ({ op: "put", key: [`k${i}`], document: { id: `k${i}`, gen } }));
const fill = async (place: TargetPlace, gen: number, count: number): Promise<void> => {
  const session = await open(place);
  await session.store(rows(gen, count), { gen });
  await session.close();
};
const logTo = (lines: string[]): TaskLog => ({
  info: (line) => lines.push(line),
  warn: (line) => lines.push(`warning: ${line}`),
});
const swap = (
  to: number,
  more: Partial<Record<"beside" | "serving", TargetPlace>> & { kept?: TargetPlace } = {},
) => {
  const lines: string[] = [];
  const given = { beside: placeOf(`${to}`), serving: placeOf(), kept: placeOf(`${to - 1}`), ...more };
  return driver.swap?.({ ...given, log: logTo(lines) }).then(() => lines) ?? expect.fail("no swap");
};
const generations = async (table: string) => {
  const found = await admin.query(`SELECT gen::int, count(*)::int AS n FROM ${table} GROUP BY 1 ORDER BY 1`);
  return found.rows.map(({ gen, n }) => [gen, n]);
};
const tables = async () => {
  const found = await admin.query(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'weir_checkpoints' ORDER BY 1",
  );
  return found.rows.map(({ name }) => name);
};
const positions = async () => {
  const found = await admin.query("SELECT task, position FROM weir_checkpoints ORDER BY task");
  return Object.fromEntries(found.rows.map(({ task, position }) => [task, position]));
};
const state = async () => ({ tables: await tables(), positions: await positions() });
const indexes = async () => {
  const found = await admin.query(
    "SELECT indexdef AS text FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'weir_checkpoints' ORDER BY 1",
  );
  return found.rows.map(({ text }) => text.replace("CREATE ", "").replaceAll("public.", ""));
};
/** Both filled, the second time beside the first. */
const fillBoth = async () => {
  await fill(placeOf(), 1, 5);
  await fill(placeOf("2"), 2, 7);
};
const halts = async (message: string | RegExp, doing: () => Promise<unknown> = () => swap(2)) => {
  const found = await state();
  const done = doing();
  await expect(done).rejects.toThrow(HaltError);
  await expect(done).rejects.toThrow(message);
  expect(await state()).toEqual(found);
};

describe("a swap", () => {
  it("puts rows and checkpoint in the place of the former ones, which are kept; a repeat does nothing", async () => {
    await fillBoth();
    for (const lines of [await swap(2), await swap(2)]) {
      expect(await generations("by_rider")).toEqual([[2, 7]]);
      expect(await generations("by_rider__weir_1")).toEqual([[1, 5]]);
      expect(await state()).toEqual({
        tables: ["by_rider", "by_rider__weir_1"],
        positions: { [SERVING]: '{"gen":2}', [`${SERVING}~1`]: '{"gen":1}' },
      });
      expect(lines.length).toBeLessThanOrEqual(1);
    }
    const session = await open(placeOf());
    expect(session.position).toEqual({ gen: 2 });
    await session.store(rows(3, 1), 3);
    await session.close();
  });

  it("is done again and again, with the same names of indexes for readers", async () => {
    await fillBoth();
    await admin.query("CREATE INDEX mine ON by_rider (gen) WHERE gen > 0");
    await admin.query("ALTER TABLE by_rider ADD CONSTRAINT only_once UNIQUE (id, gen)");
    for (let to = 2; to <= 4; to++) {
      if (to > 2) await fill(placeOf(`${to}`), to, to);
      await swap(to);
      expect(await generations("by_rider")).toEqual([[to, to === 2 ? 7 : to]]);
    }
    expect(await tables()).toEqual(["by_rider", "by_rider__weir_1", "by_rider__weir_2", "by_rider__weir_3"]);
    expect((await indexes()).filter((text) => !text.includes("__weir_"))).toEqual([
      "INDEX mine ON by_rider USING btree (gen) WHERE (gen > 0)",
      "UNIQUE INDEX by_rider_pkey ON by_rider USING btree (id)",
      "UNIQUE INDEX only_once ON by_rider USING btree (id, gen)",
    ]);
    expect(await indexes()).toContain(
      "INDEX mine__weir_3 ON by_rider__weir_3 USING btree (gen) WHERE (gen > 0)",
    );
    expect(await positions()).toMatchObject({ [SERVING]: '{"gen":4}', [`${SERVING}~3`]: '{"gen":3}' });
  });

  it("never shows a reader an empty table, none, or a mixture", { timeout: 60_000 }, async () => {
    await fill(placeOf(), 1, 200);
    let done = false;
    let reads = 0;
    const reader = async (query: () => Promise<unknown>) => {
      let newest = 0;
      while (!done) {
        const [found, ...others] = (await query()) as { low: number; high: number; n: number }[];
        expect(others).toEqual([]);
        const { low = 0, high, n } = found ?? {};
        expect([low, n]).toEqual([high, 199 + low]);
        expect(low).toBeGreaterThanOrEqual(newest);
        newest = low;
        reads++;
      }
      return newest;
    };
    const clients = [await clientOf(), await clientOf(), await clientOf()];
    const text = "SELECT min(gen)::int AS low, max(gen)::int AS high, count(*)::int AS n FROM by_rider";
    const reading = clients.map((client, i) =>
      // One with a prepared statement, whose plan is of the former table.
      reader(async () => (await client.query(i === 0 ? { name: "read", text } : text)).rows),
    );
    const swapping = async () => {
      for (let to = 2; to <= 9; to++) {
        await fill(placeOf(`${to}`), to, 199 + to);
        const before = reads;
        while (reads < before + 30) await pause(1);
        await swap(to);
      }
      await pause(20);
    };
    const newest = Promise.all(reading);
    await Promise.race([swapping(), newest]).finally(() => {
      done = true;
    });
    expect(await newest).toEqual([9, 9, 9]);
    for (const client of clients) await client.end();
  });

  it("is all or nothing wherever its backend is killed, and is finished by a repeat", {
    timeout: 180_000,
  }, async () => {
    const names = ["by_rider", "by_rider__weir_2", "weir_checkpoints"];
    const copy = (from: string, to: string) =>
      admin.query(
        [
          `DROP SCHEMA IF EXISTS ${to} CASCADE; CREATE SCHEMA ${to}`,
          ...names.map((name) => `CREATE TABLE ${to}.${name} (LIKE ${from}.${name} INCLUDING ALL)`),
          ...names.map((name) => `INSERT INTO ${to}.${name} SELECT * FROM ${from}.${name}`),
        ].join(";"),
      );
    await fillBoth();
    await admin.query("CREATE INDEX mine ON by_rider (gen)");
    await copy("public", "filled");
    const { query } = Client.prototype;
    const replace = (value: unknown) => {
      Object.defineProperty(Client.prototype, "query", { value, writable: true, configurable: true });
    };
    const seen = new Set<number>();
    for (let survives = 0, swapped = false; !swapped; survives++) {
      await copy("filled", "public");
      let statements = 0;
      replace(async function (this: Client, ...given: Parameters<typeof query>) {
        if (this !== admin && statements++ === survives) {
          const pid = Reflect.get(this, "processID");
          await admin.query("SELECT pg_terminate_backend($1)", [pid]);
          while ((await admin.query("SELECT FROM pg_stat_activity WHERE pid = $1", [pid])).rowCount === 1);
        }
        return query.apply(this, given);
      });
      try {
        await swap(2);
        swapped = true;
      } catch (error) {
        expect(error).not.toBeInstanceOf(HaltError);
      } finally {
        replace(query);
      }
      const [[generation] = []] = await generations("by_rider");
      seen.add(generation);
      expect(await generations("by_rider")).toEqual([generation === 1 ? [1, 5] : [2, 7]]);
      expect((await positions())[SERVING]).toBe(`{"gen":${generation}}`);
      await swap(2);
      expect(await generations("by_rider")).toEqual([[2, 7]]);
      expect(await generations("by_rider__weir_1")).toEqual([[1, 5]]);
      if (swapped) expect(survives).toBeGreaterThan(20);
    }
    expect([...seen].sort()).toEqual([1, 2]);
    await admin.query("DROP SCHEMA filled CASCADE");
  });

  it("waits 5 s for readers, and is tried again", { timeout: 30_000 }, async () => {
    await fillBoth();
    const reader = await clientOf();
    await reader.query("BEGIN");
    await reader.query("SELECT FROM by_rider");
    const found = await state();
    const swapped = swap(2);
    await expect(swapped).rejects.toThrow("lock timeout");
    await expect(swapped).rejects.not.toThrow(HaltError);
    expect(await state()).toEqual(found);
    await reader.end();
    await swap(2);
    expect(await generations("by_rider")).toEqual([[2, 7]]);
  });

  it("takes logs too", async () => {
    const log = (label?: string): TargetPlace => ({ ...placeOf(label), mode: "delta" });
    for (const [place, gen] of [[log(), 1] as const, [log("2"), 2] as const]) {
      const session = await open(place);
      const document = { id: "a", gen };
      await session.append?.([{ journal: `j${gen}`, offset: 0, at: 0, removed: false, document }], { gen });
      await session.close();
    }
    await swap(2, { beside: log("2"), serving: log(), kept: log("1") });
    expect(await generations("by_rider")).toEqual([[2, 1]]);
    const session = await open(log());
    expect(session.position).toEqual({ gen: 2 });
    await session.rewind?.([{ journal: "j2", offset: 0 }], 1);
    expect(await generations("by_rider")).toEqual([]);
    expect(await generations("by_rider__weir_1")).toEqual([[1, 1]]);
    await session.close();
  });

  it("takes another form and key, in a schema of its own and under a long name", async () => {
    await admin.query("CREATE SCHEMA IF NOT EXISTS raw");
    const table = "é".repeat(31);
    const more = { table, schema: "raw" };
    const keyed = collectionOf(z.object({ id: z.int(), gen: z.int(), note: z.string() }), ["id", "note"]);
    await fill(placeOf(undefined, more), 1, 5);
    const beside = placeOf("2", more, keyed);
    const session = await open(beside);
    await session.store([{ op: "put", key: [1, "x"], document: { id: 1, gen: 2, note: "x" } }], 2);
    await session.close();
    await swap(2, { beside, serving: placeOf(undefined, more, keyed), kept: placeOf("1", more) });
    expect(await generations(`raw."${table}"`)).toEqual([[2, 1]]);
    expect((await positionsIn("raw"))[`${SERVING}~1`]).toBe('{"gen":1}');
    await admin.query("DROP SCHEMA raw CASCADE");
  });
  const positionsIn = async (schema: string) => {
    const found = await admin.query(`SELECT task, position FROM ${schema}.weir_checkpoints`);
    return Object.fromEntries(found.rows.map(({ task, position }) => [task, position]));
  };
});

describe("an instance from before a swap", () => {
  it.each([1, 600])("never commits again, whichever of the two it filled, with %i rows", async (count) => {
    const [old, now] = [await open(placeOf()), await open(placeOf("2"))];
    // The same fence and position, so that nothing but the swap keeps the two apart.
    await old.store(rows(1, 5), 7);
    await now.store(rows(2, 7), 7);
    // As if other backends had been recorded: the swap ends neither.
    await admin.query("UPDATE weir_checkpoints SET backend_pid = 0");
    await swap(2);
    const found = await state();
    await expect(old.store(rows(9, count), 9)).rejects.toThrow(FencedError);
    await expect(now.store(rows(9, count), 9)).rejects.toThrow(HaltError);
    await expect(old.clear(9)).rejects.toThrow(FencedError);
    await expect(now.clear(9)).rejects.toThrow(HaltError);
    // The next swap keeps what the second filled, under the name that it had then.
    await fill(placeOf("3"), 3, 9);
    await swap(3);
    await expect(old.store(rows(9, count), 9)).rejects.toThrow(FencedError);
    await expect(now.store(rows(9, count), 9)).rejects.toThrow(FencedError);
    expect(await positions()).toMatchObject({ ...found.positions, [SERVING]: '{"gen":3}' });
    expect(await generations("by_rider")).toEqual([[3, 9]]);
    expect(await generations("by_rider__weir_2")).toEqual([[2, 7]]);
    expect(await generations("by_rider__weir_1")).toEqual([[1, 5]]);
    await old.close();
    await now.close();
  });

  it.each([SERVING, `${SERVING}~2`])("that hangs in a transaction is ended: %s", async (task) => {
    await fillBoth();
    const hanging = await clientOf();
    await hanging.query(
      `UPDATE weir_checkpoints SET backend_pid = a.pid, backend_start = a.backend_start
       FROM pg_stat_activity a WHERE a.pid = pg_backend_pid() AND task = $1`,
      [task],
    );
    await hanging.query("BEGIN");
    await hanging.query("UPDATE weir_checkpoints SET position = '5' WHERE task = $1", [task]);
    await swap(2);
    expect(await positions()).toEqual({ [SERVING]: '{"gen":2}', [`${SERVING}~1`]: '{"gen":1}' });
    await hanging.end().catch(() => {});
  });
});

describe("what the former table had is given to the new one", () => {
  const acl = async (table: string) => {
    const found = await admin.query(
      `SELECT a.grantee::regrole::text AS who, '' AS col, a.privilege_type AS what, a.is_grantable AS grantable
       FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a WHERE c.oid = $1::regclass
       UNION ALL SELECT a.grantee::regrole::text, t.attname, a.privilege_type, a.is_grantable
       FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = $1::regclass ORDER BY 1, 2, 3, 4`,
      [table],
    );
    return found.rows;
  };

  it("owner, rights, comments, settings, replica identity, indexes and checks", async () => {
    await admin.query(`DROP ROLE IF EXISTS swap_reader, "swap Odd", swap_keeper;
      CREATE ROLE swap_reader; CREATE ROLE "swap Odd"; CREATE ROLE swap_keeper; GRANT CREATE ON SCHEMA public TO swap_keeper`);
    await fillBoth();
    await admin.query(`GRANT SELECT ON by_rider TO swap_reader WITH GRANT OPTION; GRANT SELECT (id) ON by_rider TO "swap Odd";
      GRANT INSERT ON by_rider TO PUBLIC; GRANT DELETE ON by_rider__weir_2 TO swap_reader;
      ALTER TABLE by_rider OWNER TO swap_keeper; REVOKE TRUNCATE ON by_rider FROM swap_keeper;
      COMMENT ON TABLE by_rider IS 'it''s ours'; COMMENT ON COLUMN by_rider.gen IS 'which';
      ALTER TABLE by_rider SET (fillfactor = 70, autovacuum_enabled = off);
      CREATE UNIQUE INDEX by_gen ON by_rider (gen, id);
      ALTER TABLE by_rider REPLICA IDENTITY USING INDEX by_gen;
      CREATE TABLE generation (no bigint PRIMARY KEY); INSERT INTO generation VALUES (1), (2);
      ALTER TABLE by_rider ADD CONSTRAINT later CHECK (gen > 0), ADD CONSTRAINT known FOREIGN KEY (gen) REFERENCES generation`);
    const before = await acl("by_rider");
    const lines = await swap(2);
    expect(await acl("by_rider")).toEqual(before);
    expect(before).toContainEqual({ who: '"swap Odd"', col: "id", what: "SELECT", grantable: false });
    expect(lines).toContain(
      'It has what the former table had: GRANT SELECT ON TABLE "public"."by_rider__weir_2" TO swap_reader WITH GRANT OPTION.',
    );
    const found = await admin.query(
      `SELECT relowner::regrole::text AS owner, reloptions AS options, relreplident AS identity,
         obj_description(oid) AS comment, col_description(oid, 2) AS column,
         (SELECT array_agg(indexrelid::regclass::text) FROM pg_index WHERE indrelid = oid AND indisreplident) AS index,
         (SELECT array_agg(conname ORDER BY conname) FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('c', 'f')) AS constraints
       FROM pg_class c WHERE oid = 'by_rider'::regclass`,
    );
    expect(found.rows).toEqual([
      {
        ...{ owner: "swap_keeper", options: ["fillfactor=70", "autovacuum_enabled=off"], identity: "i" },
        ...{ comment: "it's ours", column: "which", index: ["by_gen"], constraints: "{known,later}" },
      },
    ]);
    await admin.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await admin.query(
      'DROP OWNED BY swap_reader, "swap Odd", swap_keeper; DROP ROLE swap_reader, "swap Odd", swap_keeper',
    );
  });

  it("columns that no field fills and that hold nothing, as the driver leaves them", async () => {
    await fillBoth();
    await admin.query("ALTER TABLE by_rider ADD COLUMN former numeric(5, 2)");
    await swap(2);
    const { rows } = await admin.query("SELECT gen, former FROM by_rider LIMIT 1");
    expect(rows).toEqual([{ gen: expect.anything(), former: null }]);
    await fill(placeOf("3"), 3, 9);
    await swap(3);
    expect((await admin.query("SELECT former FROM by_rider LIMIT 1")).rows).toEqual([{ former: null }]);
  });

  it("as far as the role may: one that owns the table", async () => {
    await admin.query(`DROP ROLE IF EXISTS swap_app; CREATE ROLE swap_app LOGIN PASSWORD 'word';
      GRANT CREATE, USAGE ON SCHEMA public TO swap_app`);
    const as = new URL(url);
    [as.username, as.password] = ["swap_app", "word"];
    const at = (label?: string) => placeOf(label, { url: as.href });
    await fill(at(), 1, 5);
    await fill(at("2"), 2, 7);
    await admin.query("ALTER TABLE by_rider OWNER TO weir");
    const given = { beside: at("2"), serving: at(), kept: at("1") };
    await halts(/permission denied for table by_rider|must be owner of table by_rider/, () => swap(2, given));
    await admin.query("ALTER TABLE by_rider OWNER TO swap_app");
    await swap(2, given);
    expect(await generations("by_rider")).toEqual([[2, 7]]);
    await driver.drop?.(at("1"), logTo([]));
    expect(await tables()).toEqual(["by_rider"]);
    await admin.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await admin.query("DROP OWNED BY swap_app; DROP ROLE swap_app");
  });

  it("halts where the new rows do not allow it", async () => {
    await fillBoth();
    await admin.query("ALTER TABLE by_rider ADD CONSTRAINT first CHECK (gen < 2)");
    await halts(/ADD CONSTRAINT first CHECK .* is violated by some row/);
  });
});

describe("a swap halts, naming them, for", () => {
  it.each([
    ["views", "CREATE VIEW v AS SELECT gen FROM by_rider", "view v"],
    [
      "materialized views",
      "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM by_rider",
      "materialized view m",
    ],
    [
      "foreign keys",
      "CREATE TABLE r (id text CONSTRAINT fk REFERENCES by_rider)",
      "constraint fk on table r",
    ],
    [
      "functions",
      "CREATE FUNCTION f(by_rider) RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "function f(by_rider)",
    ],
    ["columns of its row's type", "CREATE TABLE holds (one by_rider)", "column one of table holds"],
    [
      "triggers",
      `CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
       CREATE TRIGGER watch AFTER INSERT ON by_rider EXECUTE FUNCTION g()`,
      "trigger watch on table by_rider",
    ],
    ["rules", "CREATE RULE r AS ON DELETE TO by_rider DO INSTEAD NOTHING", "rule r on table by_rider"],
    [
      "policies",
      "CREATE POLICY p ON by_rider USING (gen > 0); ALTER TABLE by_rider ENABLE ROW LEVEL SECURITY",
      "its row-level security, policy p on table by_rider",
    ],
    [
      "publications",
      "CREATE PUBLICATION pub FOR TABLE by_rider",
      "publication of table by_rider in publication pub",
    ],
    ["statistics", "CREATE STATISTICS s ON id, gen FROM by_rider", "statistics object s"],
    ["children", "CREATE TABLE child () INHERITS (by_rider)", "its partitions or children"],
    [
      "itself",
      "ALTER TABLE by_rider ADD CONSTRAINT self FOREIGN KEY (id) REFERENCES by_rider",
      "constraint self on table by_rider",
    ],
    [
      "columns of its user that hold something",
      "ALTER TABLE by_rider ADD COLUMN remark text; UPDATE by_rider SET remark = 'mine' WHERE id = (SELECT min(id) FROM by_rider)",
      "lacks: remark. Drop them",
    ],
    [
      "columns of its user that would",
      "ALTER TABLE by_rider ADD COLUMN remark text; ALTER TABLE by_rider ALTER COLUMN remark SET DEFAULT 'mine'",
      "lacks: remark. Drop them",
    ],
  ])("%s", async (_, statement, what) => {
    await fillBoth();
    await admin.query(statement);
    await halts(what);
    await admin.query("DROP PUBLICATION IF EXISTS pub");
  });

  it("none of what follows by name, or is of all tables", async () => {
    await fillBoth();
    await admin.query(`CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM by_rider';
      CREATE PUBLICATION everything FOR ALL TABLES; ALTER TABLE by_rider__weir_2 ADD COLUMN remark text;
      ALTER TABLE by_rider ADD COLUMN remark text`);
    await swap(2);
    expect((await admin.query("SELECT f()")).rows).toEqual([{ f: "7" }]);
    await admin.query("DROP PUBLICATION everything");
  });
});

describe("the place of a swap", () => {
  it("may be new", async () => {
    await fill(placeOf("2"), 2, 7);
    await swap(2, { kept: undefined });
    expect(await state()).toEqual({ tables: ["by_rider"], positions: { [SERVING]: '{"gen":2}' } });
    await fill(placeOf("3"), 3, 9);
    await swap(3);
    expect(await tables()).toEqual(["by_rider", "by_rider__weir_2"]);
  });

  it("may have lost its table", async () => {
    await fillBoth();
    await admin.query("DROP TABLE by_rider");
    await swap(2);
    expect(await state()).toEqual({ tables: ["by_rider"], positions: { [SERVING]: '{"gen":2}' } });
  });

  it("may hold an empty table of another's, and no rows", async () => {
    await fill(placeOf("2"), 2, 7);
    await admin.query("CREATE TABLE by_rider (id text PRIMARY KEY); COMMENT ON TABLE by_rider IS 'kept'");
    await swap(2, { kept: undefined });
    expect(await generations("by_rider")).toEqual([[2, 7]]);
    expect((await admin.query("SELECT obj_description('by_rider'::regclass) AS it")).rows).toEqual([
      { it: "kept" },
    ]);
    await fill(placeOf("3"), 3, 9);
    await admin.query("DELETE FROM weir_checkpoints WHERE task = $1", [SERVING]);
    await halts("holds rows but has no checkpoint of this task", () => swap(3));
  });

  it("halts where the former rows cannot be kept, and where there is nothing to swap", async () => {
    await fillBoth();
    await halts('holds rows that "postgres:by_rider" stored at an earlier time', () =>
      swap(2, { kept: undefined }),
    );
    await fill(placeOf("1"), 0, 1);
    await halts('is to be kept as "public"."by_rider__weir_1", which exists');
    await driver.drop?.(placeOf("1"), logTo([]));
    await admin.query("DROP TABLE by_rider__weir_2");
    await halts('"public"."by_rider__weir_2" is gone');
    await admin.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await expect(swap(2)).rejects.toThrow(
      'Neither "postgres:by_rider~2" nor "postgres:by_rider" has a checkpoint',
    );
  });
});

describe("a table that is declared elsewhere", () => {
  const columns = { id: { name: "id", type: "text" }, gen: { name: "gen", type: "bigint" } };
  const declared = { columns, primaryKey: ["id"] };

  it("has one made like it beside it, and is swapped with it", async () => {
    await admin.query(`CREATE TABLE by_rider (id text PRIMARY KEY, gen bigint NOT NULL CHECK (gen > 0), no serial,
      seen timestamptz NOT NULL DEFAULT now()); CREATE INDEX ON by_rider (gen)`);
    await fill(placeOf(undefined, declared), 1, 5);
    for (const to of [2, 3]) {
      await fill(placeOf(`${to}`, declared), to, 7);
      const given = { beside: placeOf(`${to}`, declared), serving: placeOf(undefined, declared) };
      await swap(to, { ...given, kept: placeOf(`${to - 1}`, declared) });
      await driver.drop?.(placeOf(`${to - 1}`, declared), logTo([]));
    }
    expect(await indexes()).toEqual([
      "INDEX by_rider_gen_idx ON by_rider USING btree (gen)",
      "UNIQUE INDEX by_rider_pkey ON by_rider USING btree (id)",
    ]);
    const session = await open(placeOf(undefined, declared));
    await session.store(rows(3, 8), 4);
    expect((await admin.query("SELECT count(DISTINCT no)::int AS n FROM by_rider")).rows).toEqual([{ n: 8 }]);
    await session.close();
  });

  it("must be there, and fit", async () => {
    await expect(open(placeOf("2", declared))).rejects.toThrow(
      'The table "public"."by_rider" is declared with Drizzle and does not exist',
    );
    await admin.query("CREATE TABLE by_rider (id text PRIMARY KEY, gen text)");
    await expect(open(placeOf("2", declared))).rejects.toThrow(
      'Column "gen" of "public"."by_rider__weir_2" is text',
    );
    expect(await tables()).toEqual(["by_rider"]);
  });
});

describe("drop", () => {
  it("removes table and checkpoint, and does nothing where there are none", async () => {
    await fillBoth();
    await swap(2);
    const lines: string[] = [];
    for (const _ of ["at first", "and again"]) await driver.drop?.(placeOf("1"), logTo(lines));
    expect(lines).toEqual(['Dropped the table "public"."by_rider__weir_1".']);
    expect(await state()).toEqual({ tables: ["by_rider"], positions: { [SERVING]: '{"gen":2}' } });
  });

  it("halts for a table without a checkpoint, and for one that others use", async () => {
    await fill(placeOf(), 1, 5);
    await admin.query("CREATE TABLE by_rider__weir_1 (id text)");
    await halts('has no checkpoint of "postgres:by_rider~1"', async () =>
      driver.drop?.(placeOf("1"), logTo([])),
    );
    await admin.query("DROP TABLE by_rider__weir_1");
    await fill(placeOf("1"), 1, 5);
    await admin.query("CREATE VIEW v AS SELECT * FROM by_rider__weir_1");
    await halts("since these use it: view v", async () => driver.drop?.(placeOf("1"), logTo([])));
  });
});

it("later generations may have columns that the first lacked", async () => {
  await fill(placeOf(), 1, 5);
  const beside = placeOf("2", {}, later);
  await fill(beside, 2, 7);
  await swap(2, { beside, serving: placeOf(undefined, {}, later) });
  // And lose them again: the column is of the flow that is kept, not of its user.
  await fill(placeOf("3"), 3, 9);
  await swap(3, { kept: placeOf("2", {}, later) });
  expect(await generations("by_rider")).toEqual([[3, 9]]);
});
