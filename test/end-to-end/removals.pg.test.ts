/** Transforms that remove documents: every target, and every later reader, agrees with a plain loop. */
import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase, testRedis } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../servers/weir-process.ts";
import { post, project } from "./project.ts";

const FLOW = `
import { capture, env, remove } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";

const events = capture("events", http({ path: "/events" }), {
  schema: z.object({
    id: z.int(),
    user: z.string(),
    kind: z.enum(["visit", "leave", "restart"]),
    tag: z.string(),
    amount: z.string(),
  }),
  key: ["id"],
});

// Combined before it is stored, with removals among what is combined.
events
  .derive("totals", {
    schema: z.object({
      user: z.string(),
      visits: z.int(),
      amount: z.string(),
      tags: z.object({ add: z.array(z.string()).optional(), remove: z.array(z.string()).optional() }),
    }),
    key: ["user"],
    reduce: { visits: "sum", amount: { sum: "decimal" }, tags: "set" },
    *transform(event) {
      if (event.kind !== "visit") yield remove({ user: event.user });
      if (event.kind === "leave") return;
      const tags = event.id % 3 === 0 ? { remove: [event.tag] } : { add: [event.tag] };
      yield { user: event.user, visits: 1, amount: event.amount, tags };
    },
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "totals" }))
  .materializeTo(redis({ url: env("REDIS_URL"), key: "totals:{user}", as: "json" }));

// Every output an event of its own; a nested key.
const current = events.derive("current", {
  schema: z.object({ who: z.object({ user: z.string() }), id: z.int() }),
  key: ["who.user"],
  transform: ({ user, kind, id }) => (kind === "leave" ? remove({ who: { user } }) : { who: { user }, id }),
});
current.materializeTo(redis({ url: env("REDIS_URL"), key: "current:{who.user}" }));

// Reads a collection with removals, and never sees one.
current
  .derive("seen", {
    schema: z.object({ user: z.string(), times: z.int() }),
    key: ["user"],
    reduce: { times: "sum" },
    transform: (document) => ({ user: document.who.user, times: 1 }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "seen" }));
`;

interface Event {
  readonly id: number;
  readonly user: string;
  readonly kind: "visit" | "leave" | "restart";
  readonly tag: string;
  readonly amount: string;
}

/** In a fixed pattern, with a removal of every kind for most users and some that end removed. */
const EVENTS: readonly Event[] = Array.from({ length: 3_000 }, (_, id) => ({
  id,
  user: `u-${(id * 7919) % 31}`,
  kind: id % 41 === 0 ? "leave" : id % 53 === 0 ? "restart" : "visit",
  tag: `t${(id * 31) % 5}`,
  amount: `${id % 2 === 0 ? "" : "-"}${id % 100}.${String(id % 37).padStart(2, "0")}`,
}));

interface Total {
  visits: number;
  cents: number;
  tags: Set<string>;
}

function expected(events: readonly Event[]) {
  const totals = new Map<string, Total>();
  const current = new Map<string, number>();
  const seen = new Map<string, number>();
  for (const { id, user, kind, tag, amount } of events) {
    if (kind === "leave") current.delete(user);
    else {
      current.set(user, id);
      seen.set(user, (seen.get(user) ?? 0) + 1);
    }
    if (kind !== "visit") totals.delete(user);
    if (kind === "leave") continue;
    const total = totals.get(user) ?? { visits: 0, cents: 0, tags: new Set() };
    totals.set(user, total);
    total.visits += 1;
    total.cents += Math.round(Number(amount) * 100);
    if (id % 3 === 0) total.tags.delete(tag);
    else total.tags.add(tag);
  }
  const rows = [...totals].map(([user, { visits, cents, tags }]) => ({
    user,
    visits,
    amount: (cents / 100 + 0).toFixed(2),
    tags: { add: [...tags].sort() },
  }));
  return { totals: rows.sort(byUser), current, seen };
}

const byUser = (a: { readonly user: string }, b: { readonly user: string }) => (a.user < b.user ? -1 : 1);

it("removals reach every target, through a kill", async () => {
  const database = await testDatabase();
  const redisUrl = await testRedis();
  const { weir, origin } = await project(
    { "flows/visits.flow.ts": FLOW },
    { DATABASE_URL: database, REDIS_URL: redisUrl },
    "fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },",
  );
  weir.start();
  const half = EVENTS.length / 2;
  const send = async (from: number, to: number) => {
    for (let at = from; at < to; at += 250) {
      expect((await post(`${origin}/events`, EVENTS.slice(at, Math.min(to, at + 250)))).status).toBe(200);
    }
  };
  const running = () => weir.until((status) => taskOf(status, "events")?.state === "running", 60_000);
  await running();
  await send(0, half);
  // The tasks are in the middle of it.
  await weir.kill();
  weir.start();
  await running();
  await send(half, EVENTS.length);
  await weir.until(
    (status) =>
      status.collections.some(({ name, documents }) => name === "events" && documents === EVENTS.length) &&
      allCaughtUp(status),
    60_000,
  );

  const { totals, current, seen } = expected(EVENTS);
  const users = new Set(EVENTS.map(({ user }) => user));
  expect(totals.length).toBeLessThan(users.size);
  const table = await withClient(database, (client) =>
    client.query('SELECT * FROM totals ORDER BY "user" COLLATE "C"'),
  );
  expect(table.rows.map((row) => ({ ...row, visits: Number(row.visits) }))).toEqual(totals);
  const times = await withClient(database, (client) => client.query('SELECT "user", times FROM seen'));
  expect(new Map(times.rows.map((row) => [row.user, Number(row.times)]))).toEqual(seen);
  const redis = new Redis(redisUrl);
  try {
    for (const user of users) {
      const json = await redis.get(`totals:${user}`);
      expect(json === null ? undefined : JSON.parse(json)).toEqual(totals.find((row) => row.user === user));
      const { id } = await redis.hgetall(`current:${user}`);
      expect(id === undefined ? undefined : Number(id)).toBe(current.get(user));
    }
  } finally {
    redis.disconnect();
  }

  const lines = async (...args: string[]) =>
    (await weir.command("read", ...args)).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  expect((await lines("totals", "--reduced")).sort(byUser)).toEqual(totals);
  const left = EVENTS.filter(({ kind }) => kind === "leave").map(({ user }) => ({
    who: { user },
    _meta: { removed: true },
  }));
  expect((await lines("current")).filter((line) => line._meta)).toEqual(left);
  expect(await weir.stop()).toBe(0);
}, 120_000);
