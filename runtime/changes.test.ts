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
import { mergeApplied, refuseChanges, refuseDestructive } from "./changes.ts";
import { planRebuild } from "./rebuild/plan-rebuild.ts";

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

const linesOf = (run: () => void) => {
  try {
    run();
    return [];
  } catch (error) {
    return String(error)
      .split("\n")
      .flatMap((line) => (line.startsWith("  - ") ? [line.slice(4)] : []));
  }
};
/** What is refused whatever flags there are. */
const refused = (next: Plan, before = plan()) => linesOf(() => refuseChanges(effectsOf(before, next)));
/** What is refused without `--allow destructive`. */
const givenUp = (next: Plan, before = plan()) => linesOf(() => refuseDestructive(before, next));

/** What becomes of what stands: made again beside it, or where it stands, which empties it first; or it stays. */
type Fate = "beside" | "emptied" | "stays";
const fates = (next: Plan, before = plan()): Readonly<Record<string, Fate>> => {
  const effects = effectsOf(before, next);
  const { rebuild } = planRebuild({
    ...{ effects, next, planHash: "", generations: {}, stale: {}, canStandBeside: () => true },
  });
  const made = { ...rebuild?.collections, ...rebuild?.targets };
  const changed = [...effects.collections, ...effects.targets].map(([name, { rebuilt }]): [string, Fate] => {
    return [name, Object.hasOwn(made, name) ? "beside" : rebuilt ? "emptied" : "stays"];
  });
  return Object.fromEntries([
    ...Object.keys(made).map((name): [string, Fate] => [name, "beside"]),
    ...changed,
  ]);
};
const ALL = { a: "beside", b: "beside", "postgres:t": "beside" } as const;
const DERIVED = { b: "beside", "postgres:t": "beside" } as const;
const TARGET = { "postgres:t": "beside" } as const;

const files = (path: string) => ({ connector: "files", config: { path }, guarantee });

describe("what a plan gives another meaning", () => {
  it("is nothing at first, and nothing where only something is added", () => {
    expect(fates(plan())).toEqual({});
    expect(fates(plan({ collections: { a: collection, b: collection, c: collection } }))).toEqual({});
  });

  it.each<[string, Plan, Readonly<Record<string, Fate>>]>([
    ["a captured collection's key", a({ key: ["n"] }), { a: "stays" }],
    ["and one that documents may lack", a({ key: ["note"] }), ALL],
    ["a derived collection's key", b({ key: ["n"] }), DERIVED],
    ["a reduction", b({ reduce: { n: "sum" } }), { ...TARGET, b: "stays" }],
    ["a narrower schema", a({ schema: { ...schema, required: ["id", "n", "note"] } }), ALL],
    ["partitions", a({ partitions: 2 }), ALL],
    ["a partition field", b({ partitionBy: ["id"] }), DERIVED],
    ["a source", plan({ captures: { a: files("y") } }), ALL],
    ["a transform", reading({ transform: { bundle: "2" } }), DERIVED],
    ["what it does with removals", reading({ removed: { bundle: "2" } }), DERIVED],
    ["params", derived({ params: { n: 1 } }), DERIVED],
    ["another source", reading({ collection: "c" }), DERIVED],
    ["one source more", reading({}, { name: "c", collection: "c" }), DERIVED],
    ["a time", reading({ from: "2026-01-01T00:00:00.000Z" }), DERIVED],
    ["a part", reading({ where: { id: ["1"] } }), DERIVED],
    ["reduced documents", reading({ reduced: true }), DERIVED],
    ["a state", derived({ state: { schema: { type: "object" }, initial: {} } }), DERIVED],
    ["a source's name", reading({ name: "x" }), DERIVED],
    [
      "capturing what was derived",
      plan({ derivations: {}, captures: { a: files("x"), b: files("y") } }),
      DERIVED,
    ],
    ["a target's collection", filling({ collection: "a" }), TARGET],
    ["its mode", filling({ mode: "delta" }), TARGET],
    ["its part", filling({ where: { id: ["1"] } }), TARGET],
    ["its options", filling({ config: { ...target.config, schema: "other" } }), TARGET],
    ["its address alone", filling({ config: { url: { $env: "B" }, table: "t" } }), { "postgres:t": "stays" }],
  ])("is made again beside what stands: %s", (_what, next, expected) => {
    expect(fates(next)).toEqual(expected);
    expect(refused(next)).toEqual([]);
  });

  it("an HTTP capture may move, since it keeps no cursor", () => {
    const at = (path: string) =>
      plan({ captures: { a: { connector: "http", config: { path }, guarantee } } });
    expect(fates(at("/b"), at("/a"))).toEqual({ a: "stays" });
  });

  it("is judged against everything that ever ran, also what the last plan left out", () => {
    const without = plan({ derivations: {}, collections: { a: collection }, materializations: {} });
    const applied = mergeApplied(plan(), without);
    expect(fates(reading({ transform: { bundle: "2" } }), applied)).toEqual(DERIVED);
    expect(fates(plan(), applied)).toEqual({});
  });

  it("cannot be made beside by a connector that has no such place", () => {
    const next = reading({ transform: { bundle: "2" } });
    expect(linesOf(() => refuseChanges(effectsOf(plan(), next), ["postgres:t"]))).toEqual([
      "postgres:t: its connector cannot fill a target beside the one that serves",
    ]);
  });
});

