import { expect, test } from "vitest";
import { diff } from "../../compiler/diff/diff.ts";
import { changedGraph, graphOf } from "../../compiler/diff/plan-graph.ts";
import { renderDot, renderGraphJson } from "../../compiler/diff/render/graph.ts";
import { renderMermaid } from "../../compiler/diff/render/mermaid.ts";
import type { CollectionPlan, Guarantee, Plan } from "../../plan/plan.ts";
import { shuffled } from "./shuffled.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "One transaction." };
const collection: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: {} };
const plan: Plan = {
  formatVersion: 1,
  collections: { "shop/orders": collection, "shop/total": collection },
  captures: { "shop/orders": { connector: "http", config: { path: "/orders" }, guarantee } },
  derivations: {
    "shop/total": { sources: [{ collection: "shop/orders", transform: { bundle: "0" } }], params: {} },
  },
  materializations: {
    'postgres:a "b" #1': { connector: "postgres", config: {}, guarantee, collection: "shop/total" },
  },
};

test("Mermaid: texts cannot end their node", () => {
  expect(renderMermaid(graphOf(plan))).toBe(`flowchart LR
  n0>"http /orders"]
  n1["shop/orders"]
  n2["shop/total"]
  n3[("postgres:a #34;b#34; #35;1")]
  n1 --> n2
  n2 --> n3
  n0 --> n1
`);
});

test("DOT", () => {
  expect(renderDot(graphOf(plan))).toBe(`digraph weir {
  rankdir=LR;
  "source:shop/orders" [label="http /orders", shape=cds];
  "shop/orders" [label="shop/orders", shape=box];
  "shop/total" [label="shop/total", shape=box];
  "postgres:a \\"b\\" #1" [label="postgres:a \\"b\\" #1", shape=cylinder];
  "shop/orders" -> "shop/total";
  "shop/total" -> "postgres:a \\"b\\" #1";
  "source:shop/orders" -> "shop/orders";
}
`);
});

test("JSON, whatever the order of names in the plan", () => {
  expect(JSON.parse(renderGraphJson(graphOf(plan)))).toEqual({
    nodes: [
      { id: "source:shop/orders", kind: "source", label: "http /orders" },
      { id: "shop/orders", kind: "collection", label: "shop/orders" },
      { id: "shop/total", kind: "collection", label: "shop/total" },
      { id: 'postgres:a "b" #1', kind: "target", label: 'postgres:a "b" #1' },
    ],
    edges: [
      { from: "shop/orders", to: "shop/total" },
      { from: "shop/total", to: 'postgres:a "b" #1' },
      { from: "source:shop/orders", to: "shop/orders" },
    ],
  });
  expect(renderGraphJson(graphOf(shuffled(plan)))).toBe(renderGraphJson(graphOf(plan)));
});

test("with a diff's actions: what is new, what follows from a change, and what is no longer declared", () => {
  const more = plan.materializations['postgres:a "b" #1'];
  if (more === undefined) throw new Error("The plan above has it.");
  const next: Plan = {
    ...plan,
    derivations: {
      "shop/total": { sources: [{ collection: "shop/orders", transform: { bundle: "1" } }], params: {} },
    },
    materializations: { "postgres:new": { ...more, config: { table: "new" } } },
  };
  const [graph, { changes }] = [changedGraph(plan, next), diff(plan, next)];
  const { nodes } = JSON.parse(renderGraphJson(graph, changes));
  const actions = nodes.map(({ id, change }: { id: string; change?: string }) => [id, change]);
  expect(actions).toEqual([
    ["source:shop/orders", undefined],
    ["shop/orders", undefined],
    ["shop/total", "rebuild"],
    ['postgres:a "b" #1', "destroy"],
    ["postgres:new", "create"],
  ]);
  const dot = renderDot(graph, changes);
  expect(dot).toContain('"shop/orders" [label="shop/orders", shape=box];\n');
  expect(dot).toContain(
    '"shop/total" [label="shop/total (rebuild)", shape=box, style=filled, fillcolor="#fff8c5", color="#9a6700"];\n',
  );
  expect(dot).toContain('"shop/total" -> "postgres:a \\"b\\" #1";\n');
  const mermaid = renderMermaid(graph, changes);
  expect(mermaid).toContain('n4[("postgres:new (create)")]:::is-create\n');
  expect(mermaid).toContain("  classDef is-destroy fill:#ffebe9,stroke:#cf222e,color:#1f2328\n");
});

