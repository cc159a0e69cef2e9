import { describe, expect, it } from "vitest";
import { effectsOf } from "../plan/evolution/effects.ts";
import type {
  CollectionPlan,
  DerivationPlan,
  DerivationSource,
  JsonSchema,
  MaterializationPlan,
  Plan,
} from "../plan/plan.ts";
import { mergeApplied, refuseChanges } from "./changes.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const schema = {
  ...{ type: "object", required: ["id", "n"], additionalProperties: false },
  properties: { id: { type: "string" }, n: { type: "integer" }, note: { type: "string" } },
};
const collection: CollectionPlan = { schema, key: ["id"], reduce: {} };
const source: DerivationSource = { collection: "a", transform: { bundle: "1" } };
const target: MaterializationPlan = {
  ...{ collection: "b", connector: "postgres", config: { url: { $env: "A" }, table: "t" }, guarantee },
};

function plan(change: Partial<Plan> = {}): Plan {
  return {
    formatVersion: 1,
    collections: { a: collection, b: collection },
    captures: { a: { connector: "files", config: { path: "x" }, guarantee } },
    derivations: { b: { sources: [source], params: {} } },
    materializations: { "postgres:t": target },
    ...change,
  };
}

const derived = (change: Partial<DerivationPlan>): Plan =>
  plan({ derivations: { b: { sources: [source], params: {}, ...change } } });
const reading = (...sources: readonly Partial<DerivationSource>[]): Plan =>
  derived({ sources: sources.map((each) => ({ ...source, ...each })) });
const filling = (change: Partial<MaterializationPlan>): Plan =>
  plan({ materializations: { "postgres:t": { ...target, ...change } } });
const b = (change: Partial<CollectionPlan>, more: Partial<Plan> = {}): Plan =>
  plan({ collections: { a: collection, b: { ...collection, ...change } }, ...more });
const a = (change: Partial<CollectionPlan>, more: Partial<Plan> = {}): Plan =>
  plan({ collections: { a: { ...collection, ...change }, b: collection }, ...more });

const refusal = (next: Plan, before = plan()) => {
  try {
    refuseChanges(effectsOf(before, next));
    return "";
  } catch (error) {
    return String(error);
  }
};
/** The refused changes alone. */
const refused = (next: Plan, before = plan()) =>
  refusal(next, before)
    .split("\n")
    .filter((line) => line.startsWith("  - "))
    .map((line) => line.slice(4));

