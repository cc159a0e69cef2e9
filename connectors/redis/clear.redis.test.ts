import fc from "fast-check";
import { Redis } from "ioredis";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json } from "../../plan/plan.ts";
import { startRedis } from "../../test/servers/redis.ts";
import { FencedError, HaltError, type RowChange, type TargetSession } from "../driver.ts";
import { collectionOf, contextOf } from "../fixtures/target.ts";
import { driver } from "./driver.ts";

let url: string;
let admin: Redis;
beforeAll(async () => {
  // Of its own: another file's test has the shared one evict rows for a moment.
  const server = await startRedis();
  url = server.url;
  admin = new Redis(url);
  return async () => {
    admin.disconnect();
    await server.stop();
  };
});
beforeEach(() => admin.flushdb());

const spend = collectionOf(z.object({ id: z.string(), n: z.int() }), ["id"]);
type Form = { readonly key: string; readonly as?: Json };
const HASH: Form = { key: "spend:{id}" };
const open = (form: Form, more: { renamedFrom?: string; mode?: "delta" } = {}): Promise<TargetSession> =>
  driver.open(contextOf({ task: `redis:${form.key}`, collection: spend, config: { url, ...form }, ...more }));
const put = (id: string): RowChange => ({ op: "put", key: [id], document: { id, n: 1 } });
const many = Array.from({ length: 1_500 }, (_, i) => put(`k${i}`));

describe("clear", () => {
  it.each<[string, Form]>([
    ["hash", HASH],
    ["json", { key: "spend:{id}", as: "json" }],
    ["sorted set", { key: "spend:{id}", as: { sortedSet: { member: "{id}", score: "n" } } }],
  ])("removes every row, and sets the position: %s", async (_, form) => {
    const session = await open(form);
    await session.store(many, 1);
    // Of another type, and of another template.
    await admin.rpush("spend:list", "mine");
    await admin.set("spendings", "mine");
    await session.clear({ backfill: 1 });
    expect((await admin.keys("*")).sort()).toEqual([
      "spend:list",
      "spendings",
      `weir:checkpoint:redis:${form.key}`,
    ]);
    expect(session.position).toEqual({ backfill: 1 });
    await session.store([put("a")], 2);
    await session.close();
    const again = await open(form);
    expect(again.position).toBe(2);
    await again.close();
  });

  it("does nothing under a stale fence", async () => {
    const former = await open(HASH);
    await former.store([put("a")], 1);
    const successor = await open(HASH);
    await expect(former.clear(2)).rejects.toThrow(FencedError);
    expect(await admin.exists("spend:a")).toBe(1);
    await successor.store([put("b")], 2);
    await former.close();
    await successor.close();
  });

  it("is finished by the next instance, wherever a crash broke it off", { timeout: 60_000 }, async () => {
    let broken = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(40), async (ms) => {
        await admin.flushdb();
        const former = await open(HASH);
        await former.store(many, 1);
        const clearing = former.clear(2).then(
          () => true,
          () => false,
        );
        await new Promise((resolve) => setTimeout(resolve, ms / 4));
        await former.close();
        const told = await clearing;
        const left = await admin.dbsize();
        const begun = (await admin.hget("weir:checkpoint:redis:spend:{id}", "clearing")) ?? "";
        if (begun !== "" && left > 1) broken++;
        const session = await open(HASH);
        if (told) expect(session.position).toBe(2);
        // All rows under the old position, or none under the new one.
        expect([
          [1, many.length + 1],
          [2, 1],
        ]).toContainEqual([session.position, await admin.dbsize()]);
        await session.store([put("a")], 3);
        await session.close();
      }),
      { numRuns: 60 },
    );
    expect(broken).toBeGreaterThan(0);
  });
});

describe("open", () => {
  it("halts where rows would have to be renamed, and not where there are none", async () => {
    await (await open({ key: "fresh:{id}" }, { renamedFrom: "redis:spend:{id}" })).close();
    await admin.flushdb();
    const former = await open(HASH);
    await former.store([put("a")], 1);
    await former.close();
    const opened = open({ key: "fresh:{id}" }, { renamedFrom: "redis:spend:{id}" });
    await expect(opened).rejects.toThrow(HaltError);
    await expect(opened).rejects.toThrow(
      'cannot rename the rows of "redis:spend:{id}" as one; leave renamedFrom out',
    );
  });

  it("offers no log", async () => {
    await expect(open(HASH, { mode: "delta" })).rejects.toThrow('Redis has no mode "delta"');
  });
});
