import { expect, test } from "vitest";
import type { CollectionPlan, Plan } from "../plan.ts";
import { effectsOf } from "./effects.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;

type Reduce = CollectionPlan["reduce"];

/** `sums` derives from `all`; both are kept in tables, the first also as a log. */
function plan(reduce: Readonly<{ all?: Reduce; sums?: Reduce }>): Plan {
  const collection = (own: Reduce = {}) => ({ schema: { type: "object" }, key: ["id"], reduce: own });
  const table = (name: string, of: string) => {
    return {
      [`postgres:${name}`]: { collection: of, connector: "postgres", config: { table: name }, guarantee },
    };
  };
  return {
    formatVersion: 1,
    collections: { all: collection(reduce.all), sums: collection(reduce.sums) },
    captures: { all: { connector: "files", config: { path: "all.ndjson" }, guarantee } },
    derivations: { sums: { sources: [{ collection: "all", transform: { bundle: "1" } }], params: {} } },
    materializations: {
      ...table("all", "all"),
      ...table("sums", "sums"),
      "postgres:log": {
        ...{ collection: "sums", connector: "postgres", config: { table: "log" }, mode: "delta", guarantee },
      },
    },
  };
}

/** What is made again. */
function rebuilt(before: Plan, after: Plan): readonly string[] {
  const { collections, targets } = effectsOf(before, after);
  return [...collections, ...targets].flatMap(([name, each]) => (each.rebuilt ? [name] : []));
}

test("another reduction of a captured collection makes its targets again, and not its documents", () => {
  const [before, after] = [plan({ all: { n: "sum" } }), plan({ all: { n: "max" } })];
  expect(rebuilt(before, after)).toEqual(["postgres:all"]);
});

test("another reduction of a derived collection makes its documents again, which the former one had combined", () => {
  const [before, after] = [plan({ sums: { n: "sum" } }), plan({ sums: { n: "max" } })];
  expect(rebuilt(before, after)).toEqual(["sums", "postgres:log", "postgres:sums"]);
  // One more field's counts too: its values were lost where the documents were combined.
  const more = plan({ sums: { n: "sum", m: "sum" } });
  expect(rebuilt(before, more)).toEqual(["sums", "postgres:log", "postgres:sums"]);
});

test("documents that no reduction had combined stay where one is added", () => {
  expect(rebuilt(plan({}), plan({ sums: { n: "max" } }))).toEqual(["postgres:sums"]);
});
