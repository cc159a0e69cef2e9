/** A plan's graph as DOT (Graphviz) and as JSON. */
import type { GraphNode, PlanGraph } from "../plan-graph.ts";
import { visible } from "./plain-text.ts";

const SHAPES: Readonly<Record<GraphNode["kind"], string>> = {
  source: "cds",
  collection: "box",
  target: "cylinder",
};

export function renderDot({ nodes, edges }: PlanGraph): string {
  const lines = nodes.map(
    ({ id, kind, label }) => `  ${quoted(id)} [label=${quoted(label)}, shape=${SHAPES[kind]}];`,
  );
  for (const [from, to] of edges) lines.push(`  ${quoted(from)} -> ${quoted(to)};`);
  return `digraph weir {\n  rankdir=LR;\n${lines.join("\n")}\n}\n`;
}

/** `{ "nodes": [{ id, kind, label }], "edges": [{ from, to }] }` */
export function renderGraphJson({ nodes, edges }: PlanGraph): string {
  const named = edges.map(([from, to]) => ({ from, to }));
  return `${JSON.stringify({ nodes, edges: named }, null, 2)}\n`;
}

function quoted(text: string): string {
  return `"${visible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
