import { expect, test } from "vitest";
import { effectsOf } from "../../plan/evolution/effects.ts";
import type {
  CollectionPlan,
  DerivationPlan,
  Guarantee,
  MaterializationPlan,
  Plan,
} from "../../plan/plan.ts";
import type { JournalState } from "../head/head.ts";
import { requirementOf, type Stopped, withoutDelayed } from "./catching-up.ts";
import { planRebuild } from "./plan-rebuild.ts";
import { runningPlan } from "./running-plan.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "" };
const collection: CollectionPlan = {
  ...{ schema: { type: "object" }, key: ["country", "id"], reduce: {}, partitionBy: ["country"] },
};
const from = (source: string, more: object = {}): DerivationPlan => ({
  ...{ sources: [{ collection: source, transform: { bundle: "1" }, ...more }], params: {} },
});
const table = (of: string, more: Partial<MaterializationPlan> = {}): MaterializationPlan => ({
  ...{ collection: of, connector: "postgres", config: { table: "t" }, guarantee, ...more },
});

const base: Plan = {
  formatVersion: 1,
  collections: { a: collection, b: collection, c: collection },
  captures: {
    a: { connector: "files", config: { path: "a" }, guarantee },
    b: { connector: "files", config: { path: "b" }, guarantee },
  },
  derivations: { c: from("a") },
  materializations: { "postgres:t": table("a") },
};

const journal = (of: string, country: string, next: number): JournalState => ({
  ...{ id: `${of}/${country}`, collection: of, logical: `country=${country}`, partition: 0, home: of, next },
  ...{ archived: 0, stored: 0, headBytes: 0, lastAt: 0 },
});
const journals = [journal("a", "NL", 10), journal("a", "BE", 20), journal("b", "NL", 30)];
const head = { journals: async () => journals };
/** What read `a` was a little behind. */
const had = { "a/NL": [1, 8], "a/BE": [1, 18] } as const;
const stopped: Stopped = { derivations: { c: { "": had } }, targets: { "postgres:t": had } };

async function required(next: Plan, name: string) {
  const { rebuild } = planRebuild({
    ...{ effects: effectsOf(base, next), next, planHash: "", generations: {}, stale: {} },
    canStandBeside: () => true,
  });
  if (!rebuild) throw new Error("Nothing is made again.");
  const { plan } = runningPlan(rebuild, base, (_, config) => config, "without-serving");
  return requirementOf(`${name}~2`, plan, rebuild, stopped, head);
}

test("what reads the same must have read what the one before it had", async () => {
  const next = { ...base, derivations: { c: from("a", { transform: { bundle: "2" } }) } };
  expect(await required(next, "c")).toEqual([had]);
});

test("of what is not read any more nothing is required, of what is read anew all of it", async () => {
  const where = { country: ["NL"] };
  expect(
    await required({ ...base, materializations: { "postgres:t": table("a", { where }) } }, "postgres:t"),
  ).toEqual([{ "a/NL": [1, 8] }]);
  expect(await required({ ...base, derivations: { c: from("a", { where }) } }, "c")).toEqual([
    { "a/NL": [1, 8] },
  ]);
  const all = [{ "b/NL": [0, 30] }];
  expect(await required({ ...base, materializations: { "postgres:t": table("b") } }, "postgres:t")).toEqual(
    all,
  );
  expect(await required({ ...base, derivations: { c: from("b") } }, "c")).toEqual(all);
  // What is read with a delay, or to a time, need not come to the end.
  expect(await required({ ...base, derivations: { c: from("b", { readDelayMs: 1000 }) } }, "c")).toEqual([
    {},
  ]);
});

test("what is new above what is made again is awaited, and what stood is not", () => {
  const next: Plan = {
    ...base,
    collections: { ...base.collections, d: collection, e: collection },
    derivations: { c: from("e"), d: from("a"), e: from("d") },
  };
  const { rebuild } = planRebuild({
    ...{ effects: effectsOf(base, next), next, planHash: "", generations: {}, stale: {} },
    canStandBeside: () => true,
  });
  expect(Object.keys(rebuild?.collections ?? {})).toEqual(["c"]);
  expect(rebuild?.awaited).toEqual(["e", "d"]);
});

test("what is read later than before is not waited for", () => {
  const reading = (delays: Readonly<Record<string, number>>): DerivationPlan => ({
    sources: Object.entries(delays).map(([name, readDelayMs]) => ({
      ...{ collection: "a", transform: { bundle: "1" }, readDelayMs },
      ...(name === "" ? {} : { name }),
    })),
    params: {},
  });
  const positions = { x: had, y: had, z: had };
  const [before, after] = [reading({ x: 0, y: 1000, z: 1000 }), reading({ x: 1000, y: 1000, z: 0 })];
  expect(withoutDelayed(positions, before, after)).toEqual({ y: had, z: had });
  expect(withoutDelayed({ "": had }, reading({ "": 0 }), reading({ "": 5 }))).toEqual({});
  expect(withoutDelayed(positions, undefined, after)).toEqual({ z: had });
});