describe("what a plan may change where something has run", () => {
  it("is nothing at first, additions, removals and URLs later", () => {
    expect(refusal(plan())).toBe("");
    expect(refusal(plan({ derivations: {}, materializations: {}, collections: { a: collection } }))).toBe("");
    expect(refusal(plan({ collections: { a: collection, b: collection, c: collection } }))).toBe("");
    expect(refusal(filling({ config: { url: { $env: "B" }, table: "t" } }))).toBe("");
  });

  const files = (path: string) => ({ connector: "files", config: { path }, guarantee });
  it.each<[string, Plan]>([
    ["a: its key has changed", a({ key: ["n"] })],
    ["b: its reduce has changed", b({ reduce: { n: "sum" } })],
    ["a: its schema has changed", a({ schema: { ...schema, required: ["id", "n", "note"] } })],
    ["a: its partitions have changed", a({ partitions: 2 })],
    ["b: its partitions have changed", b({ partitionBy: ["id"] })],
    [
      "a: its source has changed, to which the capture's cursor does not apply",
      plan({ captures: { a: files("y") } }),
    ],
    ["b: its transform has changed", reading({ transform: { bundle: "2" } })],
    ["b: what it does with removals has changed", reading({ removed: { bundle: "2" } })],
    ["b: the params of its transform have changed", derived({ params: { n: 1 } })],
    ["b: it derives from another source", reading({ collection: "c" })],
    ["b: it derives from c as well", reading({}, { name: "c", collection: "c" })],
    ["b: it reads another part of a", reading({ from: "2026-01-01T00:00:00.000Z" })],
    ["b: it reads another part of a", reading({ where: { id: ["1"] } })],
    ["b: it reads a reduced", reading({ reduced: true })],
    ["b: its state has changed", derived({ state: { schema: { type: "object" }, initial: {} } })],
    ["b: its source a is named x, under which its checkpoint has no position", reading({ name: "x" })],
    [
      "b: it was derived and is now captured",
      plan({ derivations: {}, captures: { a: files("x"), b: files("y") } }),
    ],
    ["postgres:t: it was materialized from b and is now from a", filling({ collection: "a" })],
    [
      "postgres:t: its mode was standard and is now delta, which takes a table of another form",
      filling({ mode: "delta" }),
    ],
    [
      "postgres:t: it holds another part of b (raise its backfill counter with it to have it filled again)",
      filling({ where: { id: ["1"] } }),
    ],
    ["postgres:t: its options have changed", filling({ config: { ...target.config, schema: "other" } })],
  ])("is not the meaning of what stands: %s", (message, next) => {
    expect(refused(next)).toEqual([message]);
  });

  it("all refusals are told at once", () => {
    const next = plan({
      collections: { a: { ...collection, key: ["n"] }, b: { ...collection, key: ["n"] } },
      materializations: { "postgres:t": { ...target, mode: "delta", collection: "a" } },
    });
    expect(refused(next)).toEqual([
      "a: its key has changed",
      "b: its key has changed",
      "postgres:t: it was materialized from b and is now from a",
      "postgres:t: its mode was standard and is now delta, which takes a table of another form",
    ]);
  });

  it("an HTTP capture may move, since it keeps no cursor", () => {
    const at = (path: string) =>
      plan({ captures: { a: { connector: "http", config: { path }, guarantee } } });
    expect(refusal(at("/b"), at("/a"))).toBe("");
  });

  it("is judged against everything that ever ran, also what the last plan left out", () => {
    const without = plan({ derivations: {}, collections: { a: collection }, materializations: {} });
    const applied = mergeApplied(plan(), without);
    expect(refused(reading({ transform: { bundle: "2" } }), applied)).toEqual([
      "b: its transform has changed",
    ]);
  });
});

describe("how a derivation reads may change where what it derived stays", () => {
  const two = [
    { name: "x", by: ["id"] },
    { name: "y", by: ["id"] },
  ];
  it("priority, delay, the order of sources, and a shuffle key that picks no state", () => {
    expect(refused(reading({ priority: 3, readDelayMs: 60_000 }))).toEqual([]);
    expect(refused(reading(...two.toReversed()), reading(...two))).toEqual([]);
    expect(refused(reading({ by: ["n"] }), reading({ by: ["id"] }))).toEqual([]);
  });

  it("a shuffle key that picks the state, or the pairs of a reduced source, may not", () => {
    const state = { schema: { type: "object" }, initial: {} };
    const by = (...paths: string[]) => derived({ state, sources: [{ ...source, by: paths }] });
    expect(refused(by("n"), by("id"))).toEqual(["b: the shuffle key of a has changed"]);
    expect(refused(reading({ reduced: true, by: ["n"] }), reading({ reduced: true, by: ["id"] }))).toEqual([
      "b: the shuffle key of a has changed",
    ]);
  });

  it("the schema of its state may be written differently", () => {
    const of = (written: JsonSchema) => derived({ state: { schema: written, initial: {} } });
    expect(refused(of({ type: "object", description: "Counts." }), of({ type: "object" }))).toEqual([]);
  });
});

const BACKFILLS = 'onSchemaChange: "backfill" has the table emptied, altered and filled again';

