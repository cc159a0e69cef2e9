import fc from "fast-check";
import { Redis } from "ioredis";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json, JsonObject } from "../../plan/plan.ts";
import { compileKey } from "../../runtime/reduction/key.ts";
import { startRedis } from "../../test/servers/redis.ts";
import { testRedis } from "../../test/servers/test-servers.ts";
import { FencedError, HaltError, type RowChange, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf, rowsOneByOne, storeHistory } from "../fixtures/target.ts";
import { driver } from "./driver.ts";
import { rowForm } from "./forms.ts";

let url: string;
let admin: Redis;
beforeAll(async () => {
  url = await testRedis();
  admin = new Redis(url);
  return () => admin.disconnect();
});
beforeEach(() => admin.flushdb());

const spend = collectionOf(z.object({ id: z.string(), n: z.int(), note: z.string().optional() }), ["id"], {
  n: "sum",
});
type Form = { readonly key: string; readonly as?: Json };
const open = (form: Form = { key: "spend:{id}" }, plan = spend, at = url): Promise<TargetSession> =>
  driver.open(contextOf({ task: `redis:${form.key}`, collection: plan, config: { url: at, ...form } }));
const put = (id: string, n: number, note?: string): RowChange => ({
  op: "put",
  key: [id],
  document: note === undefined ? { id, n } : { id, n, note },
});

describe("forms", () => {
  it("hash: strings as they are, anything else as JSON, what is absent is absent", async () => {
    const session = await open();
    await session.store([put("a", 1, "x"), put("b", 2)], 1);
    await session.store([put("a", 3), { op: "remove", key: ["b"] }], 2);
    expect(await admin.hgetall("spend:a")).toEqual({ id: "a", n: "3" });
    expect(await admin.exists("spend:b")).toBe(0);
    await session.close();
  });
  it("json: the document", async () => {
    const session = await open({ key: "doc:{id}", as: "json" });
    await session.store([put("a", 1, "x"), put("b", 2)], 1);
    await session.store([{ op: "remove", key: ["b"] }], 2);
    expect(await admin.get("doc:a")).toBe('{"id":"a","n":1,"note":"x"}');
    expect(await admin.exists("doc:b")).toBe(0);
    await session.close();
  });
  it("sorted set: a member with its score", async () => {
    const session = await open({ key: "top", as: { sortedSet: { member: "{id}", score: "n" } } });
    await session.store([put("a", 1.5), put("b", -2), put("c", 9)], 1);
    await session.store([put("a", 5), { op: "remove", key: ["c"] }], 2);
    expect(await admin.zrange("top", "0", "-1", "WITHSCORES")).toEqual(["b", "-2", "a", "5"]);
    expect(await session.load([["a"], ["c"]])).toEqual([{ id: "a", n: 5 }, undefined]);
    await session.close();
  });
  it("refuse what they could not give back", () => {
    const refuse = (fields: z.ZodRawShape, form: Form, message: string) =>
      expect(() =>
        rowForm(
          form as JsonObject,
          collectionOf(z.object({ id: z.string(), no: z.int(), ...fields }), ["id", "no"]),
        ),
      ).toThrow(message);
    const key = "{id}:{no}";
    refuse({ v: z.union([z.string(), z.int()]) }, { key }, 'use as: "json"');
    refuse({ v: z.string().nullish() }, { key }, "may be null and may be missing");
    refuse({}, { key: "{id}" }, 'The key field "no" is not in the key template "{id}"');
    refuse({}, { key: "{id}", as: { sortedSet: { member: "m", score: "no" } } }, "is not in the templates");
    refuse(
      { v: z.number().optional() },
      { key: "{id}", as: { sortedSet: { member: "{no}", score: "v" } } },
      "must be a required number",
    );
    refuse({}, { key, as: "list" }, 'The form of a Redis target ("as") is');
  });
});

