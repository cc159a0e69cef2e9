import { expect, test } from "vitest";
import type { CollectionPlan, DerivationSource, Plan } from "../../plan/plan.ts";
import type { CollectionSize } from "./change.ts";
import { diff } from "./diff.ts";
import { renderDiffText } from "./render/text.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const collection = { schema: { type: "object" }, key: ["id"], reduce: {} };
const capture = { connector: "http", config: { path: "/a" }, guarantee };

/** `b` derives from `a`, and is kept in a table. */
function plan(sources: readonly Partial<DerivationSource>[], bundle = "1"): Plan {
  return {
    formatVersion: 1,
    collections: { a: collection, b: collection },
    captures: { a: capture },
    derivations: {
      b: {
        sources: sources.map((each) => ({ collection: "a", transform: { bundle }, ...each })),
        params: {},
      },
    },
    materializations: {
      "postgres:t": { collection: "b", connector: "postgres", config: { table: "t" }, guarantee },
    },
  };
}

const sizes = new Map<string, CollectionSize>([
  ["a", { documents: 10, bytes: 1000, times: { from: "2026-11-23", to: "2026-11-24T10:00:00.123456Z" } }],
  ["b", { documents: 4, bytes: 20, times: null }],
]);
const replayOf = (base: Plan, next: Plan, name: string) =>
  diff(base, next, sizes).changes.find((change) => change.name === name)?.replay;

test("a collection that two sources read is read twice", () => {
  const names = [{ name: "x" }, { name: "y" }];
  expect(replayOf(plan(names), plan(names, "2"), "b")).toEqual({
    ...{ from: [{ collection: "a", offset: 0 }], documents: 20, bytes: 2000 },
    times: { from: "2026-11-23", to: "2026-11-24T10:00:00.123456Z" },
  });
});

test.each<Partial<DerivationSource>>([
  { where: { id: ["1"] } },
  { from: "2026-01-01T00:00:00.000Z" },
  { until: "2026-01-01T00:00:00.000Z" },
])("of a part of a collection, its size is the most that is read: %j", (view) => {
  expect(replayOf(plan([view]), plan([view], "2"), "b")).toMatchObject({ documents: 10, atMost: true });
  const text = renderDiffText(diff(plan([view]), plan([view], "2"), sizes), { color: false });
  expect(text).toContain(
    "reads a from offset 0: at most 10 documents, 1,000 bytes, committed from 2026-11-23 to 2026-11-24T10:00:00Z\n",
  );
});

test("what is named anew is as large as it was under its old name", () => {
  const base = plan([{}]);
  const target = { collection: "c", connector: "postgres", config: { table: "t" }, guarantee, backfill: 1 };
  const next: Plan = {
    ...base,
    collections: { a: collection, c: { ...collection, renamedFrom: "b" } },
    derivations: { c: { sources: [{ collection: "a", transform: { bundle: "1" } }], params: {} } },
    materializations: { "postgres:t": target },
  };
  expect(diff(base, next, sizes)).toMatchObject({
    verdict: "rebuild",
    changes: [
      {
        ...{ name: "postgres:t", action: "rebuild", because: ["postgres:t"], refusedToday: null },
        replay: { from: [{ collection: "c", offset: 0 }], documents: 4 },
      },
      { name: "c", action: "update", replay: null, refusedToday: null },
    ],
  });
});

test("a target that cannot hold a wider schema is what the plan is refused for", () => {
  const base = plan([{}]);
  const noted = (type: string | readonly string[]) => ({
    ...{ ...collection, reduce: { note: "first" as const } },
    schema: { type: "object", properties: { note: { type } }, additionalProperties: false },
  });
  const of = (b: CollectionPlan): Plan => ({ ...base, collections: { a: collection, b } });
  const found = diff(of(noted("string")), of(noted(["string", "null"])));
  expect(found.changes.map(({ name, action, because }) => [name, action, because])).toEqual([
    ["b", "update", ["b"]],
    ["postgres:t", "update", ["b", "postgres:t"]],
  ]);
  expect(renderDiffText(found, { color: false })).toContain("because of postgres:t. ");
});