describe("a schema may widen", () => {
  const widened = (properties: object, required = ["id", "n"]): JsonSchema => ({
    ...schema,
    properties: { ...schema.properties, ...properties },
    required,
  });
  const hash = { collection: "b", connector: "redis", config: { key: "b:{id}" }, guarantee };
  const redis = (as?: string): Partial<Plan> => ({
    materializations: {
      "redis:b:{id}": as === undefined ? hash : { ...hash, config: { ...hash.config, as } },
    },
  });
  const none = { materializations: {} };

  it("or be written differently", () => {
    expect(refused(b({ schema: { ...schema, description: "An order.", required: ["n", "id"] } }))).toEqual(
      [],
    );
  });

  it.each<[string, JsonSchema]>([
    ["a new optional field", widened({ more: { type: "string" } })],
    ["a required field becomes optional", widened({}, ["id"])],
    ["a wider type", widened({ n: { type: "number" } })],
    ["a null", widened({ n: { type: ["integer", "null"] } })],
    ["more types", widened({ note: { type: ["string", "integer"] } })],
  ])("where no target holds it: %s", (_what, wider) => {
    expect(refused(b({ schema: wider }, none), plan(none))).toEqual([]);
    expect(refused(a({ schema: wider }))).toEqual([]);
    expect(refused(b({ schema: wider }, redis("json")), plan(redis("json")))).toEqual([]);
    // And the other way it narrows.
    expect(refused(plan(none), b({ schema: wider }, none))).toHaveLength(1);
  });

  it("where a table can stay as it is", () => {
    const json = (type: string) => widened({ tags: { type: "array", items: { type } } });
    expect(refused(b({ schema: json("number") }), b({ schema: json("integer") }))).toEqual([]);
    const nullable = { n: { type: ["integer", "null"] } };
    expect(refused(b({ schema: widened(nullable, ["id"]) }), b({ schema: widened(nullable) }))).toEqual([]);
    const note = (of: object) => widened({ note: { type: "string", ...of } });
    expect(refused(b({ schema: note({}) }), b({ schema: note({ format: "email" }) }))).toEqual([]);
    expect(refused(b({ schema: note({ maxLength: 9 }) }), b({ schema: note({ maxLength: 5 }) }))).toEqual([]);
  });

  it.each<[string, JsonSchema, JsonSchema]>([
    ["its column for n has a type for other values", schema, widened({ n: { type: "number" } })],
    ["its column for n takes no NULL", schema, widened({}, ["id"])],
    ["its column for n takes no NULL", schema, widened({ n: { type: ["integer", "null"] } })],
    [
      "its column for note has a type for other values",
      widened({ note: { type: "string", format: "date" } }),
      schema,
    ],
  ])("and not where a table would have to change: %s", (message, before, after) => {
    const halts = refused(b({ schema: after }), b({ schema: before }));
    expect(halts).toEqual([`postgres:t: ${message} (${BACKFILLS})`]);
    const backfills = {
      materializations: { "postgres:t": { ...target, onSchemaChange: "backfill" as const } },
    };
    expect(refused(b({ schema: after }, backfills), b({ schema: before }))).toEqual([]);
    const raised = { materializations: { "postgres:t": { ...target, backfill: 1 } } };
    expect(refused(b({ schema: after }, raised), b({ schema: before }))).toEqual([]);
  });

  it("a new field needs a column, unless it is left out with it", () => {
    const more = widened({ more: { type: "string" } });
    expect(refused(b({ schema: more }))).toEqual([
      `postgres:t: its table has no column for more (columns: { more: false } leaves it out, ${BACKFILLS})`,
    ]);
    const config = (columns: object): Partial<Plan> => ({
      materializations: {
        "postgres:t": { ...target, config: { ...target.config, columns: { ...columns } } },
      },
    });
    expect(refused(b({ schema: more }, config({ more: false })))).toEqual([]);
    expect(refused(b({ schema: more }, config({ more: false, n: false })))).toEqual([
      "postgres:t: its options have changed (raise its backfill counter with it to have it filled again)",
    ]);
    // What is left out now would lack its rows if it came back.
    expect(
      refused(b({ schema: more }, config({})), b({ schema: more }, config({ more: false }))),
    ).toHaveLength(1);
  });

  it("a table that is declared elsewhere is altered by its own migrations", () => {
    const declared = (columns: object): Partial<Plan> => ({
      materializations: {
        "postgres:t": {
          ...target,
          config: { ...target.config, primaryKey: ["id"], columns: { ...columns } },
        },
      },
    });
    const columns = { id: { name: "id", type: "text" }, n: { name: "n", type: "integer" } };
    const more = widened({ more: { type: "string" } });
    const after = declared({ ...columns, more: { name: "more", type: "text" } });
    expect(refused(b({ schema: more }, after), plan(declared(columns)))).toEqual([]);
    const bounded = (maximum: number) => widened({ n: { type: "integer", maximum } });
    expect(
      refused(b({ schema: bounded(9e9) }, declared(columns)), b({ schema: bounded(9) }, declared(columns))),
    ).toEqual(["postgres:t: its column for n has a type for other values"]);
  });

  it("a JSON column has a null as a value, whatever its field is otherwise", () => {
    const columns = { ...target.config, columns: { note: { type: "jsonb" } } };
    const of = (required: string[]) =>
      b(
        { schema: widened({ note: { type: ["string", "null"] } }, required) },
        { materializations: { "postgres:t": { ...target, config: columns } } },
      );
    expect(refused(of(["id", "n"]), of(["id", "n", "note"]))).toEqual([
      `postgres:t: its column for note takes no NULL (${BACKFILLS})`,
    ]);
  });

  it("a log takes what lacks a field", () => {
    const log = { "postgres:t": { ...target, mode: "delta" as const } };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: log });
    expect(refused(of(widened({}, ["id"])), of(schema))).toEqual([]);
    expect(refused(of(widened({ n: { type: "number" } })), of(schema))).toHaveLength(1);
  });

  it("a field that has no column is none of the table's", () => {
    const left = { "postgres:t": { ...target, config: { ...target.config, columns: { n: false } } } };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: left });
    expect(refused(of(widened({ n: { type: "number" } })), of(schema))).toEqual([]);
  });

  it("and not where a hash could not tell values apart, or rows are told apart by the field", () => {
    const strings = widened({ note: { type: ["string", "integer"] } });
    expect(refused(b({ schema: strings }, redis()), plan(redis()))).toEqual([
      "redis:b:{id}: its hashes do not tell a string in note from something else",
    ]);
    expect(
      refused(b({ schema: widened({ n: { type: "number" } }, ["id"]) }, redis()), plan(redis())),
    ).toEqual([]);
    const ids = widened({ id: { type: ["string", "integer"] } });
    expect(refused(b({ schema: ids }, redis("json")), plan(redis("json")))).toEqual([
      "redis:b:{id}: its rows are told apart by id, which takes other values",
    ]);
    const sorted = {
      "redis:b": { ...hash, config: { key: "b", as: { sortedSet: { member: "{id}", score: "n" } } } },
    };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: sorted });
    expect(refused(of(widened({ n: { type: "number" }, more: {} })), of(schema))).toEqual([]);
    expect(refused(of(widened({}, ["id"])), of(schema))).toEqual([
      "redis:b: its score n would be no required number",
    ]);
  });

  it("what is removed could come back as something else", () => {
    const { note: _note, ...properties } = schema.properties;
    expect(refused(a({ schema: { ...schema, properties } }))).toEqual([
      "a: its schema no longer has the field note, which stored documents keep (an optional field may stay)",
    ]);
  });
});