describe("open", () => {
  it("halts on keys that look like rows but were not written by the task", async () => {
    await admin.set("spend:total", "5");
    await expect(open()).rejects.toThrow(HaltError);
    await expect(open()).rejects.toThrow('The key "spend:total" looks like a row of this task');
  });
  it("halts where the server may evict rows", async () => {
    await admin.config("SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru");
    try {
      await expect(open()).rejects.toThrow("run CONFIG SET maxmemory-policy noeviction");
    } finally {
      await admin.config("SET", "maxmemory", "0", "maxmemory-policy", "noeviction");
    }
  });
  it("never shows the password", async () => {
    const { password, port } = new URL(url);
    for (const bad of [
      `redis://:${password}@127.0.0.1:1`,
      `redis://:wrong${password}@127.0.0.1:${port}`,
      `//${password}`,
    ]) {
      const error: Error = await open(undefined, undefined, bad).then(
        () => expect.fail("opened"),
        (reason) => reason,
      );
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(password);
    }
  });
});

describe("rights", () => {
  const rights =
    "+info +scan +exists +eval +evalsha +script +select +hget +hset +hgetall +type +del +hdel +set +zadd +zrem";
  it.each([
    ["hash", "hdel", "spend:{id}", "hash"],
    ["hash", "type", "spend:{id}", "hash"],
    ["hash", "del", "spend:{id}", "hash"],
    ["json", "set", "spend:{id}", "json"],
    ["sorted set", "zrem", "spend", { sortedSet: { member: "{id}", score: "n" } }],
  ])(
    "halts before anything is written where the user may not: %s without %s",
    async (_, command, key, as) => {
      await admin.acl("SETUSER", "some", "reset", "on", ">word", "~*", ...rights.split(" "));
      const { host, pathname } = new URL(url);
      const at = `redis://some:word@${host}${pathname}`;
      await (await open({ key, as }, spend, at)).close();
      await admin.acl("SETUSER", "some", `-${command}`);
      const opened = open({ key, as }, spend, at);
      await expect(opened).rejects.toThrow(HaltError);
      await expect(opened).rejects.toThrow("Redis refused a command of the task");
      await admin.acl("DELUSER", "some");
    },
  );
});

