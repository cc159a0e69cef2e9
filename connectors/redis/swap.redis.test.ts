/** Rows that were filled beside others take their place. */
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { Redis } from "ioredis";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, Json, JsonObject } from "../../plan/plan.ts";
import { startRedis } from "../../test/servers/redis.ts";
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
import { SWAP } from "./scripts.ts";

let url: string;
let admin: Redis;
beforeAll(async () => {
  // Of its own: its rights and its memory are changed.
  const server = await startRedis();
  url = server.url;
  admin = new Redis(url);
  return async () => {
    admin.disconnect();
    await server.stop();
  };
});
beforeEach(() => admin.flushdb());

const spend = collectionOf(z.object({ id: z.string(), gen: z.int() }), ["id"]);
interface Form {
  readonly key: string;
  readonly as?: Json;
  readonly url?: string;
}
const HASH: Form = { key: "spend:{id}" };
const SETS: Form = { key: "top:{board}", as: { sortedSet: { member: "{id}", score: "gen" } } };

const placeOf = (form: Form, label?: string, collection: CollectionPlan = spend): TargetPlace => {
  const config: JsonObject = { url, ...form };
  const task = `redis:${form.key}`;
  return label === undefined
    ? { task, config, collection, mode: "standard" }
    : { task: `${task}~${label}`, config: driver.aside?.(config, label) ?? {}, collection, mode: "standard" };
};
const open = (place: TargetPlace): Promise<TargetSession> => driver.open(contextOf(place));
const rows = (gen: number, ids: readonly string[]): RowChange[] =>
  ids.map((id) => ({ op: "put", key: [id], document: { id, gen } }));
const some = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => `k${i}`);
const fill = async (place: TargetPlace, gen: number, ids: readonly string[]): Promise<void> => {
  const session = await open(place);
  for (let at = 0; at === 0 || at < ids.length; at += 1_000) {
    await session.store(rows(gen, ids.slice(at, at + 1_000)), { gen, at });
  }
  await session.close();
};
const logTo = (lines: string[]): TaskLog => ({
  info: (line) => lines.push(line),
  warn: (line) => lines.push(`warning: ${line}`),
});
const swap = async (
  form: Form,
  to: number,
  more: { beside?: TargetPlace; kept?: TargetPlace | undefined } = {},
): Promise<readonly string[]> => {
  const lines: string[] = [];
  const places = { beside: placeOf(form, `${to}`), serving: placeOf(form), kept: placeOf(form, `${to - 1}`) };
  await driver.swap?.({ ...places, ...more, log: logTo(lines) });
  return lines;
};
const drop = (form: Form, label: string) => driver.drop?.(placeOf(form, label), logTo([])) ?? expect.fail();
const keys = async () => (await admin.keys("*")).sort();
/** Everything there is, so that nothing at all can have changed. */
const everything = async () => {
  const all = await keys();
  return Object.fromEntries(
    await Promise.all(
      all
        .filter((key) => !key.includes(":swap:"))
        .map(async (key) => {
          const value = key.startsWith("weir:checkpoint:")
            ? await admin.hget(key, "position")
            : await admin.dump(key);
          return [key, value];
        }),
    ),
  );
};
const generationsAt = async (pattern: string) => {
  const found = (await admin.keys(pattern)).filter(
    (key) => pattern.startsWith("weir:") || !key.startsWith("weir:"),
  );
  return (await Promise.all(found.map((key) => admin.hget(key, "gen")))).map(Number).sort();
};
const halts = async (message: string | RegExp, doing: () => Promise<unknown>) => {
  const found = await everything();
  const done = doing();
  await expect(done).rejects.toThrow(HaltError);
  await expect(done).rejects.toThrow(message);
  expect(await everything()).toEqual(found);
};

