/** A plan as a graph: sources, collections, targets, and what flows from one to the other. */
import { renamesOf, withRenames } from "../../plan/evolution/renames.ts";
import { viewText } from "../../plan/evolution/view-text.ts";
import { compareText } from "../../plan/order.ts";
import type { CollectionView, ConnectorPlan, DerivationSource, Plan } from "../../plan/plan.ts";

export interface GraphNode {
  /** Unique in the graph: the collection's name, the target's resource, `source:` and the collection that it fills. */
  readonly id: string;
  readonly kind: "source" | "collection" | "target";
  readonly label: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** How a collection is read: the source's name and its view. Undefined where it is read as it is. */
  readonly label: string | undefined;
}

export interface PlanGraph {
  /** Sorted by kind, from source to target, then by name. */
  readonly nodes: readonly GraphNode[];
  /** Sorted. Two of the same ends are two sources of one collection, with other labels. */
  readonly edges: readonly GraphEdge[];
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
    ...Object.keys(plan.captures).map((name) => ({ from: sourceId(name), to: name, label: undefined })),
    ...Object.entries(plan.derivations).flatMap(([name, { sources: from }]) =>
      from.map((source) => edgeTo(name, source, source.name)),
    ),
    ...Object.entries(plan.materializations).map(([name, target]) => edgeTo(name, target)),
  ];
  return { nodes: [...byId(sources), ...byId(collections), ...byId(targets)], edges: sorted(edges) };
}

/** The name that a source has in its flow is shown where it tells more than the collection's. */
function edgeTo(to: string, view: CollectionView | DerivationSource, name?: string): GraphEdge {
  const { collection } = view;
  const texts = [name === collection.split("/").at(-1) ? undefined : name, viewText(view)];
  const label = texts.filter((text) => text !== undefined).join(": ");
  return { from: collection, to, label: label === "" ? undefined : label };
}

/** Both plans' nodes and edges; where both have one it is as in `next`. What was renamed is one node, with both names. */
export function changedGraph(base: Plan | undefined, next: Plan): PlanGraph {
  const now = graphOf(next);
  if (base === undefined) return now;
  const renames = renamesOf(base, next);
  const old = new Map([...renames.collections, ...renames.targets].map(([was, is]) => [is, was]));
  const before = graphOf(withRenames(base, renames));
  const nodes = new Map([...before.nodes, ...now.nodes].map((node) => [node.id, node]));
  const drawn = new Set(now.edges.map(({ from, to }) => JSON.stringify([from, to])));
  const gone = before.edges.filter(({ from, to }) => !drawn.has(JSON.stringify([from, to])));
  const kinds = ["source", "collection", "target"];
  const titled = (node: GraphNode): GraphNode => {
    const was = node.kind === "source" ? undefined : old.get(node.id);
    return was === undefined ? node : { ...node, label: `${was} → ${node.label}` };
  };
  return {
    nodes: [...nodes.values()]
      .map(titled)
      .toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || compareText(a.id, b.id)),
    edges: sorted([...gone, ...now.edges]),
  };
}

function sorted(edges: readonly GraphEdge[]): readonly GraphEdge[] {
  return edges.toSorted(
    (a, b) =>
      compareText(a.from, b.from) || compareText(a.to, b.to) || compareText(a.label ?? "", b.label ?? ""),
  );
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
