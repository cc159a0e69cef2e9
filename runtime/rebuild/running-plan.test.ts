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
import { mergeApplied } from "../changes.ts";
import { planRebuild, type RebuildParts } from "./plan-rebuild.ts";
import type { Rebuild, RebuiltTarget } from "./rebuild.ts";
import { IDENTITY_BUNDLE, type Part, runningPlan } from "./running-plan.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "" };
const schema = {
  ...{ type: "object", required: ["id"], additionalProperties: false },
  properties: { id: { type: "string" }, n: { type: "integer" } },
};
const collection: CollectionPlan = { schema, key: ["id"], reduce: {} };
const capture = (path: string): CapturePlan => ({ connector: "files", config: { path }, guarantee });
const from = (source: string, bundle = "1"): DerivationPlan => ({
  ...{ sources: [{ collection: source, transform: { bundle } }], params: {} },
});
const table = (of: string, more: Partial<MaterializationPlan> = {}): MaterializationPlan => ({
  ...{ collection: of, connector: "postgres", config: { table: of }, guarantee, ...more },
});

/** `a` is captured, `b` derives from it, `c` from `b`; `b` and `c` are in tables. `x` has nothing to do with them. */
const base: Plan = {
  formatVersion: 1,
  collections: { a: collection, b: collection, c: collection, x: collection },
  captures: { a: capture("a"), x: capture("x") },
  derivations: { b: from("a"), c: from("b") },
  materializations: { "postgres:b": table("b"), "postgres:c": table("c"), "postgres:x": table("x") },
};
const changed: Plan = { ...base, derivations: { b: from("a", "2"), c: from("b") } };

const rebuildOf = (next: Plan, before = base, stale: RebuildParts["stale"] = {}): Rebuild => {
  const { rebuild } = planRebuild({
    ...{ effects: effectsOf(before, next), next, planHash: "", generations: {}, stale },
    canStandBeside: () => true,
  });
  if (rebuild === undefined) throw new Error("Nothing is made again.");
  return rebuild;
};
const aside = (_target: string, config: object, label: string) => ({ ...config, label });
const running = (rebuild: Rebuild, part?: Part, before = base) => runningPlan(rebuild, before, aside, part);
/** The tasks, by what they fill. */
const tasks = (rebuild: Rebuild, part?: Part, before = base) => {
  const { plan, paused } = running(rebuild, part, before);
  const { captures, derivations, materializations } = plan;
  const capturing = Object.keys(captures).filter((name) => !paused.has(name));
  return [capturing, Object.keys(derivations), Object.keys(materializations)].map((each) => each.sort());
};
const inState = (rebuild: Rebuild, name: string, state: RebuiltTarget["state"]): Rebuild => {
  const target = rebuild.targets[name];
  if (target === undefined) throw new Error(`The rebuild has no ${name}.`);
  return { ...rebuild, targets: { ...rebuild.targets, [name]: { ...target, state } } };
};