describe("a place aside", () => {
  it("is another template, and nothing else of the configuration", () => {
    const config = { url: { $env: "REDIS_URL" }, ...SETS };
    const aside = driver.aside?.(config as JsonObject, "2");
    expect(aside).toEqual({
      ...config,
      key: expect.stringMatching(/^weir:aside:2:[0-9a-f]{12}:top:\{board\}$/),
      aside: expect.stringMatching(/^weir:aside:2:[0-9a-f]{12}:$/),
    });
  });

  it("has rows that no other pattern takes for its own, nor its own another's", async () => {
    // Patterns of which one matches the other's rows, and what Redis would take for a pattern.
    const forms = ["{id}", "w{id}", "*:{id}", "[a-z]\\?{id}", "{id}:x", "weir:{id}"].map(
      (key): Form => ({ key }),
    );
    const ids = ["*", "?", "\\", "[a]", "x", "", "aside:2:x", ":"];
    for (const form of forms) {
      await admin.flushdb();
      for (const label of ["2", "3", "20"]) await fill(placeOf(form, label), Number(label), ids);
      for (const other of forms) await fill(placeOf(other, "9"), 9, ids);
      const all = await everything();
      await drop(form, "9");
      const prefix = String(placeOf(form, "9").config.aside);
      const others = Object.entries(all).filter(
        ([key]) => !key.startsWith(prefix) && key !== `weir:checkpoint:redis:${form.key}~9`,
      );
      expect(await everything()).toEqual(Object.fromEntries(others));
      // Serving: none of these is a row of its own.
      const session = await open(placeOf(form));
      await session.clear(1);
      await session.close();
      expect(await everything()).toMatchObject(Object.fromEntries(others));
    }
  });

  it("is never where a row of another place goes", async () => {
    for (const key of ["{id}", "weir:{id}", "weir:aside:{id}"]) {
      const session = await open(placeOf({ key }));
      const id = { "{id}": "weir:aside:2:x", "weir:{id}": "checkpoint:x" }[key] ?? "2:x";
      await expect(session.store(rows(1, [id]), 1)).rejects.toThrow("begins as only Weir's own keys may");
      await session.close();
    }
  });
});

