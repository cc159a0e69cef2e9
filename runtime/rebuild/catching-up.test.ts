import { describe, expect, it } from "vitest";
import type {
  CollectionPlan,
  DerivationPlan,
  Guarantee,
  MaterializationPlan,
  Plan,
} from "../../plan/plan.ts";
import type { Head, JournalState, Position } from "../head/head.ts";
import { requirementOf, type Stopped, withoutDelayed } from "./catching-up.ts";
import type { Rebuild, RebuiltTarget } from "./rebuild.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "" };
const collection: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: {} };
const transform = { bundle: "1" };
const journal = (of: string, logical: string, next: number): JournalState => ({
  ...{ id: `${of}/${logical}`, collection: of, logical, next },
  // What it is not asked for here.
  ...({} as Omit<JournalState, "id" | "collection" | "logical" | "next">),
});
/** `a` in two logical partitions, its new generation in one journal, and another collection. */
const journals = [
  journal("a", "country=NL", 10),
  journal("a", "country=FR", 20),
  journal("a~2", "", 28),
  journal("x", "", 5),
];
const head: Pick<Head, "journals"> = { journals: async () => journals };
const all: Position = { "a/country=NL": [0, 10], "a/country=FR": [0, 20] };

const table: MaterializationPlan = {
  ...{ collection: "a", connector: "postgres", config: { table: "t" }, guarantee },
};
const swapping: RebuiltTarget = {
  ...{ beside: "postgres:t~2", besideLabel: "2", kept: "postgres:t~1", keptLabel: "1" },
  state: "filling",
};
const rebuildOf = (parts: Partial<Rebuild>): Rebuild => ({
  ...{ plan: {} as Plan, planHash: "", collections: {}, targets: {} }, // its plan is not looked at
  ...parts,
});
const stopped: Stopped = { derivations: { b: { "": all } }, targets: { "postgres:t": all } };
const running = (parts: Partial<Plan>): Plan => ({
  ...{
    formatVersion: 1,
    collections: { a: collection },
    captures: {},
    derivations: {},
    materializations: {},
  },
  ...parts,
});

describe("what a target must have read", () => {
  const required = (target: MaterializationPlan, rebuild: Partial<Rebuild> = {}) =>
    requirementOf(
      "postgres:t~2",
      running({ materializations: { "postgres:t~2": target } }),
      rebuildOf({ targets: { "postgres:t": swapping }, ...rebuild }),
      stopped,
      head,
    );

  it("is what the one before it had", async () => {
    expect(await required(table)).toEqual([all]);
  });

  it("and nothing of what it does not read: another part of the collection, or another collection", async () => {
    expect(await required({ ...table, where: { country: ["NL"] } })).toEqual([{ "a/country=NL": [0, 10] }]);
    expect(await required({ ...table, collection: "x" })).toEqual([{}]);
  });

  it("is all of its collection where that is made again", async () => {
    const collections = { a: { beside: "a~2", kept: "a~1", from: "documents" as const } };
    expect(await required({ ...table, collection: "a~2" }, { collections })).toEqual([{ "a~2/": [0, 28] }]);
  });
});

describe("what a collection's task must have read", () => {
  const required = (derivation: DerivationPlan, from: "definition" | "documents" = "definition") =>
    requirementOf(
      "b~2",
      running({ derivations: { "b~2": derivation } }),
      rebuildOf({
        collections: {
          a: { beside: "a~2", kept: "a~1", from: "documents" },
          b: { beside: "b~2", kept: "b~1", from },
        },
      }),
      stopped,
      head,
    );

  it("is what the one before it had, of what both read", async () => {
    expect(await required({ sources: [{ collection: "a", transform }], params: {} })).toEqual([all]);
    const where = { country: ["FR"] };
    expect(await required({ sources: [{ collection: "a", where, transform }], params: {} })).toEqual([
      { "a/country=FR": [0, 20] },
    ]);
  });

  it("is all of what is made again, but for what it delays", async () => {
    const source = { collection: "a~2", transform };
    const delayed = { ...source, name: "late", readDelayMs: 60_000 };
    expect(await required({ sources: [source, delayed], params: {} })).toEqual([{ "a~2/": [0, 28] }, {}]);
  });

  it("is every document where it is made of documents", async () => {
    expect(await required({ sources: [{ collection: "a", transform }], params: {} }, "documents")).toEqual([
      all,
    ]);
  });
});

it("what is read later than before is not waited for", () => {
  const reading = (delays: Readonly<Record<string, number>>): DerivationPlan => ({
    sources: Object.entries(delays).map(([name, readDelayMs]) => ({
      ...{ collection: "a", transform, readDelayMs },
      ...(name === "" ? {} : { name }),
    })),
    params: {},
  });
  const positions = { x: all, y: all, z: all };
  const [before, after] = [reading({ x: 0, y: 1000, z: 1000 }), reading({ x: 1000, y: 1000, z: 0 })];
  expect(withoutDelayed(positions, before, after)).toEqual({ y: all, z: all });
  expect(withoutDelayed({ "": all }, reading({ "": 0 }), reading({ "": 5 }))).toEqual({});
  expect(withoutDelayed(positions, undefined, after)).toEqual({ z: all });
});
