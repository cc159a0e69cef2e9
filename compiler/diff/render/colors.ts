import type { Action, Change } from "../change.ts";
import type { GraphNode } from "../plan-graph.ts";

export interface Color {
  readonly fill: string;
  readonly stroke: string;
}

const IN_PLACE: Color = { fill: "#ddf4ff", stroke: "#0969da" };

/** Of what has changed, in any picture of a graph. */
export const COLORS: Readonly<Record<Action, Color>> = {
  create: { fill: "#dafbe1", stroke: "#1a7f37" },
  update: IN_PLACE,
  "code-only": IN_PLACE,
  resume: IN_PLACE,
  rebuild: { fill: "#fff8c5", stroke: "#9a6700" },
  destroy: { fill: "#ffebe9", stroke: "#cf222e" },
};

export const TEXT_COLOR = "#1f2328";

/** What a diff does to each node; a source is part of the collection that it fills. */
export function actionsOn(changes: readonly Change[]): (node: GraphNode) => Action | undefined {
  const actions = new Map(changes.map(({ name, action }) => [name, action]));
  return ({ id, kind }) => (kind === "source" ? undefined : actions.get(id));
}
