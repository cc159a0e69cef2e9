/** Derivations of several sources with state, and of reduced documents, through a kill: they agree with plain loops. */
import { expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../servers/weir-process.ts";
import { post, project } from "./project.ts";

const FLOW = `
import { capture, derive, env, remove } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.int(), country: z.string(), customer: z.string(), cents: z.int() }),
  key: ["country", "id"],
  partitionBy: ["country"],
  partitions: 2,
});
const signups = capture("shop/signups", http({ path: "/signups" }), {
  schema: z.object({ no: z.int(), customer: z.string(), name: z.string() }),
  key: ["no"],
});
const customers = signups.derive("shop/customers", {
  schema: z.object({ customer: z.string(), name: z.string() }),
  key: ["customer"],
  transform: ({ customer, name }) => (name === "" ? remove({ customer }) : { customer, name }),
});

derive("shop/enriched", {
  from: { orders: orders.by("customer"), customers: customers.by("customer") },
  schema: z.object({ id: z.int(), customer: z.string(), name: z.string(), nth: z.int() }),
  key: ["id"],
  state: { schema: z.object({ name: z.string().optional(), n: z.int() }), initial: { n: 0 } },
  on: {
    orders({ id, customer }, { state }) {
      state.n += 1;
      return { id, customer, name: state.name ?? "?", nth: state.n };
    },
    customers({ name }, { state }) {
      state.name = name;
    },
  },
  removed: {
    customers(_, { state }) {
      state.name = undefined;
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "enriched" }));

const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents }),
});
const size = (cents: number) => (cents < 0 ? "debt" : cents >= 2_000 ? "large" : "small");

derive("shop/sizes", {
  from: { spend: spend.reduced().by(({ cents }) => size(cents)) },
  schema: z.object({ size: z.string(), customers: z.int(), cents: z.int() }),
  key: ["size"],
  state: { schema: z.object({ customers: z.int(), cents: z.int() }), initial: { customers: 0, cents: 0 } },
  on: {
    *spend({ before, after }, { state }) {
      if (before) {
        state.customers -= 1;
        state.cents -= before.cents;
      }
      if (after) {
        state.customers += 1;
        state.cents += after.cents;
      }
      for (const one of [after ?? before]) if (one) yield { size: size(one.cents), ...state };
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "sizes" }));
`;

interface Order {
  readonly id: number;
  readonly country: string;
  readonly customer: string;
  readonly cents: number;
}
interface Signup {
  readonly no: number;
  readonly customer: string;
  /** Empty for one who leaves. */
  readonly name: string;
}

const PHASES = 4;
const ORDERS = 600;
const customer = (i: number) => `c-${(i * 7919) % 37}`;
const signups: readonly (readonly Signup[])[] = Array.from({ length: PHASES }, (_, phase) =>
  Array.from({ length: 20 }, (_, i) => ({
    no: phase * 20 + i,
    customer: customer(phase * 11 + i),
    name: (phase + i) % 4 === 3 ? "" : `n-${phase}-${i}`,
  })),
);
const orders: readonly (readonly Order[])[] = Array.from({ length: PHASES }, (_, phase) =>
  Array.from({ length: ORDERS }, (_, i) => {
    const id = phase * ORDERS + i;
    const country = ["NL", "BE", "B/E"][id % 3] ?? "";
    return { id, country, customer: customer(id * 31), cents: ((id * 104_729) % 400) - 170 };
  }),
);

function expected() {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  const spend = new Map<string, number>();
  const enriched: object[] = [];
  for (let phase = 0; phase < PHASES; phase++) {
    for (const { customer: who, name } of signups[phase] ?? []) {
      if (name === "") names.delete(who);
      else names.set(who, name);
    }
    for (const { id, customer: who, cents } of orders[phase] ?? []) {
      counts.set(who, (counts.get(who) ?? 0) + 1);
      spend.set(who, (spend.get(who) ?? 0) + cents);
      enriched.push({ id, customer: who, name: names.get(who) ?? "?" });
    }
  }
  const sizes = new Map<string, { customers: number; cents: number }>();
  for (const cents of spend.values()) {
    const name = cents < 0 ? "debt" : cents >= 2_000 ? "large" : "small";
    const row = sizes.get(name) ?? { customers: 0, cents: 0 };
    sizes.set(name, { customers: row.customers + 1, cents: row.cents + cents });
  }
  return { enriched, counts, sizes };
}

it("state, removals and reduced documents are exact, through a kill", async () => {
  const database = await testDatabase();
  const { weir, origin } = await project(
    { "flows/shop.flow.ts": FLOW },
    { DATABASE_URL: database },
    "fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },",
  );
  weir.start();
  const running = () => weir.until((status) => taskOf(status, "shop/orders")?.state === "running", 60_000);
  const send = async (path: string, documents: readonly object[]) => {
    for (let at = 0; at < documents.length; at += 50) {
      expect((await post(`${origin}${path}`, documents.slice(at, at + 50))).status).toBe(200);
    }
  };
  await running();
  for (let phase = 0; phase < PHASES; phase++) {
    await send("/signups", signups[phase] ?? []);
    // What is derived of them is committed before the orders are.
    await weir.until(
      (status) =>
        status.collections.some(
          ({ name, documents }) => name === "shop/customers" && documents === (phase + 1) * 20,
        ) && allCaughtUp(status),
      60_000,
    );
    await send("/orders", orders[phase] ?? []);
    if (phase !== 1) continue;
    // The derivations are in the middle of it.
    await weir.kill();
    weir.start();
    await running();
  }
  await weir.until(
    (status) =>
      status.collections.some(
        ({ name, documents }) => name === "shop/enriched" && documents === PHASES * ORDERS,
      ) && allCaughtUp(status),
    60_000,
  );

  const { enriched, counts, sizes } = expected();
  const table = await withClient(database, (client) => client.query("SELECT * FROM enriched ORDER BY id"));
  expect(table.rows.map(({ id, customer, name }) => ({ id: Number(id), customer, name }))).toEqual(enriched);
  // Orders of one request are of one commit, and in the order of their journals: each has a number of its own.
  for (const [who, count] of counts) {
    const numbers = table.rows.filter((row) => row.customer === who).map((row) => Number(row.nth));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  }
  // A size that nobody has any more stays as a row of zero.
  const rows = await withClient(database, (client) =>
    client.query("SELECT * FROM sizes WHERE customers <> 0"),
  );
  expect(
    new Map(
      rows.rows.map((row) => [row.size, { customers: Number(row.customers), cents: Number(row.cents) }]),
    ),
  ).toEqual(sizes);
  expect(sizes.size).toBeGreaterThan(1);
  expect(await weir.stop()).toBe(0);
}, 180_000);
