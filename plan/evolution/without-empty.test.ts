import { expect, test } from "vitest";
import type { CollectionPlan, DerivationPlan, Plan } from "../plan.ts";
import { withoutEmpty } from "./without-empty.ts";

const collection: CollectionPlan = {
  schema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
  key: ["id"],
  reduce: {},
};
const connector = {
  connector: "http",
  config: {},
  guarantee: { delivery: "exactly-once", mechanism: "" },
} as const;

function derived(...sources: readonly string[]): DerivationPlan {
  return { sources: sources.map((name) => ({ collection: name, transform: { bundle: "b" } })), params: {} };
}

/** a and b are captured, x is derived from a, y from both. */
const PLAN: Plan = {
  formatVersion: 1,
  collections: { a: collection, b: collection, x: collection, y: collection },
  captures: { a: connector, b: connector },
  derivations: { x: derived("a"), y: derived("a", "b") },
  materializations: { "postgres:x": { ...connector, collection: "x" } },
};

test.each([
  ["all of them", ["a", "b", "x", "y"], []],
  ["none of them", [], ["a", "b", "x", "y"]],
  ["one whose reader has other sources", ["b"], ["a", "b", "x", "y"]],
  ["one whose reader has given nothing, of a source with documents", ["b", "x", "y"], ["a", "b", "x", "y"]],
])("%s empty", (_, empty, kept) => {
  const left = withoutEmpty(PLAN, (name) => empty.includes(name));
  expect(Object.keys(left.collections)).toEqual(kept);
  expect(Object.keys({ ...left.captures, ...left.derivations })).toEqual(kept);
  expect(Object.keys(left.materializations)).toEqual(kept.includes("x") ? ["postgres:x"] : []);
});

test("a chain goes as a whole, and what stands beside it stays", () => {
  const chain: Plan = { ...PLAN, derivations: { x: derived("a"), y: derived("x") } };
  const left = withoutEmpty(chain, (name) => name !== "b");
  expect(Object.keys(left.collections)).toEqual(["b"]);
  expect(Object.keys(withoutEmpty(chain, (name) => name !== "y" && name !== "b").collections)).toEqual([
    "a",
    "b",
    "x",
    "y",
  ]);
});