const transform = { bundle: "0" };
/** Two sources of one collection, and one of another. */
const joined: Plan = {
  ...plan,
  collections: { ...plan.collections, "shop/enriched": collection },
  derivations: {
    ...plan.derivations,
    "shop/enriched": {
      sources: [
        { name: "orders", collection: "shop/orders", by: ["customer"], transform },
        {
          ...{
            name: "dutch",
            collection: "shop/orders",
            where: { country: ["NL", "BE"], n: [7] },
            transform,
          },
          ...{ from: "2026-01-01T00:00:00.000Z", until: "2026-07-01T00:00:00.000Z", reduced: true },
          ...{ by: [{ bundle: "1" }, "id"], priority: -1, readDelayMs: 90_000 },
        },
        { name: "total", collection: "shop/total", transform },
      ],
      params: {},
    },
  },
  materializations: {
    "postgres:t": { connector: "postgres", config: {}, guarantee, collection: "shop/enriched" },
  },
};

test("each source of a derivation is an edge, with its name and how it is read", () => {
  const edges = graphOf(joined).edges.filter(({ to }) => to === "shop/enriched");
  const view =
    "where country = NL | BE, n = 7, since 2026-01-01T00:00:00.000Z, until 2026-07-01T00:00:00.000Z, priority -1, 90s behind, reduced, by a function, id";
  expect(edges).toEqual([
    { from: "shop/orders", to: "shop/enriched", label: "by customer" },
    { from: "shop/orders", to: "shop/enriched", label: `dutch: ${view}` },
    { from: "shop/total", to: "shop/enriched", label: undefined },
  ]);
  expect(renderMermaid(graphOf(joined))).toContain('n2 -->|"by customer"| n1\n');
  expect(renderDot(graphOf(joined))).toContain('"shop/orders" -> "shop/enriched" [label="by customer"];\n');
  expect(JSON.parse(renderGraphJson(graphOf(joined))).edges).toContainEqual(edges[0]);
  expect(JSON.parse(renderGraphJson(graphOf(joined))).edges).toContainEqual({
    from: "shop/total",
    to: "shop/enriched",
  });
});

test("what was renamed is one node with both names, and only what is not read any more keeps its old edge", () => {
  const { "shop/enriched": enriched = collection, ...others } = joined.collections;
  const { "shop/enriched": derivation, ...derivations } = joined.derivations;
  if (derivation === undefined) throw new Error("The plan above has it.");
  const next: Plan = {
    ...joined,
    collections: { ...others, "shop/full": { ...enriched, renamedFrom: "shop/enriched" } },
    derivations: { ...derivations, "shop/full": { ...derivation, sources: derivation.sources.slice(0, 2) } },
    materializations: {
      "postgres:u": {
        ...{ connector: "postgres", config: {}, guarantee, collection: "shop/full", renamedFrom: "t" },
      },
    },
  };
  const { nodes, edges } = changedGraph(joined, next);
  expect(nodes.map(({ label }) => label)).toEqual([
    "http /orders",
    "shop/enriched → shop/full",
    "shop/orders",
    "shop/total",
    "postgres:t → postgres:u",
  ]);
  expect(edges.map(({ from, to, label }) => `${from} ${to} ${label?.slice(0, 5)}`)).toEqual([
    "shop/full postgres:u undefined",
    "shop/orders shop/full by cu",
    "shop/orders shop/full dutch",
    "shop/orders shop/total undefined",
    "shop/total shop/full undefined",
    "source:shop/orders shop/orders undefined",
  ]);
});