describe("what a plan gives up", () => {
  it.each<[string, Plan, readonly string[]]>([
    [
      "what is not declared any more",
      plan({ derivations: {}, materializations: {}, collections: { a: collection } }),
      ["b: it is no longer declared", "postgres:t: it is no longer declared"],
    ],
    [
      "documents of another source",
      plan({ captures: { a: files("y") } }),
      [
        "a: the path of its source has changed; its cursor does not apply, so the source is read from its beginning",
      ],
    ],
    [
      "what was derived, where it is captured",
      plan({ derivations: {}, captures: { a: files("x"), b: files("y") } }),
      ["b: it was derived and is now captured"],
    ],
    ["a target's rows", filling({ collection: "a" }), ["postgres:t: it holds a instead of b"]],
    [
      "rows of another form",
      filling({ mode: "delta" }),
      ["postgres:t: it holds a row for each document as it was appended instead of one per key"],
    ],
  ])("it says, and asks for a flag: %s", (_what, next, lost) => {
    expect(givenUp(next)).toEqual(lost);
    expect(refused(next)).toEqual([]);
  });

  it("is not what is made again of the same documents, and nothing is given up twice", () => {
    expect(givenUp(reading({ transform: { bundle: "2" } }))).toEqual([]);
    expect(givenUp(a({ partitions: 2 }))).toEqual([]);
    expect(givenUp(filling({ where: { id: ["1"] } }))).toEqual([]);
    const without = plan({ materializations: {} });
    expect(givenUp(without, without)).toEqual([]);
  });

  it("names all of it, the remedy, and the flag", () => {
    const next = plan({ captures: { a: files("y") }, materializations: {} });
    expect(() => refuseDestructive(plan(), next)).toThrow(
      /postgres:t: it is no longer declared\n {2}- a: the path of its source .*\nNothing was started\. weir diff .*--allow destructive/,
    );
  });
});

