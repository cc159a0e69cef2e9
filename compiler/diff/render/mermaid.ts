/** A graph as Mermaid, with a diff's actions where there is one. */
import type { Action, Change } from "../change.ts";
import type { GraphNode, PlanGraph } from "../plan-graph.ts";
import { actionsOn, COLORS, TEXT_COLOR } from "./colors.ts";
import { visible } from "./plain-text.ts";

export function renderMermaid({ nodes, edges }: PlanGraph, changes: readonly Change[] = []): string {
  const actionOn = actionsOn(changes);
  const ids = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const lines = ["flowchart LR"];
  for (const node of nodes) {
    const action = actionOn(node);
    lines.push(
      `  ${ids.get(node.id)}${shape(node, action)}${action === undefined ? "" : `:::${className(action)}`}`,
    );
  }
  for (const { from, to, label } of edges) {
    const text = label === undefined ? "" : `|${quoted(label)}|`;
    lines.push(`  ${ids.get(from)} -->${text} ${ids.get(to)}`);
  }
  for (const action of new Set(changes.map((change) => change.action).sort())) {
    const { fill, stroke } = COLORS[action];
    lines.push(`  classDef ${className(action)} fill:${fill},stroke:${stroke},color:${TEXT_COLOR}`);
  }
  return `${lines.join("\n")}\n`;
}

function shape({ kind, label }: GraphNode, action: Action | undefined): string {
  const text = quoted(action === undefined ? label : `${label} (${action})`);
  switch (kind) {
    case "source":
      return `>${text}]`;
    case "collection":
      return `[${text}]`;
    case "target":
      return `[(${text})]`;
  }
}

/** Mermaid knows no backslash: what could end the text or be read as HTML or Markdown becomes an entity. */
function quoted(text: string): string {
  return `"${visible(text).replaceAll(/[#"<>&`;\\]/g, (each) => `#${each.codePointAt(0)};`)}"`;
}

/** `end` and the like are Mermaid's own words. */
function className(action: Action): string {
  return `is-${action}`;
}

/** Nodes that have changed and their neighbours, with the edges between them. */
export function affectedPart({ nodes, edges }: PlanGraph, changes: readonly Change[]): PlanGraph {
  const changed = new Set(changes.map(({ name }) => name));
  const near = new Set(changed);
  for (const { from, to } of edges) {
    if (changed.has(from)) near.add(to);
    if (changed.has(to)) near.add(from);
  }
  return {
    nodes: nodes.filter(({ id }) => near.has(id)),
    edges: edges.filter(
      ({ from, to }) => near.has(from) && near.has(to) && (changed.has(from) || changed.has(to)),
    ),
  };
}