describe("a swap", () => {
  it("moves rows and checkpoints; a repeat does nothing", async () => {
    await fill(placeOf(HASH), 1, some(5));
    await fill(placeOf(HASH, "2"), 2, some(3_000));
    await admin.rpush("spend:list", "mine");
    await admin.expire("spend:k0", 1_000);
    for (const expected of [3, 0]) {
      const lines = await swap(HASH, 2);
      expect(lines.join("\n").split(/\(\d+\)/)).toHaveLength(expected === 0 ? 1 : expected);
      expect(await generationsAt("spend:k*")).toEqual(Array(3_000).fill(2));
      const kept = String(placeOf(HASH, "1").config.aside);
      expect(await generationsAt(`${kept}*`)).toEqual(Array(5).fill(1));
      expect(await admin.ttl(`${kept}spend:k0`)).toBeGreaterThan(900);
      expect(await admin.dbsize()).toBe(3_000 + 5 + 2 + 1);
    }
    const session = await open(placeOf(HASH));
    expect(session.position).toEqual({ gen: 2, at: 2_000 });
    await session.store(rows(3, ["k0"]), 3);
    await session.close();
  });

  it.each<Form>([
    { key: "{id}" },
    { key: "{id}", as: "json" },
    { key: "a[b]*{id}" },
    { key: "board", as: { sortedSet: { member: "{id}", score: "gen" } } },
  ])("is done again and again: %o", async (form) => {
    await fill(placeOf(form), 1, ["a", "*", "gone"]);
    for (let to = 2; to <= 4; to++) {
      await fill(placeOf(form, `${to}`), to, ["a", "*", `new${to}`]);
      await swap(form, to);
      const session = await open(placeOf(form));
      expect(session.position).toEqual({ gen: to, at: 0 });
      const stored = await session.load([["a"], ["*"], [`new${to}`], ["gone"], [`new${to - 1}`]]);
      expect(stored).toEqual([
        ...["a", "*", `new${to}`].map((id) => ({ id, gen: to })),
        undefined,
        undefined,
      ]);
      await session.close();
      const kept = await open(placeOf(form, `${to - 1}`));
      expect(await kept.load([["a"]])).toEqual([{ id: "a", gen: to - 1 }]);
      await kept.close();
    }
    for (const label of ["1", "2", "3"]) {
      await drop(form, label);
      await drop(form, label);
    }
    const isSet = typeof form.as === "object";
    expect(await admin.dbsize()).toBe((isSet ? 1 : 3) + 1);
  });

  it("takes sets of several rows, and another form of them", async () => {
    const boards = collectionOf(z.object({ id: z.string(), board: z.string(), gen: z.int() }), [
      "board",
      "id",
    ]);
    const put = (board: string, id: string, gen: number): RowChange => {
      return { op: "put", key: [board, id], document: { board, id, gen } };
    };
    const first = await open(placeOf(SETS, undefined, boards));
    await first.store([put("x", "a", 1), put("x", "b", 1), put("y", "a", 1)], 1);
    await first.close();
    const second = await open(placeOf(SETS, "2", boards));
    await second.store([put("x", "c", 2), put("z", "a", 2)], 2);
    await second.close();
    const places = { serving: placeOf(SETS, undefined, boards), log: logTo([]) };
    await driver.swap?.({ ...places, beside: placeOf(SETS, "2", boards), kept: placeOf(SETS, "1", boards) });
    expect((await keys()).filter((key) => key.startsWith("top:"))).toEqual(["top:x", "top:z"]);
    expect(await admin.zrange("top:x", "0", "-1", "WITHSCORES")).toEqual(["c", "2"]);

    const hashes: Form = { key: "top:{board}:{id}", as: "hash" };
    const texts: Form = { key: "top:{board}:{id}", as: "json" };
    for (const [place, gen] of [
      [placeOf(hashes, undefined, boards), 1] as const,
      [placeOf(texts, "2", boards), 2] as const,
    ]) {
      const session = await open(place);
      await session.store([put("x", "a", gen)], gen);
      await session.close();
    }
    await driver.swap?.({
      ...{ serving: placeOf(texts, undefined, boards), log: logTo([]) },
      ...{ beside: placeOf(texts, "2", boards), kept: placeOf(hashes, "1", boards) },
    });
    expect(await admin.get("top:x:a")).toBe('{"board":"x","id":"a","gen":2}');
  });

  it("never shows a reader a mixture, or nothing", { timeout: 60_000 }, async () => {
    const ids = some(400);
    await fill(placeOf(HASH), 1, ids);
    let done = false;
    let reads = 0;
    const reader = async () => {
      const redis = new Redis(url);
      const seen = new Set<string>();
      while (!done) {
        const multi = redis.multi();
        for (const id of ids) multi.hget(`spend:${id}`, "gen");
        const found = new Set((await multi.exec())?.map(([, gen]) => String(gen)));
        if (found.size !== 1) expect.fail(`a mixture: ${[...found].join(", ")}`);
        for (const gen of found) seen.add(gen);
        reads++;
      }
      redis.disconnect();
      return [...seen];
    };
    const reading = Promise.all([reader(), reader()]);
    const swapping = async () => {
      for (let to = 2; to <= 8; to++) {
        await fill(placeOf(HASH, `${to}`), to, ids);
        const before = reads;
        while (reads < before + 5) await pause(1);
        await swap(HASH, to);
      }
      const before = reads;
      while (reads < before + 5) await pause(1);
    };
    await Promise.race([swapping(), reading]).finally(() => {
      done = true;
    });
    const expected = ["1", "2", "3", "4", "5", "6", "7", "8"];
    expect(await reading).toEqual([expected, expected]);
  });

  it("is all or nothing wherever a crash breaks it off, and is finished by a repeat", {
    timeout: 60_000,
  }, async () => {
    const outcomes = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(fc.nat(60), async (ms) => {
        await admin.flushdb();
        await fill(placeOf(HASH), 1, some(2_000));
        await fill(placeOf(HASH, "2"), 2, some(2_000));
        const swapping = swap(HASH, 2).then(
          () => true,
          (error) => {
            expect(error).not.toBeInstanceOf(HaltError);
            return false;
          },
        );
        await pause(ms);
        for (const client of String(await admin.client("LIST")).split("\n")) {
          const [, id] = /^id=(\d+) .* name=weir /.exec(client) ?? [];
          if (id !== undefined) await admin.client("KILL", "ID", id);
        }
        await swapping;
        const found = await generationsAt("spend:*");
        expect(new Set(found).size).toBe(1);
        expect(found).toHaveLength(2_000);
        outcomes.add(found[0] === 2);
        await swap(HASH, 2);
        expect(await generationsAt("spend:*")).toEqual(Array(2_000).fill(2));
        expect(await admin.dbsize()).toBe(4_002);
      }),
      { numRuns: 20, examples: [[0], [1_000]] },
    );
    expect(outcomes.size).toBe(2);
  });
});