describe("how a derivation reads may change where what it derived stays", () => {
  const two = [
    { name: "x", by: ["id"] },
    { name: "y", by: ["id"] },
  ];
  it("priority, delay, the order of sources, and a shuffle key that picks no state", () => {
    expect(fates(reading({ priority: 3, readDelayMs: 60_000 }))).toEqual({ b: "stays" });
    expect(fates(reading(...two.toReversed()), reading(...two))).toEqual({ b: "stays" });
    expect(fates(reading({ by: ["n"] }), reading({ by: ["id"] }))).toEqual({ b: "stays" });
  });

  it("not a shuffle key that picks the state, or the pairs of a reduced source", () => {
    const state = { schema: { type: "object" }, initial: {} };
    const by = (...paths: string[]) => derived({ state, sources: [{ ...source, by: paths }] });
    expect(fates(by("n"), by("id"))).toEqual(DERIVED);
    expect(fates(reading({ reduced: true, by: ["n"] }), reading({ reduced: true, by: ["id"] }))).toEqual(
      DERIVED,
    );
  });

  it("the schema of its state may be written differently", () => {
    const of = (written: JsonSchema) => derived({ state: { schema: written, initial: {} } });
    expect(fates(of({ type: "object", description: "Counts." }), of({ type: "object" }))).toEqual({
      b: "stays",
    });
  });

  it("what reads a collection reduced follows its reduction", () => {
    const summed = b({ reduce: { n: "sum" } }).collections;
    const c = { sources: [{ ...source, collection: "b", reduced: true as const }], params: {} };
    const of = (b: CollectionPlan | undefined) =>
      plan({
        collections: { a: collection, b: b ?? collection, c: collection },
        derivations: { ...plan().derivations, c },
      });
    expect(fates(of(summed.b), of(collection))).toEqual({ ...TARGET, b: "stays", c: "beside" });
  });
});

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
    const written = { ...schema, description: "An order.", required: ["n", "id"] };
    expect(fates(b({ schema: written }))).toEqual({ b: "stays" });
  });

  it.each<[string, JsonSchema]>([
    ["a new optional field", widened({ more: { type: "string" } })],
    ["a required field becomes optional", widened({}, ["id"])],
    ["a wider type", widened({ n: { type: "number" } })],
    ["a null", widened({ n: { type: ["integer", "null"] } })],
    ["more types", widened({ note: { type: ["string", "integer"] } })],
  ])("and what reads it stays: %s", (_what, wider) => {
    expect(fates(b({ schema: wider }, none), plan(none))).toEqual({ b: "stays" });
    expect(fates(a({ schema: wider }))).toEqual({ a: "stays" });
    const json = b({ schema: wider }, redis("json"));
    expect(fates(json, plan(redis("json")))).toEqual({ b: "stays", "redis:b:{id}": "stays" });
    expect(refused(json, plan(redis("json")))).toEqual([]);
    // The other way it narrows, but for a field that goes.
    const narrows = _what === "a new optional field" ? "stays" : "beside";
    expect(fates(plan(none), b({ schema: wider }, none))).toEqual({ b: narrows });
  });

  it("and what is inside of a column of JSON, or finer than a column, alters no table", () => {
    const json = (type: string) => widened({ tags: { type: "array", items: { type } } });
    const kept = { b: "stays", "postgres:t": "stays" };
    expect(fates(b({ schema: json("number") }), b({ schema: json("integer") }))).toEqual(kept);
    const nullable = { n: { type: ["integer", "null"] } };
    expect(fates(b({ schema: widened(nullable, ["id"]) }), b({ schema: widened(nullable) }))).toEqual(kept);
    const note = (of: object) => widened({ note: { type: "string", ...of } });
    expect(fates(b({ schema: note({}) }), b({ schema: note({ format: "email" }) }))).toEqual(kept);
    expect(fates(b({ schema: note({ maxLength: 9 }) }), b({ schema: note({ maxLength: 5 }) }))).toEqual({
      b: "stays",
    });
  });

  const reason = (next: Plan, before: Plan, name = "postgres:t") =>
    effectsOf(before, next)
      .targets.get(name)
      ?.found.map((each) => each.reason);
  const altered = (says: string) => [
    `fields of b have changed: its table is altered where it stands (${says})`,
  ];
  const filled = (says: string) => [`fields of b have changed: ${says}, so it is filled again`];
  const NULLS = "its column for n takes NULL from now on";
  const TYPE_OF_N = "its column for n gets another type";
  const TYPE_OF_NOTE = "its column for note gets another type";

  // Held against a real table in connectors/postgres/alter-in-place.pg.test.ts.
  it.each<[string, string, JsonSchema, JsonSchema]>([
    ["a new optional field", "it gets a column for more", schema, widened({ more: { type: "string" } })],
    ["a field that may be missing", NULLS, schema, widened({}, ["id"])],
    ["a field that may be null", NULLS, schema, widened({ n: { type: ["integer", "null"] } })],
    ["integers that become numbers", TYPE_OF_N, schema, widened({ n: { type: "number" } })],
    [
      "a text that may be something else",
      TYPE_OF_NOTE,
      schema,
      widened({ note: { type: ["string", "integer"] } }),
    ],
    [
      "a boolean that may be something else",
      TYPE_OF_NOTE,
      widened({ note: { type: "boolean" } }),
      widened({ note: { type: ["boolean", "string"] } }),
    ],
    [
      "a required text that may be anything, or missing",
      TYPE_OF_NOTE,
      widened({}, ["id", "n", "note"]),
      widened({ note: { type: ["string", "integer", "null"] } }),
    ],
  ])("where the driver keeps the rows of a table as it alters it: %s", (_what, says, before, after) => {
    expect(fates(b({ schema: after }), b({ schema: before }))).toEqual({ b: "stays", "postgres:t": "stays" });
    expect(reason(b({ schema: after }), b({ schema: before }))).toEqual(altered(says));
    // Nothing has to be emptied for it, unless its counter asks for that.
    const backfills = { "postgres:t": { ...target, onSchemaChange: "backfill" as const } };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: backfills });
    expect(fates(of(after), of(before))).toEqual({ b: "stays", "postgres:t": "stays" });
    const raised = { materializations: { "postgres:t": { ...target, backfill: 1 } } };
    expect(fates(b({ schema: after }, raised), b({ schema: before }))).toEqual({
      ...{ b: "stays", "postgres:t": "emptied" },
    });
  });

  it.each<[string, string, JsonSchema, JsonSchema]>([
    [
      "a text of another type in the database",
      TYPE_OF_NOTE,
      widened({ note: { type: "string", format: "date" } }),
      schema,
    ],
    [
      "numbers beyond what JSON prints alike",
      TYPE_OF_N,
      schema,
      widened({ n: { type: ["integer", "string"] } }),
    ],
    [
      "a NULL that may be null or missing",
      TYPE_OF_NOTE,
      widened({ note: { type: ["string", "null"] } }),
      widened({ note: { type: ["string", "null", "integer"] } }),
    ],
    [
      "a new field where others may have been in stored documents",
      "it gets a column for more",
      { ...widened({}), additionalProperties: { type: "string" } },
      { ...widened({ more: { type: "string" } }), additionalProperties: { type: "string" } },
    ],
  ])(
    "and where its rows may not be those of a fresh fill, it is filled again: %s",
    (_what, says, was, is) => {
      expect(fates(b({ schema: is }), b({ schema: was }))).toEqual({ b: "stays", "postgres:t": "beside" });
      expect(reason(b({ schema: is }), b({ schema: was }))).toEqual(filled(says));
      const backfills = { "postgres:t": { ...target, onSchemaChange: "backfill" as const } };
      const of = (written: JsonSchema) => b({ schema: written }, { materializations: backfills });
      expect(fates(of(is), of(was))).toEqual({ b: "stays", "postgres:t": "emptied" });
    },
  );

  it("a new field needs no column where it is left out with it", () => {
    const more = widened({ more: { type: "string" } });
    const config = (columns: object): Partial<Plan> => ({
      materializations: {
        "postgres:t": { ...target, config: { ...target.config, columns: { ...columns } } },
      },
    });
    const kept = { b: "stays", "postgres:t": "stays" };
    expect(fates(b({ schema: more }, config({ more: false })))).toEqual(kept);
    expect(reason(b({ schema: more }, config({ more: false })), plan())).toEqual([
      "fields of b have changed; rows already stored stay as they are",
    ]);
    expect(fates(b({ schema: more }, config({ more: false, n: false })))).toEqual({ ...kept, ...TARGET });
    // What is left out now would lack its rows if it came back.
    expect(fates(b({ schema: more }, config({})), b({ schema: more }, config({ more: false })))).toEqual(
      TARGET,
    );
  });

  it("a column whose type is given keeps it", () => {
    const given = {
      ...{ ...target, config: { ...target.config, columns: { n: { type: "double precision" } } } },
    };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: { "postgres:t": given } });
    expect(reason(of(widened({ n: { type: "number" } })), of(schema))).toEqual([
      "fields of b have changed; rows already stored stay as they are",
    ]);
  });

  it("a JSON column has a null as a value, whatever its field is otherwise", () => {
    const columns = { ...target.config, columns: { note: { type: "jsonb" } } };
    const of = (required: string[]) =>
      b(
        { schema: widened({ note: { type: ["string", "null"] } }, required) },
        { materializations: { "postgres:t": { ...target, config: columns } } },
      );
    expect(reason(of(["id", "n"]), of(["id", "n", "note"]))).toEqual(
      altered("its column for note takes NULL from now on"),
    );
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
    const columns = { id: { name: "id", type: "text" }, n: { name: "n", type: "bigint" } };
    const more = widened({ more: { type: "string" } }, ["id"]);
    const after = declared({ ...columns, more: { name: "more", type: "text" } });
    expect(fates(b({ schema: more }, after), plan(declared(columns)))).toEqual({
      ...{ b: "stays", "postgres:t": "stays" },
    });
    // Its declaration has to have another type for it, and is another option then.
    const wider = declared({ ...columns, n: { name: "n", type: "double precision" } });
    expect(fates(b({ schema: widened({ n: { type: "number" } }) }, wider), plan(declared(columns)))).toEqual({
      ...{ b: "stays", "postgres:t": "beside" },
    });
  });

  it("a log takes what lacks a field", () => {
    const log = { "postgres:t": { ...target, mode: "delta" as const } };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: log });
    expect(reason(of(widened({}, ["id"])), of(schema))).toEqual([
      "fields of b have changed; rows already stored stay as they are",
    ]);
    expect(reason(of(widened({ n: { type: "number" } })), of(schema))).toEqual(altered(TYPE_OF_N));
  });

  it("a field that has no column is none of the table's", () => {
    const left = { "postgres:t": { ...target, config: { ...target.config, columns: { n: false } } } };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: left });
    expect(reason(of(widened({ n: { type: ["integer", "string"] } })), of(schema))).toEqual([
      "fields of b have changed; rows already stored stay as they are",
    ]);
  });

  it("rows that are told apart by a field of other values are written anew", () => {
    const ids = widened({ id: { type: ["string", "integer"] } });
    expect(fates(b({ schema: ids }, redis("json")), plan(redis("json")))).toEqual({
      ...{ b: "stays", "redis:b:{id}": "beside" },
    });
    const backfills = { "postgres:t": { ...target, onSchemaChange: "backfill" as const } };
    expect(fates(b({ schema: ids }, { materializations: backfills }))).toMatchObject(TARGET);
  });

  it("is refused where a hash could not tell values apart", () => {
    const strings = widened({ note: { type: ["string", "integer"] } });
    const backfills = (written: Partial<Plan>): Partial<Plan> => ({
      materializations: Object.fromEntries(
        Object.entries(written.materializations ?? {}).map(([name, each]) => [
          name,
          { ...each, onSchemaChange: "backfill" as const },
        ]),
      ),
    });
    for (const with_ of [redis(), backfills(redis())]) {
      expect(refused(b({ schema: strings }, with_), plan(with_))).toEqual([
        "redis:b:{id}: its hashes do not tell a string in note from something else",
      ]);
    }
    const numbers = b({ schema: widened({ n: { type: "number" } }, ["id"]) }, redis());
    expect(refused(numbers, plan(redis()))).toEqual([]);
    const sorted = {
      "redis:b": { ...hash, config: { key: "b", as: { sortedSet: { member: "{id}", score: "n" } } } },
    };
    const of = (written: JsonSchema) => b({ schema: written }, { materializations: sorted });
    expect(refused(of(widened({ n: { type: "number" }, more: {} })), of(schema))).toEqual([]);
    expect(refused(of(widened({}, ["id"])), of(schema))).toEqual([
      "redis:b: its score n would be no required number",
    ]);
  });

  it("is refused where a column would have to tell null from a missing field", () => {
    const of = (written: JsonSchema) => b({ schema: written, reduce: { note: "first" } });
    const nullable = widened({ note: { type: ["string", "null"] } });
    expect(refused(of(nullable), of(schema))).toEqual([
      "postgres:t: its column for note does not tell null from a missing field",
    ]);
    // Whatever else is done about the table.
    const filledToo = widened({ note: { type: ["string", "null"] }, n: { type: ["integer", "string"] } });
    expect(refused(of(filledToo), of(schema))).toHaveLength(1);
  });
});