describe("a target may be filled again", () => {
  it("when its counter moves, and then take other rows or columns with it", () => {
    expect(refused(filling({ backfill: 1 }))).toEqual([]);
    expect(refused(filling({}), filling({ backfill: 1 }))).toEqual([]);
    expect(refused(filling({ backfill: 1, where: { id: ["1"] } }))).toEqual([]);
    const columns = { ...target.config, columns: { n: { name: "count" } } };
    expect(refused(filling({ backfill: 1, config: columns }))).toEqual([]);
    expect(refused(filling({ config: columns }))).toEqual([
      "postgres:t: its options have changed (raise its backfill counter with it to have it filled again)",
    ]);
  });

  it("but not become another table, or hold another collection", () => {
    const schemaChange = { ...target.config, schema: "other" };
    expect(refused(filling({ backfill: 1, config: schemaChange }))).toHaveLength(1);
    expect(refused(filling({ backfill: 1, mode: "delta" }))).toHaveLength(1);
    expect(refused(filling({ backfill: 1, collection: "a" }))).toHaveLength(1);
  });

  it("but its key's columns stay, where rows are told apart by them", () => {
    const columns = { ...target.config, columns: { id: { name: "order_id" } } };
    const refusals = ["postgres:t: the columns of its key have changed"];
    expect(refused(filling({ backfill: 1, config: columns }))).toEqual(refusals);
    expect(refused(filling({ config: columns }))).toEqual(refusals);
    expect(
      refused(filling({ mode: "delta", backfill: 1, config: columns }), filling({ mode: "delta" })),
    ).toEqual([]);
    // Of a table that is declared elsewhere, they are what its migrations made.
    const declared = (type: string) => {
      const config = { ...target.config, primaryKey: ["id"], columns: { id: { name: "id", type } } };
      return filling({ backfill: type.length, config });
    };
    expect(refused(declared("text"), declared("varchar"))).toEqual([]);
  });
});

