/** A plan as a graph: sources, collections, targets, and what flows from one to the other. */
import type { ConnectorPlan, Plan } from "../../plan/plan.ts";

export interface GraphNode {
  /** Unique in the graph: the collection's name, the target's resource, `source:` and the collection that it fills. */
  readonly id: string;
  readonly kind: "source" | "collection" | "target";
  readonly label: string;
}

export interface PlanGraph {
  /** Sorted by kind, from source to target, then by name. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly (readonly [from: string, to: string])[];
}

export function graphOf(plan: Plan): PlanGraph {
  const sources = Object.entries(plan.captures).map(
    ([name, capture]): GraphNode => ({ id: sourceId(name), kind: "source", label: sourceLabel(capture) }),
  );
  const collections = Object.keys(plan.collections).map(
    (name): GraphNode => ({ id: name, kind: "collection", label: name }),
  );
  const targets = Object.keys(plan.materializations).map(
    (name): GraphNode => ({ id: name, kind: "target", label: name }),
  );
  const edges = [
    ...Object.keys(plan.captures).map((name) => [sourceId(name), name] as const),
    ...Object.entries(plan.derivations).flatMap(([name, { sources: from }]) =>
      from.map(({ collection }) => [collection, name] as const),
    ),
    ...Object.entries(plan.materializations).map(([name, { collection }]) => [collection, name] as const),
  ];
  return {
    nodes: [...byId(sources), ...byId(collections), ...byId(targets)],
    edges: edges.toSorted((a, b) => compareText(a[0], b[0]) || compareText(a[1], b[1])),
  };
}

/** Both plans' nodes and edges; where both have one it is there once. */
export function unionOf(base: PlanGraph, next: PlanGraph): PlanGraph {
  const nodes = new Map([...base.nodes, ...next.nodes].map((node) => [node.id, node]));
  const edges = new Map([...base.edges, ...next.edges].map((edge) => [JSON.stringify(edge), edge]));
  const kinds = ["source", "collection", "target"];
  return {
    nodes: [...nodes.values()].toSorted(
      (a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || compareText(a.id, b.id),
    ),
    edges: [...edges.values()].toSorted((a, b) => compareText(a[0], b[0]) || compareText(a[1], b[1])),
  };
}

/** Every collection after those that it derives from. A cycle, which no plan of the compiler has, is cut. */
export function collectionsInOrder(plan: Plan): readonly string[] {
  const order = new Set<string>();
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name) || !Object.hasOwn(plan.collections, name)) return;
    seen.add(name);
    const derivation = Object.hasOwn(plan.derivations, name) ? plan.derivations[name] : undefined;
    for (const { collection } of derivation?.sources ?? []) visit(collection);
    order.add(name);
  };
  for (const name of Object.keys(plan.collections).sort(compareText)) visit(name);
  return [...order];
}

export function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function sourceId(collection: string): string {
  return `source:${collection}`;
}

function sourceLabel({ connector, config }: ConnectorPlan): string {
  return typeof config.path === "string" ? `${connector} ${config.path}` : connector;
}

function byId(nodes: readonly GraphNode[]): readonly GraphNode[] {
  return nodes.toSorted((a, b) => compareText(a.id, b.id));
}