it("an instance from before a swap never stores again, whichever of the two it filled", async () => {
  const [old, now] = [await open(placeOf(HASH)), await open(placeOf(HASH, "2"))];
  await old.store(rows(1, some(5)), 1);
  await now.store(rows(2, some(7)), 2);
  await swap(HASH, 2);
  const refused = async () => {
    const found = await everything();
    await expect(old.store(rows(9, ["z"]), 9)).rejects.toThrow(FencedError);
    await expect(old.clear(9)).rejects.toThrow(FencedError);
    await expect(now.store(rows(9, ["z"]), 9)).rejects.toThrow();
    await expect(now.clear(9)).rejects.toThrow();
    expect(await everything()).toEqual(found);
  };
  await refused();
  // The next swap keeps what the second filled, under the name that it had then.
  await fill(placeOf(HASH, "3"), 3, some(4));
  await swap(HASH, 3);
  await refused();
  await expect(now.store(rows(9, ["z"]), 9)).rejects.toThrow(FencedError);
  await old.close();
  await now.close();
});

describe("the place of a swap", () => {
  it("may be new, but not where there are keys that look like rows", async () => {
    await fill(placeOf(HASH, "2"), 2, some(3));
    await admin.set("spend:x", "mine");
    await halts('The key "spend:x" looks like a row', () => swap(HASH, 2, { kept: undefined }));
    await admin.del("spend:x");
    await swap(HASH, 2, { kept: undefined });
    expect(await keys()).toEqual(["spend:k0", "spend:k1", "spend:k2", "weir:checkpoint:redis:spend:{id}"]);
    await fill(placeOf(HASH, "3"), 3, some(1));
    await swap(HASH, 3);
    expect(await generationsAt("spend:*")).toEqual([3]);
  });

  it("halts where something else is where a row goes, and where there is nothing to swap", async () => {
    await expect(swap(HASH, 2)).rejects.toThrow("so there is nothing to swap");
    await fill(placeOf(HASH), 1, some(3));
    await fill(placeOf(HASH, "2"), 2, some(5));
    await admin.rpush("spend:k4", "mine");
    await halts('The key "spend:k4" is a list that "redis:spend:{id}" did not write', () => swap(HASH, 2));
    await admin.del("spend:k4");
    await halts("has rows in this database from an earlier time", () => swap(HASH, 2, { kept: undefined }));
    const stray = `${placeOf(HASH, "1").config.aside}spend:k9`;
    await admin.set(stray, "mine");
    await halts(`The key "${stray}" looks like a row`, () => swap(HASH, 2));
    await admin.del(stray);
    await fill(placeOf(HASH, "1"), 1, some(1));
    await halts("drop these (weir drop redis:spend:{id}~1)", () => swap(HASH, 2));
    await drop(HASH, "1");
    await swap(HASH, 2);
    expect(await generationsAt("spend:*")).toEqual(Array(5).fill(2));
  });

  it("halts before anything is moved where the user may not", async () => {
    await fill(placeOf(HASH), 1, some(3));
    await fill(placeOf(HASH, "2"), 2, some(5));
    const needed =
      "info scan exists eval select hget hset type unlink rename renamenx rpush llen lindex lrange"
        .split(" ")
        .map((command) => `+${command}`);
    const swapAs =
      (...rights: string[]) =>
      async () => {
        await admin.acl("SETUSER", "some", "reset", "on", ">word", ...needed, ...rights);
        const at = new URL(url);
        [at.username, at.password] = ["some", "word"];
        await swap({ ...HASH, url: at.href }, 2);
      };
    const refused = "Redis refused a command of the task";
    await halts(refused, swapAs("~*", "-rename"));
    await halts(refused, swapAs("~*", "-renamenx"));
    await halts(refused, swapAs("~*", "-unlink"));
    await halts(refused, swapAs("~weir:checkpoint:*", "~spend:*", "~weir:aside:2:*"));
    await halts(refused, swapAs("~weir:checkpoint:*", "~weir:aside:*"));
    await swapAs("~weir:checkpoint:*", "~weir:aside:*", "~spend:*")();
    expect(await generationsAt("spend:*")).toEqual(Array(5).fill(2));
    await admin.acl("DELUSER", "some");
  });

  it("is swapped though memory is full, and though rows are gone since they were listed", async () => {
    const [prefix, kept] = ["weir:aside:2:x:", "weir:aside:1:x:"];
    for (const key of ["S", "B"]) await admin.hset(key, "fence", "7:t");
    for (const key of ["a", "came"]) await admin.hset(key, "gen", 1);
    for (const key of ["a", "b", "came"]) await admin.hset(prefix + key, "gen", 2);
    await admin.rpush("listed", "a", "gone");
    await admin.rpush("listed-beside", ...["a", "gone", "b", "came", "b"].map((key) => prefix + key));
    const run = (fence: string) =>
      admin.eval(SWAP, 5, "S", "B", "K", "listed", "listed-beside", fence, prefix, kept);
    expect(await run("6:t")).toEqual(["fence"]);
    await admin.config("SET", "maxmemory", "1mb");
    try {
      await expect(admin.set("any", "x")).rejects.toThrow("OOM");
      expect(await run("7:t")).toEqual(["ok"]);
    } finally {
      await admin.config("SET", "maxmemory", "0");
    }
    expect(await keys()).toEqual(["K", "S", "a", "b", "came", `${kept}a`, `${kept}came`].sort());
    expect(await generationsAt("a")).toEqual([2]);
    expect(await generationsAt("came")).toEqual([2]);
  });
});

describe("drop", () => {
  it("halts for keys without a checkpoint, and is finished by a repeat", async () => {
    await fill(placeOf(HASH, "1"), 1, some(2_500));
    const checkpoint = "weir:checkpoint:redis:spend:{id}~1";
    const held = await admin.dump(checkpoint);
    await admin.rename(checkpoint, "held");
    await halts(/looks like a row of this task, which has no checkpoint/, () => drop(HASH, "1"));
    await admin.rename("held", checkpoint);
    expect(held).not.toBeNull();
    const session = await open(placeOf(HASH, "1"));
    // As a drop that a crash broke off leaves it.
    await admin.hset(checkpoint, "clearing", "null");
    await admin.del(`${placeOf(HASH, "1").config.aside}spend:k0`);
    await drop(HASH, "1");
    expect(await keys()).toEqual([]);
    await expect(session.store(rows(1, ["a"]), 1)).rejects.toThrow();
    expect(await keys()).toEqual([]);
    await session.close();
  });
});