describe("store", () => {
  it("writes nothing at all where a key holds something else", async () => {
    const session = await open();
    await admin.set("spend:b", "mine");
    const stored = session.store([put("a", 1), put("b", 1)], 1);
    await expect(stored).rejects.toThrow(HaltError);
    await expect(stored).rejects.toThrow('The key "spend:b" is a string');
    expect(await admin.exists("spend:a")).toBe(0);
    await session.close();
  });
  it("stores transactions in their order while the one before is under way", async () => {
    const session = await open();
    for (let at = 0; at < 6; at += 2) {
      const rows = (from: number) => Array.from({ length: 500 }, (_, i) => put(`k${i % (400 + from)}`, from));
      await Promise.all([session.store(rows(at), at), session.store(rows(at + 1), at + 1)]);
      const found = await session.load([["k0"], ["k399"]]);
      expect(found.map((row) => row?.n)).toEqual([at + 1, at + 1]);
    }
    await session.close();
    const next = await open();
    expect(next.position).toBe(5);
    await next.close();
  });
  it("stores nothing of a transaction where the one before fails", async () => {
    const session = await open();
    await session.store([put("a", 1)], 1);
    await admin.set("spend:b", "mine");
    const [first, second] = await Promise.allSettled([
      session.store([put("b", 2)], 2),
      session.store([put("a", 3)], 3),
    ]);
    expect(first).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringContaining("spend:b") },
    });
    expect(second.status).toBe("rejected");
    expect(await admin.hget("spend:a", "n")).toBe("1");
    await session.close();
    const next = await open();
    expect(next.position).toBe(1);
    await next.close();
  });
  it("stores nothing of two transactions once another instance has the fence", async () => {
    const session = await open();
    await session.store([put("a", 1)], 1);
    const successor = await open();
    const both = await Promise.allSettled([session.store([put("a", 2)], 2), session.store([put("a", 3)], 3)]);
    for (const each of both) {
      expect(each).toMatchObject({ status: "rejected", reason: expect.any(FencedError) });
    }
    expect(await admin.hget("spend:a", "n")).toBe("1");
    await Promise.all([session.close(), successor.close()]);
  });
  it("takes as many rows as a transaction may have", async () => {
    const session = await open();
    const changes = Array.from({ length: session.maxRows }, (_, i) => put(`k${i}`, i));
    await session.store(changes, 1);
    expect(await admin.dbsize()).toBe(session.maxRows + 1);
    expect((await session.load(changes.map(({ key }) => key))).at(-1)).toEqual({
      id: `k${session.maxRows - 1}`,
      n: session.maxRows - 1,
    });
    await session.close();
  });
  it("looks for other types of keys among any number of rows, new ones and stored ones", async () => {
    const session = await open();
    const changes = Array.from({ length: session.maxRows }, (_, i) => put(`k${i}`, i));
    await session.store(changes.slice(0, 10), 1);
    await admin.set(`spend:k${session.maxRows - 1}`, "mine");
    await expect(session.store(changes, 2)).rejects.toThrow(`"spend:k${session.maxRows - 1}" is a string`);
    expect(await admin.dbsize()).toBe(12);
    await session.close();
  });
  it("keeps whole rows, rows that lack fields and removals of one transaction apart", async () => {
    const session = await open();
    const before = [put("a", 1, "x"), put("b", 2, "y"), put("c", 3, "z"), put("d", 4)];
    await session.store(before, 1);
    await session.store(
      [
        put("a", 5),
        { op: "remove", key: ["b"] },
        put("e", 6, ""),
        put("d", 7, "é\r\n"),
        { op: "remove", key: ["none"] },
        put("f", 8),
      ],
      2,
    );
    const rows = await session.load(["a", "b", "c", "d", "e", "f"].map((id) => [id]));
    expect(rows).toEqual([
      { id: "a", n: 5 },
      undefined,
      { id: "c", n: 3, note: "z" },
      { id: "d", n: 7, note: "é\r\n" },
      { id: "e", n: 6, note: "" },
      { id: "f", n: 8 },
    ]);
    expect(await admin.exists("spend:b", "spend:none")).toBe(0);
    await session.close();
  });
  it.each([1, 2, 60, 61, 1_000])("stores rows of %i fields, whole and in part", async (width) => {
    const names = Array.from({ length: width - 1 }, (_, i) => `f${i}`);
    const shape = Object.fromEntries(names.map((name) => [name, z.string().optional()]));
    const wide = collectionOf(z.object({ id: z.string(), ...shape }), ["id"]);
    const rowOf = (id: string, fields: readonly string[]): RowChange => ({
      op: "put",
      key: [id],
      document: { id, ...Object.fromEntries(fields.map((name) => [name, `${id} ${name}`])) },
    });
    const session = await open({ key: "wide:{id}" }, wide);
    const first = [rowOf("a", names), rowOf("b", names.slice(1)), rowOf("c", names)];
    const second = [rowOf("c", []), rowOf("d", names), rowOf("b", names)];
    await session.store(first, 1);
    await session.store(second, 2);
    for (const { key, document } of [first[0], ...second] as (RowChange & { document: JsonObject })[]) {
      expect(await admin.hgetall(`wide:${key[0]}`)).toEqual(document);
    }
    await session.close();
  });
  it("stores nothing of a transaction in which a text is none, and goes on after it", async () => {
    const session = await open();
    await expect(session.store([put("a", 1), put("b", 2, "\ud800")], 1)).rejects.toThrow("no Unicode text");
    expect(await admin.exists("spend:a")).toBe(0);
    await session.store([put("a", 1)], 1);
    expect(await admin.hget("spend:a", "n")).toBe("1");
    await session.close();
  });
  it("goes on after the server has forgotten its scripts", async () => {
    const session = await open();
    await session.store([put("a", 1)], 1);
    await admin.script("FLUSH");
    await session.store([put("a", 2)], 2);
    expect(await admin.hget("spend:a", "n")).toBe("2");
    await session.close();
  });
});

