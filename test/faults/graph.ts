/**
 * A random graph of derivations and targets: its flow file, and what each node's journals must hold, given its parents'.
 * All documents have one form, so that any node can follow any other. Node by node is enough: the first is held against
 * what was sent, and each of the others against the nodes before it.
 */
import { byKey, differences } from "./difference.ts";
import { type JournalDocument, merged } from "./journals.ts";
import { text } from "./oracle.ts";
import { integer, oneOf } from "./scenario.ts";

export interface Doc {
  readonly id: number;
  readonly k: number;
  readonly v: number;
}

type Kind = "captured" | "map" | "filter" | "twice" | "numbered" | "union" | "sum";
export type TargetKind = "table" | "log" | "hash";

export interface Node {
  readonly name: string;
  readonly kind: Kind;
  /** Indexes of nodes before it. */
  readonly parents: readonly number[];
  readonly partitions: number;
  /** Of its function, from 2. */
  readonly n: number;
  readonly targets: readonly TargetKind[];
}

const EVENTS: readonly Kind[] = ["map", "filter", "twice", "numbered", "union"];

export function randomGraph(random: () => number): Node[] {
  const some = (odds: number): readonly TargetKind[] =>
    (["table", "log", "hash"] as const).filter(() => random() < odds);
  const captured: Node = {
    name: "g/n0",
    kind: "captured",
    parents: [],
    partitions: integer(random, 1, 3),
    n: 2,
    targets: some(0.3),
  };
  const nodes = [captured];
  for (let i = 1, size = integer(random, 3, 5); i <= size; i++) {
    const kind = random() < 0.35 ? "sum" : oneOf(random, EVENTS);
    // What is combined as it is appended has documents that depend on timing; their sums do not.
    const parents = nodes.flatMap((node, at) => (kind === "sum" || node.kind !== "sum" ? [at] : []));
    const first = oneOf(random, parents);
    const others = parents.filter((at) => at !== first);
    nodes.push({
      name: `g/n${i}`,
      kind: kind === "union" && others.length === 0 ? "map" : kind,
      parents: kind === "union" && others.length > 0 ? [first, oneOf(random, others)] : [first],
      partitions: integer(random, 1, 2),
      n: integer(random, 2, 7),
      targets: some(0.4),
    });
  }
  return nodes;
}

/** The flow of the first `size` nodes. */
export function flowOf(nodes: readonly Node[], size: number): string {
  const declared = nodes
    .slice(0, size)
    .map((node, i) => `${declaration(node, i)}\n${materializations(node, i)}`);
  return `import { capture, derive, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";
export const unused = [derive, env, pg, redis];
const Doc = z.object({ id: z.int(), k: z.int(), v: z.int() });
${declared.join("\n")}
`;
}

function declaration({ name, kind, parents: [a = 0, b = 0], partitions, n }: Node, i: number): string {
  const form = `schema: Doc, key: ["id"], partitions: ${partitions}`;
  const single = (rest: string) => `export const n${i} = n${a}.derive("${name}", { ${form}, ${rest} });`;
  switch (kind) {
    case "captured":
      return `export const n${i} = capture("${name}", http({ path: "/n0" }), { ${form} });`;
    case "map":
      return single(`transform: ({ id, k, v }) => ({ id, k: (k + ${n}) % 11, v: v * ${n} })`);
    case "filter":
      return single(`transform: (doc) => (doc.v % ${n} === 0 ? undefined : { ...doc })`);
    case "twice":
      return single(
        `*transform({ id, k, v }) { yield { id: id * 2, k, v }; yield { id: id * 2 + 1, k, v: -v }; }`,
      );
    case "sum":
      return single(`reduce: { v: "sum" }, transform: ({ id, v }) => ({ id: id % ${n}, k: 0, v })`);
    case "numbered":
      return `export const n${i} = derive("${name}", {
  from: { doc: n${a}.by(({ id }) => id % ${n}) }, ${form},
  state: { schema: z.object({ nth: z.int() }), initial: { nth: 0 } },
  on: { doc({ id, v }, { state }) { state.nth += 1; return { id, k: state.nth, v }; } },
});`;
    case "union":
      return `export const n${i} = derive("${name}", {
  from: { a: n${a}.by("id"), b: n${b}.by("id") }, ${form},
  on: { a: ({ id, k, v }) => ({ id: id * 2, k, v }), b: ({ id, k, v }) => ({ id: id * 2 + 1, k, v }) },
});`;
  }
}