describe("onSchemaChange", () => {
  const wider = (more: object) => ({ ...schema, properties: { ...schema.properties, ...more } });
  const of = (properties: object, named: string, change: Partial<MaterializationPlan>, was = schema) => {
    const materializations = { [named]: { ...target, onSchemaChange: "backfill" as const, ...change } };
    return refused(
      b({ schema: wider(properties) }, { materializations }),
      b({ schema: was }, { materializations }),
    );
  };

  it("may be another", () => {
    expect(refused(filling({ onSchemaChange: "backfill" }))).toEqual([]);
    expect(refused(filling({}), filling({ onSchemaChange: "backfill" }))).toEqual([]);
  });

  it("fills a table again, or a log, that cannot take the schema as it stands", () => {
    for (const mode of [{}, { mode: "delta" }] as const) {
      expect(of({ n: { type: "number" } }, "postgres:t", mode)).toEqual([]);
      expect(of({ more: { type: "string" } }, "postgres:t", mode)).toEqual([]);
    }
  });

  it("does nothing for a key, nor for a table that is declared elsewhere", () => {
    expect(of({ id: { type: ["string", "integer"] } }, "postgres:t", {})).toEqual([
      "postgres:t: its rows are told apart by id, which takes other values",
    ]);
    const columns = { id: { name: "id", type: "text" }, n: { name: "n", type: "bigint" } };
    const config = { ...target.config, primaryKey: ["id"], columns };
    expect(of({ n: { type: "number" } }, "postgres:t", { config })).toEqual([
      "postgres:t: its column for n has a type for other values",
    ]);
  });

  it("does nothing for Redis, which another form would not help", () => {
    const hash = { connector: "redis", config: { key: "b:{id}" } };
    expect(of({ note: { type: ["string", "integer"] } }, "redis:b:{id}", hash)).toEqual([
      "redis:b:{id}: its hashes do not tell a string in note from something else",
    ]);
    expect(of({ more: { type: "string" } }, "redis:b:{id}", hash)).toEqual([]);
  });

  it("says nothing of a collection's own, incompatible change", () => {
    expect(of({ n: { type: "string" } }, "postgres:t", {})).toEqual(["b: its schema has changed"]);
    expect(of({}, "postgres:t", {}, wider({ gone: { type: "string" } }))).toEqual([
      expect.stringContaining("b: its schema no longer has the field gone"),
    ]);
  });
});

