import { describe, expect, it } from "vitest";
import { effectsOf } from "../../plan/evolution/effects.ts";
import type {
  CapturePlan,
  CollectionPlan,
  DerivationPlan,
  Guarantee,
  MaterializationPlan,
  Plan,
} from "../../plan/plan.ts";
import { planRebuild, type RebuildParts } from "./plan-rebuild.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "" };
const schema = {
  ...{ type: "object", required: ["id", "n"], additionalProperties: false },
  properties: { id: { type: "string" }, n: { type: "integer" } },
};
const collection: CollectionPlan = { schema, key: ["id"], reduce: {} };
const files = (path: string): CapturePlan => ({ connector: "files", config: { path }, guarantee });
const from = (source: string, bundle = "1"): DerivationPlan => ({
  ...{ sources: [{ collection: source, transform: { bundle } }], params: {} },
});
const table = (of: string, more: Partial<MaterializationPlan> = {}): MaterializationPlan => ({
  ...{ collection: of, connector: "postgres", config: { table: of }, guarantee, ...more },
});

/** `a` is captured, `b` derives from it, `c` from `b`; each is in a table. `x` and its table have nothing to do with them. */
const base: Plan = {
  formatVersion: 1,
  collections: { a: collection, b: collection, c: collection, x: collection },
  captures: { a: files("a"), x: files("x") },
  derivations: { b: from("a"), c: from("b") },
  materializations: {
    "postgres:a": table("a"),
    "postgres:b": table("b"),
    "postgres:c": table("c"),
    "postgres:x": table("x"),
  },
};
const with_ = (change: Partial<Plan>, before: Plan = base): Plan => ({ ...before, ...change });

const planned = (next: Plan, before = base, parts: Partial<RebuildParts> = {}) =>
  planRebuild({
    ...{ effects: effectsOf(before, next), next, planHash: "hash", generations: {}, stale: {} },
    canStandBeside: () => true,
    ...parts,
  });
const names = (next: Plan, before = base, parts: Partial<RebuildParts> = {}) => {
  const { rebuild } = planned(next, before, parts);
  return rebuild && [...Object.keys(rebuild.collections), ...Object.keys(rebuild.targets)];
};

describe("what is made again", () => {
  it("is nothing where nothing has changed its meaning", () => {
    expect(planned(base)).toEqual({ rebuild: undefined, generations: {} });
    const paced = { ...from("a"), shards: 2 };
    expect(names(with_({ derivations: { ...base.derivations, b: paced } }))).toBeUndefined();
  });

  it("is what has, and all that reads it, and no more; in the order of the data's way", () => {
    const next = with_({ derivations: { ...base.derivations, b: from("a", "2") } });
    expect(names(next)).toEqual(["b", "c", "postgres:b", "postgres:c"]);
  });

  it("is a target alone where that alone has changed", () => {
    const where = { id: ["1"] };
    const next = with_({
      materializations: { ...base.materializations, "postgres:b": table("b", { where }) },
    });
    expect(names(next)).toEqual(["postgres:b"]);
  });

  it("is also what is new and reads it: a rebuild that is given up leaves nothing that has read it", () => {
    const next = with_({
      collections: { ...base.collections, d: collection, y: collection },
      derivations: { ...base.derivations, b: from("a", "2"), d: from("c"), y: from("x") },
      materializations: { ...base.materializations, "postgres:d": table("d"), "postgres:y": table("y") },
    });
    expect(names(next)).toEqual(["b", "c", "d", "postgres:b", "postgres:c", "postgres:d"]);
  });

  it("is not what is no longer declared", () => {
    const { c: _c, ...derivations } = with_({}).derivations;
    const { c: _collection, ...collections } = base.collections;
    const { "postgres:b": _b, "postgres:c": _target, ...materializations } = base.materializations;
    const next = with_({
      ...{ collections, materializations },
      derivations: { ...derivations, b: from("a", "2") },
    });
    expect(names(next)).toEqual(["b"]);
  });

  it("is no target that its flow has emptied where it stands, unless its collection is made again", () => {
    const counted = { ...base.materializations, "postgres:b": table("b", { backfill: 1 }) };
    expect(names(with_({ materializations: counted }))).toBeUndefined();
    const next = with_({
      materializations: counted,
      derivations: { ...base.derivations, b: from("a", "2") },
    });
    expect(names(next)).toContain("postgres:b");
  });

  it("is a target of a connector that has no place beside, which is asked about all of them", () => {
    const asked: string[] = [];
    const canStandBeside = (name: string) => {
      asked.push(name);
      return name !== "postgres:c";
    };
    const next = with_({ derivations: { ...base.derivations, b: from("a", "2") } });
    expect(names(next, base, { canStandBeside })).toEqual(["b", "c", "postgres:b"]);
    expect(asked).toEqual(["postgres:b", "postgres:c"]);
  });

  it("is a target whose rows are of a collection that was made again meanwhile", () => {
    const stale = { "postgres:b": { target: table("b"), collection } };
    const { "postgres:b": _b, ...without } = base.materializations;
    const { rebuild } = planned(base, with_({ materializations: without }), { stale });
    expect(Object.keys(rebuild?.collections ?? {})).toEqual([]);
    expect(rebuild?.targets).toMatchObject({ "postgres:b": { stale: stale["postgres:b"] } });
    // Of one that is still not declared, nothing is.
    expect(names(with_({ materializations: without }), undefined, { stale })).toBeUndefined();
  });
});