function materializations({ targets }: Node, i: number): string {
  return targets.map((target) => `n${i}.materializeTo(${targetCall(target, i)});`).join("\n");
}

function targetCall(target: TargetKind, i: number): string {
  switch (target) {
    case "table":
      return `pg({ url: env("DATABASE_URL"), table: "n${i}" })`;
    case "log":
      return `pg({ url: env("DATABASE_URL"), table: "n${i}_log", mode: "delta" })`;
    case "hash":
      return `redis({ url: env("REDIS_URL"), key: "n${i}:{id}" })`;
  }
}

/** What a node gives for its parents' documents, one after the other. */
function outputsOf(node: Node, parents: readonly (readonly JournalDocument[])[]): Doc[] {
  const counts = new Map<number, number>();
  // Documents have no other form.
  return merged(...parents).flatMap(({ source, document }) =>
    outputOf(node, document as unknown as Doc, source, counts),
  );
}

/** `counts`: of a node that numbers its documents, how many there were of each key. */
function outputOf({ kind, n }: Node, { id, k, v }: Doc, source: number, counts: Map<number, number>): Doc[] {
  switch (kind) {
    case "captured":
      return [];
    case "map":
      return [{ id, k: (k + n) % 11, v: v * n }];
    case "filter":
      return v % n === 0 ? [] : [{ id, k, v }];
    case "twice":
      return [
        { id: id * 2, k, v },
        { id: id * 2 + 1, k, v: -v },
      ];
    case "sum":
      return [{ id: id % n, k: 0, v }];
    case "numbered": {
      const nth = (counts.get(id % n) ?? 0) + 1;
      counts.set(id % n, nth);
      return [{ id, k: nth, v }];
    }
    case "union":
      return [{ id: id * 2 + source, k, v }];
  }
}

/** Sums by key; of events, which have a key each, themselves. */
export function reduced(docs: readonly Doc[]): Map<string, string> {
  const sums = new Map<number, Doc>();
  for (const { id, k, v } of docs) sums.set(id, { id, k, v: (sums.get(id)?.v ?? 0) + v });
  return new Map([...sums.values()].map((doc) => [String(doc.id), text(doc)]));
}

/** `sent` is what the first node must hold, in the order in which it was sent. */
export function checkNode(
  nodes: readonly Node[],
  index: number,
  journals: readonly (readonly JournalDocument[])[],
  sent: readonly Doc[],
): string[] {
  const node = nodes[index];
  const found = journals[index] ?? [];
  if (node === undefined) return [];
  const expected =
    node.kind === "captured"
      ? sent
      : outputsOf(
          node,
          node.parents.map((at) => journals[at] ?? []),
        );
  const docs = found.map(({ document }) => document as unknown as Doc); // the only form there is
  if (node.kind === "sum") return differences(node.name, reduced(expected), reduced(docs));
  const wrong = differences(
    node.name,
    byKey(expected, ({ id }) => `${id}`, text),
    byKey(docs, ({ id }) => `${id}`, text),
  );
  return wrong.length > 0 ? wrong : checkOrder(node.name, expected, found);
}

/** Each journal has its documents in the order in which they were to be appended. */
function checkOrder(name: string, expected: readonly Doc[], found: readonly JournalDocument[]): string[] {
  const place = new Map(expected.map(({ id }, at) => [id, at]));
  const newest = new Map<string, number>();
  for (const { journal, offset, document } of found) {
    const at = place.get(Number(document.id)) ?? -1;
    if (at <= (newest.get(journal) ?? -1)) return [`${name}/${journal}: offset ${offset} is out of order`];
    newest.set(journal, at);
  }
  return [];
}
