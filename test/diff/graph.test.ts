import { expect, test } from "vitest";
import { graphOf } from "../../compiler/diff/plan-graph.ts";
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
    "shop/total": { sources: [{ collection: "shop/orders" }], transform: { bundle: "0", params: {} } },
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
