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
  for (const { from, to, label } of edges) {
    const text = label === undefined ? "" : ` [label=${quoted(label)}]`;
    lines.push(`  ${quoted(from)} -> ${quoted(to)}${text};`);
  }
  return `digraph weir {\n  rankdir=LR;\n${lines.join("\n")}\n}\n`;
}

/** `{ "nodes": [{ id, kind, label }], "edges": [{ from, to, label? }] }` */
export function renderGraphJson({ nodes, edges }: PlanGraph): string {
  return `${JSON.stringify({ nodes, edges }, null, 2)}\n`;
}

function quoted(text: string): string {
  return `"${visible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