describe("a derivation that has changed", () => {
  const rebuild = rebuildOf(changed);

  it("at first all of it runs: what serves as it was, what is made again beside it, and everything else", () => {
    const { plan, serves } = running(rebuild);
    expect(tasks(rebuild)).toEqual([
      ["a", "x"],
      ["b", "b~2", "c", "c~2"],
      ["postgres:b", "postgres:b~2", "postgres:c", "postgres:c~2", "postgres:x"],
    ]);
    expect(plan.derivations.b).toEqual(base.derivations.b);
    expect(plan.derivations["b~2"]).toEqual(changed.derivations.b);
    // What reads something that is made again reads that; what is there once is read by both.
    expect(plan.derivations["c~2"]).toEqual(from("b~2"));
    expect(plan.derivations.c).toEqual(from("b"));
    expect(plan.materializations["postgres:c"]).toEqual(base.materializations["postgres:c"]);
    expect(plan.materializations["postgres:c~2"]).toEqual({
      ...{ ...table("c"), collection: "c~2", config: { table: "c", label: "2" } },
    });
    expect(Object.keys(plan.collections).sort()).toEqual(["a", "b", "b~2", "c", "c~2", "x"]);
    expect([...serves]).toEqual([
      ["postgres:b~2", "postgres:b"],
      ["postgres:c~2", "postgres:c"],
    ]);
  });

  it("then what serves stands still, and its journals are there to be read", () => {
    expect(tasks(rebuild, "without-serving")).toEqual([
      ["a", "x"],
      ["b~2", "c~2"],
      ["postgres:b~2", "postgres:c~2", "postgres:x"],
    ]);
    expect(Object.keys(running(rebuild, "without-serving").plan.collections)).toContain("b");
  });

  it("and while targets are swapped, all of it; what it does not concern goes on", () => {
    expect(tasks(rebuild, "without-both")).toEqual([["a", "x"], [], ["postgres:x"]]);
    const { plan, serves } = running(rebuild, "without-both");
    expect(Object.keys(plan.collections)).toEqual(expect.arrayContaining(["b", "b~2", "c", "c~2"]));
    expect([...serves]).toEqual([]);
  });

  it("a target that has been swapped is filled under its own name, from what is made again", () => {
    const half = inState(rebuild, "postgres:c", "swapped");
    expect(tasks(half)[2]).toEqual(["postgres:b", "postgres:b~2", "postgres:c", "postgres:x"]);
    expect(running(half).plan.materializations["postgres:c"]).toEqual({ ...table("c"), collection: "c~2" });
    expect([...running(half).serves.keys()]).toEqual(["postgres:b~2"]);
    expect(tasks(half, "without-both")[2]).toEqual(["postgres:x"]);
  });

  it("one of which it is not known whether it was swapped is not opened at all", () => {
    const unknown = inState(rebuild, "postgres:c", "swapping");
    for (const part of ["all", "without-serving"] as const) {
      expect(tasks(unknown, part)[2]).not.toContain("postgres:c");
      expect(tasks(unknown, part)[2]).not.toContain("postgres:c~2");
    }
  });
});

describe("what is not declared any more", () => {
  it("serves as long as something that serves reads it", () => {
    // The table of c holds x from now on, so that b and c fill what serves until that has caught up.
    const next: Plan = {
      ...{ ...base, collections: { a: collection, x: collection } },
      derivations: {},
      materializations: { "postgres:c": table("c", { collection: "x" }) },
    };
    const rebuild = rebuildOf(next);
    expect(Object.keys(rebuild.collections)).toEqual([]);
    expect(tasks(rebuild)).toEqual([
      ["a", "x"],
      ["b", "c"],
      ["postgres:c", "postgres:c~2"],
    ]);
    expect(running(rebuild).plan.materializations["postgres:c"]).toEqual(table("c"));
    expect(tasks(rebuild, "without-serving")).toEqual([["a", "x"], [], ["postgres:c~2"]]);
  });

  it("runs no more where nothing that serves reads it", () => {
    const { c: _c, ...collections } = base.collections;
    const { "postgres:c": _target, ...materializations } = base.materializations;
    const next: Plan = { ...base, collections, materializations, derivations: { b: from("a", "2") } };
    expect(tasks(rebuildOf(next))).toEqual([
      ["a", "x"],
      ["b", "b~2"],
      ["postgres:b", "postgres:b~2", "postgres:x"],
    ]);
  });
});

