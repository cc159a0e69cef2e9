import { describe, expect, it } from "vitest";
import type { Plan } from "../plan/plan.ts";
import { mergeApplied, refuseChanges } from "./changes.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const collection = { schema: { type: "object" }, key: ["id"], reduce: {} };

function plan(change: Partial<Plan> = {}): Plan {
  return {
    formatVersion: 1,
    collections: { a: collection, b: collection },
    captures: { a: { connector: "files", config: { path: "x" }, guarantee } },
    derivations: { b: { sources: [{ collection: "a" }], transform: { bundle: "1", params: {} } } },
    materializations: {
      "postgres:t": {
        collection: "b",
        connector: "postgres",
        config: { url: { $env: "A" }, table: "t" },
        guarantee,
      },
    },
    ...change,
  };
}

const refusal = (next: Plan, before = plan()) => {
  try {
    refuseChanges(before, next);
    return "";
  } catch (error) {
    return String(error);
  }
};

describe("what a plan may change where something has run", () => {
  it("is nothing at first, additions, removals and URLs later", () => {
    expect(() => refuseChanges(undefined, plan())).not.toThrow();
    expect(refusal(plan())).toBe("");
    expect(refusal(plan({ derivations: {}, materializations: {}, collections: { a: collection } }))).toBe("");
    expect(refusal(plan({ collections: { a: collection, b: collection, c: collection } }))).toBe("");
    const moved = {
      collection: "b",
      connector: "postgres",
      config: { url: { $env: "B" }, table: "t" },
      guarantee,
    };
    expect(refusal(plan({ materializations: { "postgres:t": moved } }))).toBe("");
  });

  it.each([
    [{ collections: { a: { ...collection, key: ["x"] }, b: collection } }, /a: its key has changed/],
    [
      { collections: { a: collection, b: { ...collection, reduce: { n: "sum" } } } },
      /b: its reduce has changed/,
    ],
    [{ collections: { a: { ...collection, schema: {} }, b: collection } }, /a: its schema has changed/],
    [
      { captures: { a: { connector: "files", config: { path: "y" }, guarantee } } },
      /a: its source has changed/,
    ],
    [
      { derivations: { b: { sources: [{ collection: "a" }], transform: { bundle: "2", params: {} } } } },
      /b: its transform has changed/,
    ],
    [
      {
        derivations: { b: { sources: [{ collection: "a" }], transform: { bundle: "1", params: { n: 1 } } } },
      },
      /b: the params of its transform have changed/,
    ],
    [
      { derivations: { b: { sources: [{ collection: "b" }], transform: { bundle: "1", params: {} } } } },
      /b: it derives from another source/,
    ],
    [
      { derivations: {}, captures: { b: { connector: "http", config: {}, guarantee } } },
      /b: it was derived and is now captured/,
    ],
    [
      {
        materializations: {
          "postgres:t": {
            collection: "a",
            connector: "postgres",
            config: { url: { $env: "A" }, table: "t" },
            guarantee,
          },
        },
      },
      /postgres:t: it was materialized from b and is now from a/,
    ],
  ] as [Partial<Plan>, RegExp][])("is not the meaning of what stands: %j", (change, message) => {
    expect(refusal(plan(change))).toMatch(message);
  });

  it("a schema may be written differently, as long as it says the same", () => {
    const schema = { type: "object", required: ["id", "n"], properties: { id: { type: "string" } } };
    const described = { ...schema, description: "An order.", required: ["n", "id"] };
    const of = (written: object) =>
      plan({ collections: { a: { ...collection, schema: { ...written } }, b: collection } });
    expect(refusal(of(described), of(schema))).toBe("");
    expect(refusal(of({ ...schema, required: ["id"] }), of(schema))).toMatch(/a: its schema has changed/);
  });

  it("an HTTP capture may move, since it keeps no cursor", () => {
    const at = (path: string) =>
      plan({ captures: { a: { connector: "http", config: { path }, guarantee } } });
    expect(refusal(at("/b"), at("/a"))).toBe("");
  });

  it("is judged against everything that ever ran, also what the last plan left out", () => {
    const without = plan({ derivations: {}, collections: { a: collection }, materializations: {} });
    const applied = mergeApplied(plan(), without);
    const back = plan({
      derivations: { b: { sources: [{ collection: "a" }], transform: { bundle: "2", params: {} } } },
    });
    expect(refusal(back, applied)).toMatch(/its transform has changed/);
  });
});
