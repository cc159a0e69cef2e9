/**
 * The workload that most scenarios run: transfers between accounts, and who owns an account. Nothing in it hides a document
 * that is missing, doubled or out of place: sums, lists that are appended to, numbered events, a log.
 */

/** What is captured, and one derivation, run until there is history. Another `pass` gives its transform another meaning, and the same result. */
const captures = (pass: number) => `
import { capture, remove } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { z } from "zod";

export const transfers = capture("bank/transfers", http({ path: "/transfers" }), {
  schema: z.object({ region: z.string(), id: z.int(), account: z.string(), cents: z.int(), closes: z.boolean() }),
  key: ["region", "id"],
  partitionBy: ["region"],
  partitions: 2,
});

export const owners = capture("bank/owners", files({ path: "owners/*.ndjson", watch: true }), {
  schema: z.object({ no: z.int(), account: z.string(), owner: z.string() }),
  key: ["no"],
});

export const balances = transfers.derive("bank/balances", {
  schema: z.object({ account: z.string(), cents: z.int(), transfers: z.int(), ids: z.array(z.int()) }),
  key: ["account"],
  partitions: 2,
  reduce: { cents: "sum", transfers: "sum", ids: "append" },
  params: { pass: ${pass} },
  transform: ({ account, id, cents, closes }) =>
    closes ? remove({ account }) : { account, cents, transfers: 1, ids: [id] },
});
`;

/** Added to what has a history: two derivations, one with state, and six targets. */
const targets = (backfill: number, pass = 0) => `
import { derive, env } from "weir";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";
import { balances, owners, transfers } from "./captures.flow.ts";

const database = env("DATABASE_URL");
const cache = env("REDIS_URL");
const options = { backfill: ${backfill} };

transfers.materializeTo(pg({ url: database, table: "transfers_log", mode: "delta" }), options);
balances
  .materializeTo(pg({ url: database, table: "balances" }), options)
  .materializeTo(redis({ url: cache, key: "balance:{account}" }), options);

derive("bank/enriched", {
  from: { transfers: transfers.by("account"), owners: owners.by("account") },
  schema: z.object({ region: z.string(), id: z.int(), account: z.string(), owner: z.string(), nth: z.int(), total: z.int() }),
  key: ["region", "id"],
  params: { pass: ${pass} },
  state: { schema: z.object({ owner: z.string(), nth: z.int(), total: z.int() }), initial: { owner: "", nth: 0, total: 0 } },
  on: {
    transfers({ region, id, account, cents }, { state }) {
      state.nth += 1;
      state.total += cents;
      return { region, id, account, owner: state.owner, nth: state.nth, total: state.total };
    },
    owners({ owner }, { state }) {
      state.owner = owner;
    },
  },
}).materializeTo(pg({ url: database, table: "enriched" }), options);

const Size = z.object({ size: z.string(), accounts: z.int(), cents: z.int() });
const sizeOf = (cents: number) => (cents < 0 ? "debt" : cents < 5_000 ? "small" : "large");
balances
  .reduced()
  .derive("bank/sizes", {
    schema: Size,
    key: ["size"],
    reduce: { accounts: "sum", cents: "sum" },
    *transform({ before, after }) {
      if (before) yield { size: sizeOf(before.cents), accounts: -1, cents: -before.cents };
      if (after) yield { size: sizeOf(after.cents), accounts: 1, cents: after.cents };
    },
  })
  .materializeTo(pg({ url: database, table: "sizes" }), options)
  .materializeTo(redis({ url: cache, key: "size:{size}" }), options);
`;

/** The plans that a round runs one after the other: in `rebuild` all that is derived is made again beside what stands. */
export const PLANS = {
  history: { "captures.flow.ts": captures(0) },
  live: { "captures.flow.ts": captures(0), "targets.flow.ts": targets(0) },
  refill: { "captures.flow.ts": captures(0), "targets.flow.ts": targets(1) },
  rebuild: { "captures.flow.ts": captures(1), "targets.flow.ts": targets(0, 1) },
} as const;
export type PlanName = keyof typeof PLANS;

export interface Transfer {
  readonly region: string;
  readonly id: number;
  readonly account: string;
  readonly cents: number;
  /** The account's balance goes, and begins anew with its next transfer. */
  readonly closes: boolean;
}

export interface Owner {
  readonly no: number;
  readonly account: string;
  readonly owner: string;
}

const ACCOUNTS = 17;

/** A fixed pattern: the same number, the same transfer. */
export function transfer(id: number): Transfer {
  return {
    region: id % 3 === 0 ? "north" : "south",
    id,
    account: accountOf(id * 7919),
    cents: ((id * 104_729) % 2_000) - 700,
    closes: id % 41 === 40,
  };
}

export function owner(no: number): Owner {
  return { no, account: accountOf(no * 31), owner: `owner-${no}` };
}

function accountOf(i: number): string {
  return `a-${i % ACCOUNTS}`;
}