describe("a captured collection", () => {
  const partitioned = { ...collection, partitions: 2 };
  const next: Plan = { ...base, collections: { ...base.collections, a: partitioned } };
  const rebuild = rebuildOf(next);

  it("is made again of its documents while its capture goes on, and read by what is made again", () => {
    const { plan } = running(rebuild);
    expect(plan.captures.a).toEqual(base.captures.a);
    expect(plan.collections.a).toEqual(collection);
    expect(plan.collections["a~2"]).toEqual(partitioned);
    expect(plan.derivations["a~2"]).toEqual({ ...from("a", IDENTITY_BUNDLE), shards: 1 });
    expect(plan.derivations["b~2"]).toEqual(from("a~2"));
    expect(plan.captures["a~2"]).toBeUndefined();
  });

  it("takes in nothing while the last of its documents are copied", () => {
    expect(tasks(rebuild, "without-serving")).toEqual([
      ["x"],
      ["a~2", "b~2", "c~2"],
      ["postgres:b~2", "postgres:c~2", "postgres:x"],
    ]);
    const { plan, paused } = running(rebuild, "without-serving");
    expect(plan.collections.a).toEqual(collection);
    // Its senders are told to come again.
    expect([...paused]).toEqual(["a"]);
    expect(plan.captures.a).toEqual(base.captures.a);
    expect([...running(rebuild, "without-both").paused]).toEqual(["a"]);
    expect([...running(rebuild).paused]).toEqual([]);
  });

  it("of another source is captured beside from its beginning", () => {
    const { plan } = running(rebuildOf({ ...base, captures: { ...base.captures, a: capture("other") } }));
    expect(plan.captures).toMatchObject({ a: capture("a"), "a~2": capture("other") });
    expect(plan.derivations["a~2"]).toBeUndefined();
  });

  it("of which a field was removed before serves without that field", () => {
    const { n: _n, ...properties } = schema.properties;
    const without = { ...collection, schema: { ...schema, properties } };
    const applied = mergeApplied(base, { ...base, collections: { ...base.collections, a: without } });
    const then = { ...base, collections: { ...base.collections, a: { ...without, partitions: 2 } } };
    for (const part of ["all", "without-serving"] as const)
      expect(running(rebuildOf(then, applied), part, applied).plan.collections.a).toEqual(without);
  });
});

describe("targets", () => {
  it("that are new and read what is made again are filled beside, with nothing that serves", () => {
    const next: Plan = {
      ...{ ...changed, collections: { ...changed.collections, d: collection } },
      derivations: { ...changed.derivations, d: from("b") },
      materializations: { ...changed.materializations, "postgres:d": table("d") },
    };
    const rebuild = rebuildOf(next);
    expect(tasks(rebuild)[1]).toEqual(["b", "b~2", "c", "c~2", "d~2"]);
    expect(tasks(rebuild)[2]).toContain("postgres:d~2");
    expect(tasks(rebuild)[2]).not.toContain("postgres:d");
  });

  it("that are stale are filled beside what stands, which nothing fills", () => {
    const { "postgres:b": _b, ...materializations } = base.materializations;
    const applied: Plan = { ...base, materializations };
    const rebuild = rebuildOf(base, applied, { "postgres:b": { target: table("b"), collection } });
    expect(tasks(rebuild, "all", applied)).toEqual([
      ["a", "x"],
      ["b", "c"],
      ["postgres:b~2", "postgres:c", "postgres:x"],
    ]);
  });

  it("under a new name: beside, it is no renamed one", () => {
    const { "postgres:c": _c, ...others } = changed.materializations;
    const renamed = table("c", { config: { table: "d" }, renamedFrom: "c" });
    const next: Plan = { ...changed, materializations: { ...others, "postgres:d": renamed } };
    const rebuild = rebuildOf(next);
    const applied: Plan = {
      ...base,
      materializations: { ...base.materializations, "postgres:d": renamed },
    };
    const { plan } = running(rebuild, "all", applied);
    expect(plan.materializations["postgres:d"]).toEqual(renamed);
    expect(plan.materializations["postgres:d~2"]).toEqual({
      ...{ ...table("c~2"), config: { table: "d", label: "2" } },
    });
  });

  it("whose flow has them emptied where they stand are filled so", () => {
    const next: Plan = {
      ...changed,
      materializations: { ...base.materializations, "postgres:x": table("x", { backfill: 1 }) },
    };
    expect(running(rebuildOf(next)).plan.materializations["postgres:x"]).toEqual(table("x", { backfill: 1 }));
  });
});
