/** What holds of the diff of any two plans. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change } from "../../compiler/diff/change.ts";
import { diff } from "../../compiler/diff/diff.ts";
import { graphOf, unionOf } from "../../compiler/diff/plan-graph.ts";
import { MAX_COMMENT, renderDiffMarkdown } from "../../compiler/diff/render/markdown.ts";
import { renderDiffText } from "../../compiler/diff/render/text.ts";
import type { CollectionPlan, Guarantee, JsonSchema, Plan } from "../../plan/plan.ts";
import { mergeApplied, PlanChangeError, refuseChanges } from "../../runtime/changes.ts";
import { shuffled } from "./shuffled.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "One transaction." };

const fieldSchema = fc.constantFrom<JsonSchema>(
  { type: "string" },
  { type: "integer" },
  { type: "number" },
  { type: ["string", "null"] },
  { enum: ["a", "b"] },
  { type: "string", maxLength: 3 },
);

const collection: fc.Arbitrary<CollectionPlan> = fc
  .record({
    fields: fc.dictionary(fc.constantFrom("a", "b", "c"), fieldSchema, { maxKeys: 3 }),
    optional: fc.subarray(["a", "b", "c"]),
    key: fc.constantFrom(["id"], ["id", "day"], ["day", "id"]),
    reduce: fc.constantFrom<CollectionPlan["reduce"]>({}, { a: "sum" }, { a: "max" }),
  })
  .map(({ fields, optional, key, reduce }) => {
    const properties = { id: { type: "string" }, day: { type: "string" }, ...fields };
    const required = Object.keys(properties).filter((name) => !optional.includes(name));
    return { schema: { type: "object", properties, required, additionalProperties: false }, key, reduce };
  });

const NAMES = ["p", "q", "r", "s", "t"];

/** Each collection derives from one with an earlier name, or is captured. */
const plan: fc.Arbitrary<Plan> = fc
  .tuple(
    fc.subarray(NAMES, { minLength: 1 }),
    fc.array(
      fc.record({
        collection,
        from: fc.nat({ max: 4 }),
        bundle: fc.constantFrom("0".repeat(64), "1".repeat(64)),
        params: fc.constantFrom({}, { n: 1 }),
        source: fc.constantFrom(
          { connector: "http", config: { path: "/a" } },
          { connector: "http", config: { path: "/b" } },
          { connector: "files", config: { path: "x", watch: false } },
          { connector: "files", config: { path: "x", watch: true } },
        ),
      }),
      { minLength: 5, maxLength: 5 },
    ),
    fc.array(
      fc.record({
        name: fc.constantFrom("postgres:a", "postgres:b", "redis:{id}"),
        of: fc.nat({ max: 4 }),
        url: fc.constantFrom("A", "B"),
        as: fc.constantFrom("hash", "json"),
      }),
      { maxLength: 4 },
    ),
  )
  .map(([names, parts, targets]) => {
    const found: Plan = {
      formatVersion: 1,
      collections: {},
      captures: {},
      derivations: {},
      materializations: {},
    };
    const { collections, captures, derivations, materializations } = found as Mutable; // of our own, just made
    for (const [index, name] of names.entries()) {
      const part = parts[index];
      if (part === undefined) continue;
      collections[name] = part.collection;
      const source = names[part.from];
      if (source === undefined || part.from >= index) captures[name] = { ...part.source, guarantee };
      else
        derivations[name] = {
          sources: [{ collection: source }],
          transform: { bundle: part.bundle, params: part.params },
        };
    }
    for (const { name, of, url, as } of targets) {
      const connector = name.split(":")[0] ?? "";
      const config = { url: { $env: url }, as };
      materializations[name] = { connector, config, guarantee, collection: names[of % names.length] ?? "" };
    }
    return found;
  });

type Mutable = {
  -readonly [P in keyof Plan]: Plan[P] extends Readonly<Record<string, infer V>> ? Record<string, V> : never;
};

const parameters = { numRuns: 200, seed: 5 };

test("a plan and itself differ in nothing", () => {
  fc.assert(
    fc.property(plan, (one) => {
      expect(diff(one, one)).toMatchObject({ verdict: "none", changes: [] });
      expect(diff(shuffled(one), one).changes).toEqual([]);
    }),
    parameters,
  );
});

test("the order of names in the plans changes nothing, and every rendering is made", () => {
  fc.assert(
    fc.property(plan, plan, (base, next) => {
      const found = diff(base, next);
      expect(diff(shuffled(base), shuffled(next))).toEqual(found);
      const graph = unionOf(graphOf(shuffled(base)), graphOf(next));
      expect(graph).toEqual(unionOf(graphOf(base), graphOf(shuffled(next))));
      const text = renderDiffText(found, { color: false });
      for (const { name } of found.changes) expect(text).toContain(name);
      expect(renderDiffMarkdown(found, graph).length).toBeLessThanOrEqual(MAX_COMMENT);
      expect(renderDiffMarkdown(found, graph, 3_000).length).toBeLessThanOrEqual(3_000);
    }),
    parameters,
  );
});

test("each thing has one change at most, and what is there on one side only has one", () => {
  fc.assert(
    fc.property(plan, plan, (base, next) => {
      const { changes } = diff(base, next);
      const actions = new Map(changes.map(({ name, action }) => [name, action]));
      expect(actions.size).toBe(changes.length);
      for (const part of ["collections", "materializations"] as const) {
        for (const name of Object.keys(next[part]))
          expect(actions.get(name) === "create").toBe(!(name in base[part]));
        for (const name of Object.keys(base[part]))
          expect(actions.get(name) === "destroy").toBe(!(name in next[part]));
      }
    }),
    parameters,
  );
});

test("whatever reads a rebuilt collection is rebuilt, and nothing is rebuilt without a cause", () => {
  fc.assert(
    fc.property(plan, plan, (base, next) => {
      const { changes } = diff(base, next);
      const byName = new Map(changes.map((change) => [change.name, change]));
      const edges = graphOf(next).edges;
      for (const [from, to] of edges) {
        if (byName.get(from)?.action !== "rebuild") continue;
        expect(["rebuild", "create"]).toContain(byName.get(to)?.action);
      }
      for (const { because, name } of changes) {
        expect(because.at(-1)).toBe(name);
        for (const [index, to] of because.slice(1).entries())
          expect(edges).toContainEqual([because[index], to]);
        expect(byName.has(because[0] ?? "")).toBe(true);
      }
    }),
    parameters,
  );
});

test("the diff says that weir run refuses a plan exactly where it does", () => {
  fc.assert(
    fc.property(plan, plan, (base, next) => {
      const refused = diff(base, next).changes.filter(({ refusedToday }) => refusedToday !== null);
      const message = refusal(mergeApplied(undefined, base), next);
      expect(message === undefined).toBe(refused.length === 0);
      for (const { name, refusedToday } of refused.filter(isOwn)) {
        for (const clause of refusedToday?.split("; ") ?? []) expect(message).toContain(`${name}: ${clause}`);
      }
      const lines = message?.split("\n").filter((line) => line.startsWith("  - ")) ?? [];
      expect(lines.length).toBe(
        refused.filter(isOwn).flatMap((each) => each.refusedToday?.split("; ") ?? []).length,
      );
    }),
    parameters,
  );
});

const isOwn = ({ refusedToday }: Change) => refusedToday?.startsWith("it follows from") === false;

function refusal(applied: Plan, next: Plan): string | undefined {
  try {
    refuseChanges(applied, next);
    return undefined;
  } catch (error) {
    if (error instanceof PlanChangeError) return error.message;
    throw error;
  }
}