describe("the fence", () => {
  it("keeps a former instance from storing", async () => {
    const former = await open();
    await former.store([put("a", 1)], { at: 1 });
    const successor = await open();
    expect(successor.position).toEqual({ at: 1 });
    await expect(former.store([put("a", 9)], { at: 2 })).rejects.toThrow(FencedError);
    expect(await admin.hget("spend:a", "n")).toBe("1");
    await successor.store([put("a", 2)], { at: 2 });
    await former.close();
    await successor.close();
  });

  it("goes on from the position found, after a clean restart, a crash, and a return to an earlier state", {
    timeout: 60_000,
  }, async () => {
    const server = await startRedis({ settings: { appendfsync: "always" } });
    try {
      const first = await open(undefined, undefined, server.url);
      await first.store([put("a", 1)], 1);
      for (const how of ["clean", "crash"] as const) {
        await server.restart(how);
        const lost: Error = await first.store([put("a", 2)], 2).then(
          () => expect.fail("stored"),
          (error) => error,
        );
        expect(lost).not.toBeInstanceOf(HaltError);
        const again = await open(undefined, undefined, server.url);
        expect(again.position).toBe(1);
        expect(await again.load([["a"]])).toEqual([{ id: "a", n: 1 }]);
        await again.close();
      }
      // As a server that lost its newest writes: fence and position of before.
      const session = await open(undefined, undefined, server.url);
      const side = new Redis(server.url);
      await session.store([put("a", 2)], 2);
      await side.hset("weir:checkpoint:redis:spend:{id}", "position", "1");
      const back: Error = await session.store([put("a", 3)], 3).then(
        () => expect.fail("stored"),
        (error) => error,
      );
      expect(back).not.toBeInstanceOf(HaltError);
      await side.hset("weir:checkpoint:redis:spend:{id}", "fence", "1:other");
      const further: Error = await session.store([put("a", 3)], 3).then(
        () => expect.fail("stored"),
        (error) => error,
      );
      expect(further).not.toBeInstanceOf(HaltError);
      expect(further.message).toContain("went back to an earlier state");
      side.disconnect();
      await session.close();
    } finally {
      await server.stop();
    }
  });
});

describe("for every history of changes and every way to split it", () => {
  const text = fc.string({ unit: "binary", maxLength: 4 });
  const int = fc.integer({ min: -1_000_000, max: 1_000_000 });
  const schema = z.object({
    region: z.string(),
    no: z.int(),
    sum: z.int(),
    high: z.string().optional(),
    nick: z.string().nullable(),
    maybe: z.int().nullish(),
    ok: z.boolean(),
    stats: z.object({ n: z.int().optional(), note: z.string().optional() }).optional(),
  });
  const document: fc.Arbitrary<JsonObject> = fc.record(
    {
      region: fc.string({ unit: fc.constantFrom(":", "%", "a"), maxLength: 2 }),
      no: fc.integer({ min: 0, max: 1 }),
      sum: int,
      high: text,
      nick: fc.option(text, { nil: null }),
      maybe: fc.option(int, { nil: null }),
      ok: fc.boolean(),
      stats: fc.record({ n: int, note: text }, { requiredKeys: [], noNullPrototype: true }),
    },
    { requiredKeys: ["region", "no", "sum", "nick", "ok"], noNullPrototype: true },
  );
  const plan = collectionOf(schema, ["region", "no"], {
    sum: "sum",
    high: "max",
    maybe: "first",
    ok: "min",
    "stats.n": "sum",
  });
  const history = fc.array(
    fc.record({ document, remove: fc.nat(5).map((n) => n === 0), ends: fc.nat(3).map((n) => n === 0) }),
    { maxLength: 24 },
  );
  const whole = (row: JsonObject) => row;
  const scored = ({ region, no, sum }: JsonObject) => ({ region, no, sum });

  it.each<[string, Form, (row: JsonObject) => JsonObject]>([
    ["hash", { key: "h:{region}:{no}" }, whole],
    ["json", { key: "j:{region}:{no}", as: "json" }, whole],
    ["sorted set", { key: "s:{region}", as: { sortedSet: { member: "{no}", score: "sum" } } }, scored],
  ])("the rows are those of reducing one by one: %s", { timeout: 60_000 }, async (_, form, asStored) => {
    const keys = compileKey(plan.key);
    await fc.assert(
      fc.asyncProperty(history, async (steps) => {
        await admin.flushdb();
        const session = await open(form, plan);
        await storeHistory(session, plan, steps);
        const rows = rowsOneByOne(plan, steps);
        expect(await session.load(rows.map((row) => keys.values(row)))).toEqual(rows.map(asStored));
        const sets = new Set(rows.map(({ region }) => region));
        expect(await admin.dbsize()).toBe((form.as instanceof Object ? sets.size : rows.length) + 1);
        await session.close();
      }),
      { numRuns: 60 },
    );
  });
});