describe("a field that was removed", () => {
  const { note: _note, ...properties } = schema.properties;
  const without = b({ schema: { ...schema, properties } });
  const again = (note: JsonSchema) => b({ schema: { ...schema, properties: { ...properties, note } } });
  const applied = mergeApplied(plan(), without);

  it("is remembered, and no difference any more", () => {
    expect(fates(without)).toEqual({ b: "stays", "postgres:t": "stays" });
    expect(givenUp(without)).toEqual([]);
    expect(fates(without, applied)).toEqual({});
    expect(mergeApplied(applied, without)).toEqual(applied);
  });

  it("may come back as what it was: tables are filled again, since rows may hold what documents have lost", () => {
    expect(fates(again({ type: "string" }), applied)).toEqual({ b: "stays", "postgres:t": "beside" });
    const then = mergeApplied(applied, again({ type: "string" }));
    expect(then).toEqual(plan());
    expect(fates(again({ type: "string" }), then)).toEqual({});
    const backfills = { "postgres:t": { ...target, onSchemaChange: "backfill" as const } };
    const with_ = (each: Plan): Plan => ({ ...each, materializations: backfills });
    const before = mergeApplied(with_(plan()), with_(without));
    expect(fates(with_(again({ type: "string" })), before)).toMatchObject(TARGET);
  });

  it("may come back as something else: then it is made again, since documents may hold it as it was", () => {
    expect(fates(again({ type: "integer" }), applied)).toEqual(DERIVED);
    expect(fates(again({ type: "integer" }), plan())).toEqual(DERIVED);
  });

  it("inside of another one is remembered as well", () => {
    const inner = (fields: JsonSchema) => ({
      address: { type: "object", properties: fields, additionalProperties: false },
    });
    const of = (fields: JsonSchema) =>
      b({ schema: { ...schema, properties: { ...schema.properties, ...inner(fields) } } });
    const [city, zip] = [{ city: { type: "string" } }, { zip: { type: "string" } }];
    const lost = mergeApplied(of({ ...city, ...zip }), of(city));
    expect(fates(of(city), lost)).toEqual({});
    expect(fates(of({ ...city, ...zip }), lost)).toEqual({ b: "stays", "postgres:t": "stays" });
    expect(fates(of({ ...city, zip: { type: "integer" } }), lost)).toEqual(DERIVED);
  });
});