describe("names may change", () => {
  const { b: _b, ...collections } = plan().collections;
  const renamed = plan({
    collections: { ...collections, c: { ...collection, renamedFrom: "b" } },
    derivations: { c: { sources: [source], params: {} } },
    materializations: { "postgres:t": { ...target, collection: "c" } },
  });

  it("where the flow says what the name was; once, and then it says nothing", () => {
    expect(refused(renamed)).toEqual([]);
    const applied = mergeApplied(plan(), renamed);
    expect(applied).toEqual(renamed);
    // Something new may have the old name.
    const again: Plan = { ...renamed, collections: { ...renamed.collections, b: collection } };
    expect(refused(again, applied)).toEqual([]);
    const both = mergeApplied(applied, again);
    expect(refused(again, both)).toEqual([]);
    // And go away again.
    expect(refused(renamed, both)).toEqual([]);
    expect(mergeApplied(both, renamed).collections.b).toEqual(collection);
  });

  it("what else has changed is refused as ever", () => {
    const changed = { c: { sources: [{ ...source, transform: { bundle: "2" } }], params: {} } };
    expect(refused({ ...renamed, derivations: changed })).toEqual(["c: its transform has changed"]);
  });

  it("what reads it knows it by the new name, also what ran before that", () => {
    const without = mergeApplied(plan(), { ...plan(), materializations: {} });
    const applied = mergeApplied(without, { ...renamed, materializations: {} });
    expect(applied.materializations["postgres:t"]?.collection).toBe("c");
    expect(refused(renamed, applied)).toEqual([]);
  });

  it("two that were filled do not become one", () => {
    const stood = plan({ collections: { ...plan().collections, c: collection } });
    const merging = { ...renamed, derivations: {}, materializations: {} };
    expect(refused(merging, stood)).toEqual(["c: its documents and those of b cannot become one"]);
  });

  it("an old name that is still declared is no old name, and two cannot have it", () => {
    const still = { ...renamed, collections: { ...renamed.collections, b: collection } };
    expect(mergeApplied(plan(), still).collections.b).toEqual(collection);
    const two = {
      ...renamed,
      collections: { ...renamed.collections, d: { ...collection, renamedFrom: "b" } },
    };
    expect(mergeApplied(plan(), two).collections.b).toEqual(collection);
  });

  it("of a table within its schema, and of no keys in Redis", () => {
    const named = (table: string, more: object = {}, inSchema = "s") => ({
      [`postgres:${inSchema}.${table}`]: {
        ...{ ...target, config: { ...target.config, table, schema: inSchema }, ...more },
      },
    });
    const stood = plan({ materializations: named("t") });
    for (const renamedFrom of ["t", "s.t"]) {
      const next = plan({ materializations: named("u", { renamedFrom }) });
      expect(refused(next, stood)).toEqual([]);
      expect(Object.keys(mergeApplied(stood, next).materializations)).toEqual(["postgres:s.u"]);
    }
    // The driver finds nothing of that name in the other schema: a new table.
    const moved = plan({ materializations: named("t", { renamedFrom: "t" }, "other") });
    expect(Object.keys(mergeApplied(stood, moved).materializations)).toEqual([
      "postgres:s.t",
      "postgres:other.t",
    ]);
    const keys = (key: string, more: object = {}) => ({
      [`redis:${key}`]: { ...{ collection: "b", connector: "redis", config: { key }, guarantee }, ...more },
    });
    expect(
      refused(
        plan({ materializations: keys("c:{id}", { renamedFrom: "b:{id}" }) }),
        plan({ materializations: keys("b:{id}") }),
      ),
    ).toEqual([
      "redis:c:{id}: Redis cannot rename all of its keys as one (without renamedFrom, the new ones are filled from history)",
    ]);
  });

  it("of a target, with the option that names it", () => {
    const next = plan({
      materializations: {
        "postgres:u": { ...target, renamedFrom: "t", config: { ...target.config, table: "u" } },
      },
    });
    expect(refused(next)).toEqual([]);
    expect(Object.keys(mergeApplied(plan(), next).materializations)).toEqual(["postgres:u"]);
    const { renamedFrom: _renamedFrom, ...plain } = next.materializations["postgres:u"] ?? target;
    expect(refused(plan({ materializations: { "postgres:u": plain } }), mergeApplied(plan(), next))).toEqual(
      [],
    );
  });
});
