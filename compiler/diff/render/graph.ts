/** A graph as DOT (Graphviz) and as JSON, with a diff's actions where there is one. */
import type { Action, Change } from "../change.ts";
import type { GraphNode, PlanGraph } from "../plan-graph.ts";
import { actionsOn, COLORS } from "./colors.ts";
import { visible } from "./plain-text.ts";

const SHAPES: Readonly<Record<GraphNode["kind"], string>> = {
  source: "cds",
  collection: "box",
  target: "cylinder",
};

export function renderDot({ nodes, edges }: PlanGraph, changes: readonly Change[] = []): string {
  const actionOn = actionsOn(changes);
  const lines = nodes.map((node) => {
    const { id, kind, label } = node;
    const action = actionOn(node);
    const text = action === undefined ? label : `${label} (${action})`;
    return `  ${quoted(id)} [label=${quoted(text)}, shape=${SHAPES[kind]}${colored(action)}];`;
  });
  for (const { from, to, label } of edges) {
    const text = label === undefined ? "" : ` [label=${quoted(label)}]`;
    lines.push(`  ${quoted(from)} -> ${quoted(to)}${text};`);
  }
  return `digraph weir {\n  rankdir=LR;\n${lines.join("\n")}\n}\n`;
}

function colored(action: Action | undefined): string {
  if (action === undefined) return "";
  const { fill, stroke } = COLORS[action];
  return `, style=filled, fillcolor="${fill}", color="${stroke}"`;
}

/** `{ "nodes": [{ id, kind, label, change? }], "edges": [{ from, to, label? }] }` */
export function renderGraphJson({ nodes, edges }: PlanGraph, changes: readonly Change[] = []): string {
  const actionOn = actionsOn(changes);
  const changed = nodes.map((node) => ({ ...node, change: actionOn(node) }));
  return `${JSON.stringify({ nodes: changed, edges }, null, 2)}\n`;
}

function quoted(text: string): string {
  return `"${visible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
