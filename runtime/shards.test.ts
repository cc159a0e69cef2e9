import { expect, it } from "vitest";
import type { Json, Plan } from "../plan/plan.ts";
import type { Head } from "./head/head.ts";
import { askForShards, renameShards, shardCount, shardCounts } from "./shards.ts";

const schema = {
  type: "object",
  properties: { id: { type: "integer" }, n: { type: "integer" } },
  required: ["id", "n"],
  additionalProperties: false,
};
const source = { collection: "a", transform: { bundle: "0".repeat(64) } };
const plan: Plan = {
  formatVersion: 1,
  collections: {
    a: { schema, key: ["id"], reduce: {}, partitions: 8 },
    sums: { schema, key: ["id"], reduce: { n: "sum" } },
    newest: { schema, key: ["id"], reduce: {} },
  },
  captures: {},
  derivations: { sums: { sources: [source], params: {} }, newest: { sources: [source], params: {} } },
  materializations: {},
};

/** Notes alone. */
function notes(): Head {
  const kept = new Map<string, Json>();
  const head: Pick<Head, "getNote" | "setNote"> = {
    getNote: async (name) => kept.get(name),
    setNote: async (name, value) => void kept.set(name, value),
  };
  return head as Head; // the module under test uses no more of it
}

it("takes what was asked for by hand, else by the flow, else what suits the cores, within the rule", () => {
  const rule = { kind: "any-order", most: 8 } as const;
  expect(shardCount(rule, {}, undefined, 2)).toBe(2);
  expect(shardCount(rule, {}, undefined, 64)).toBe(4);
  expect(shardCount({ ...rule, most: 3 }, {}, undefined, 64)).toBe(3);
  expect(shardCount(rule, { shards: 6 }, undefined, 2)).toBe(6);
  expect(shardCount(rule, { shards: 1 }, undefined, 2)).toBe(1);
  expect(shardCount(rule, { shards: 1 }, 5, 2)).toBe(5);
  // What was noted once may be more than a later plan allows.
  expect(shardCount({ ...rule, most: 2 }, {}, 5, 2)).toBe(2);
  expect(shardCount({ kind: "in-order", reason: "", remedy: "" }, {}, 5, 2)).toBe(1);
});

it("keeps what was asked for until it is forgotten, under a new name too", async () => {
  const head = notes();
  const counts = async (next = plan) => Object.fromEntries(await shardCounts(head, next, 2));
  expect(await counts()).toEqual({ sums: 2, newest: 1 });
  expect(await askForShards(head, plan, "sums", 7, 2)).toBe(7);
  expect(await counts()).toEqual({ sums: 7, newest: 1 });
  const { sums, ...others } = plan.collections;
  if (!sums) throw new Error("the plan has sums");
  const renamed: Plan = {
    ...plan,
    collections: { ...others, totals: sums },
    derivations: { totals: { sources: [source], params: {} } },
  };
  await renameShards(head, new Map([["sums", "totals"]]));
  expect(await counts(renamed)).toEqual({ totals: 7 });
  expect(await askForShards(head, renamed, "totals", "auto", 2)).toBe(2);
  expect(await counts(renamed)).toEqual({ totals: 2 });
});

it("refuses what cannot be, and notes nothing of it", async () => {
  const head = notes();
  const ask = (task: string, shards: number) => askForShards(head, plan, task, shards, 2);
  await expect(ask("a", 2)).rejects.toThrow(
    '"a" is no derivation, and only these run in shards. There are: newest, sums.',
  );
  await expect(ask("newest", 2)).rejects.toThrow(
    '"newest" runs in one shard, because its field n has no strategy, so that the newest document wins.',
  );
  await expect(ask("sums", 9)).rejects.toThrow("what it reads has 8 partitions. Ask for 8 at most.");
  await expect(ask("sums", 0)).rejects.toThrow("0 is no number of shards");
  expect(Object.fromEntries(await shardCounts(head, plan, 2))).toEqual({ sums: 2, newest: 1 });
});