describe("a target may be filled again where it stands", () => {
  const emptied = { "postgres:t": "emptied" };

  it("when its counter moves, and then take other rows or columns with it", () => {
    expect(fates(filling({ backfill: 1 }))).toEqual(emptied);
    expect(fates(filling({}), filling({ backfill: 1 }))).toEqual(emptied);
    expect(fates(filling({ backfill: 1, where: { id: ["1"] } }))).toEqual(emptied);
    const columns = { ...target.config, columns: { n: { name: "count" } } };
    expect(fates(filling({ backfill: 1, config: columns }))).toEqual(emptied);
    expect(fates(filling({ config: columns }))).toEqual(TARGET);
  });

  it("but not become another table, or hold another collection: that is filled beside", () => {
    const schemaChange = { ...target.config, schema: "other" };
    expect(fates(filling({ backfill: 1, config: schemaChange }))).toEqual(TARGET);
    expect(fates(filling({ backfill: 1, mode: "delta" }))).toEqual(TARGET);
    expect(fates(filling({ backfill: 1, collection: "a" }))).toEqual(TARGET);
    const rekeyed = b({ key: ["n"] }, { materializations: { "postgres:t": { ...target, backfill: 1 } } });
    expect(fates(rekeyed)).toEqual(DERIVED);
  });

  it("but its key's columns stay, where rows are told apart by them", () => {
    const columns = { ...target.config, columns: { id: { name: "order_id" } } };
    expect(fates(filling({ backfill: 1, config: columns }))).toEqual(TARGET);
    expect(fates(filling({ config: columns }))).toEqual(TARGET);
    const log = filling({ mode: "delta", backfill: 1, config: columns });
    expect(fates(log, filling({ mode: "delta" }))).toEqual(emptied);
    // Of a table that is declared elsewhere, they are what its migrations made.
    const declared = (type: string) => {
      const config = { ...target.config, primaryKey: ["id"], columns: { id: { name: "id", type } } };
      return filling({ backfill: type.length, config });
    };
    expect(fates(declared("text"), declared("varchar"))).toEqual(emptied);
  });

  it("onSchemaChange may be another", () => {
    expect(fates(filling({ onSchemaChange: "backfill" }))).toEqual({ "postgres:t": "stays" });
    expect(fates(filling({}), filling({ onSchemaChange: "backfill" }))).toEqual({ "postgres:t": "stays" });
  });

  it("onSchemaChange says nothing of a collection's own, incompatible change", () => {
    const backfills = { "postgres:t": { ...target, onSchemaChange: "backfill" as const } };
    const texts = { ...schema, properties: { ...schema.properties, n: { type: "string" } } };
    expect(fates(b({ schema: texts }, { materializations: backfills }))).toEqual(DERIVED);
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

  it("what else has changed is made again as ever, under the new name", () => {
    const changed = { c: { sources: [{ ...source, transform: { bundle: "2" } }], params: {} } };
    expect(fates({ ...renamed, derivations: changed })).toEqual({ c: "beside", "postgres:t": "beside" });
    expect(givenUp({ ...renamed, derivations: changed })).toEqual([]);
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