describe("what it is made of", () => {
  const sourceOf = (next: Plan, name: string, before = base) =>
    planned(next, before).rebuild?.collections[name]?.from;

  it("a derived collection of its sources", () => {
    const next = with_({ derivations: { ...base.derivations, b: from("a", "2") } });
    expect(sourceOf(next, "b")).toBe("definition");
  });

  it("a captured one of its own documents, whatever of its key, schema or partitions has changed", () => {
    for (const change of [
      { key: ["n"], partitions: 2 },
      { partitions: 2 },
      { schema: { ...schema, properties: { ...schema.properties, n: { type: "string" } } } },
    ]) {
      const next = with_({ collections: { ...base.collections, a: { ...collection, ...change } } });
      expect(sourceOf(next, "a")).toBe("documents");
    }
  });

  it("a captured one of its source where that is another, also with another key", () => {
    const captures = { ...base.captures, a: files("elsewhere") };
    expect(sourceOf(with_({ captures }), "a")).toBe("definition");
    const collections = { ...base.collections, a: { ...collection, partitions: 2 } };
    expect(sourceOf(with_({ captures, collections }), "a")).toBe("definition");
  });

  it("one that was captured and is derived, or the reverse, of what it is now", () => {
    const { a: _a, ...captures } = base.captures;
    const derivedNow = with_({ captures, derivations: { ...base.derivations, a: from("x") } });
    expect(sourceOf(derivedNow, "a")).toBe("definition");
    expect(sourceOf(base, "a", derivedNow)).toBe("definition");
  });
});

describe("generations", () => {
  const next = with_({ derivations: { ...base.derivations, b: from("a", "2") } });

  it("the first that is made is the second that there is", () => {
    const { rebuild, generations } = planned(next);
    expect(rebuild?.collections.b).toEqual({ beside: "b~2", kept: "b~1", from: "definition" });
    expect(rebuild?.targets["postgres:b"]).toEqual({
      ...{ beside: "postgres:b~2", besideLabel: "2", kept: "postgres:b~1", keptLabel: "1" },
      state: "filling",
    });
    const taken = { serving: 1, newest: 2 };
    expect(generations).toEqual({ b: taken, c: taken, "postgres:b": taken, "postgres:c": taken });
  });

  it("a name is never taken twice, also where what had it was given up", () => {
    const { rebuild, generations } = planned(next, base, {
      generations: { b: { serving: 3, newest: 5 }, x: { serving: 2, newest: 2 } },
    });
    expect(rebuild?.collections.b).toMatchObject({ beside: "b~6", kept: "b~3" });
    expect(generations).toMatchObject({ b: { serving: 3, newest: 6 }, x: { serving: 2, newest: 2 } });
  });
});
