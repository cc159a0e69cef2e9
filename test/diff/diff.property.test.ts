/** What holds of the diff of any two plans. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PlanDiff } from "../../compiler/diff/change.ts";
import { diff } from "../../compiler/diff/diff.ts";
import { changedGraph, graphOf } from "../../compiler/diff/plan-graph.ts";
import { MAX_COMMENT, renderDiffMarkdown } from "../../compiler/diff/render/markdown.ts";
import { renderDiffText } from "../../compiler/diff/render/text.ts";
import { definitionHash } from "../../plan/definition-hash.ts";
import { effectsOf } from "../../plan/evolution/effects.ts";
import { renamesOf, withRenames } from "../../plan/evolution/renames.ts";
import type {
  CollectionPlan,
  DerivationPlan,
  Guarantee,
  JsonSchema,
  MaterializationPlan,
  Plan,
} from "../../plan/plan.ts";
import { mergeApplied, PlanChangeError, refuseChanges } from "../../runtime/changes.ts";
import { shuffled } from "./shuffled.ts";

const guarantee: Guarantee = { delivery: "exactly-once", mechanism: "One transaction." };

const fieldSchema = fc.constantFrom<JsonSchema>(
  { type: "string" },
  { type: "integer" },
  { type: "number" },
  { type: ["string", "null"] },
  { enum: ["a", "b"] },
  { type: "string", maxLength: 3 },
);

/** Mostly nothing, so that two plans often agree. */
function rarely<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined, freq: 3 });
}

const NAMES = ["p", "q", "r", "s", "t"];
const TABLES = ["a", "b", "c"];
const bundle = fc.constantFrom("0".repeat(64), "1".repeat(64)).map((hash) => ({ bundle: hash }));
const where = fc.constantFrom({ day: ["1"] }, { day: ["1", "2"] });

const collection: fc.Arbitrary<CollectionPlan> = fc
  .record({
    fields: fc.dictionary(fc.constantFrom("a", "b", "c"), fieldSchema, { maxKeys: 3 }),
    optional: fc.subarray(["a", "b", "c"]),
    open: rarely(fc.constant(true)),
    more: fc.record({
      key: fc.constantFrom(["id"], ["id", "day"], ["day", "id"]),
      reduce: fc.constantFrom<CollectionPlan["reduce"]>({}, {}, { a: "sum" }, { a: "first" }),
      partitionBy: rarely(fc.constant(["id"])),
      partitions: rarely(fc.constantFrom(1, 2)),
      renamedFrom: rarely(fc.constantFrom(...NAMES)),
    }),
  })
  .map(({ fields, optional, open, more }) => {
    const properties = { id: { type: "string" }, day: { type: "string" }, ...fields };
    const required = Object.keys(properties).filter((name) => !optional.includes(name));
    const closed = open ? {} : { additionalProperties: false };
    return { schema: { type: "object", properties, required, ...closed }, ...more };
  });

/** `of` picks the collection among those with an earlier name. */
const source = fc.record({
  of: fc.nat({ max: 3 }),
  view: fc.record({
    name: rarely(fc.constantFrom("x", "y")),
    where: rarely(where),
    from: rarely(fc.constant("2026-01-01T00:00:00.000Z")),
    until: rarely(fc.constant("2026-07-01T00:00:00.000Z")),
    priority: rarely(fc.constantFrom(0, 1)),
    readDelayMs: rarely(fc.constantFrom(0, 60_000)),
    reduced: rarely(fc.constant(true as const)),
    by: rarely(fc.constantFrom(["id"], ["day"], [{ bundle: "2".repeat(64) }])),
    transform: bundle,
    removed: rarely(bundle),
  }),
});

const target = fc.record({
  name: fc.constantFrom(...TABLES),
  connector: fc.constantFrom("postgres", "redis"),
  of: fc.nat({ max: 4 }),
  config: fc.record({
    url: fc.constantFrom("A", "A", "B"),
    as: rarely(fc.constantFrom("hash", "json")),
    columns: rarely(fc.constant({ a: false })),
  }),
  more: fc.record({
    where: rarely(where),
    mode: rarely(fc.constant("delta" as const)),
    backfill: rarely(fc.constantFrom(0, 1, 2)),
    onSchemaChange: rarely(fc.constant("backfill" as const)),
    renamedFrom: rarely(fc.constantFrom(...TABLES)),
  }),
});

const part = fc.record({
  collection,
  sources: fc.uniqueArray(source, { maxLength: 3, selector: ({ view }) => view.name }),
  params: fc.constantFrom({}, {}, { n: 1 }),
  onError: rarely(fc.constant("deadLetter" as const)),
  state: rarely(fc.record({ schema: fieldSchema, initial: fc.constantFrom({}, { n: 0 }) })),
  capture: fc.constantFrom(
    { connector: "http", config: { path: "/a" } },
    { connector: "http", config: { path: "/b" } },
    { connector: "files", config: { path: "x", watch: false } },
    { connector: "files", config: { path: "x", watch: true } },
  ),
});

interface Parts {
  readonly names: readonly string[];
  readonly parts: readonly (typeof part extends fc.Arbitrary<infer P> ? P : never)[];
  readonly targets: readonly (typeof target extends fc.Arbitrary<infer T> ? T : never)[];
}

const someParts: fc.Arbitrary<Parts> = fc.record({
  names: fc.subarray(NAMES, { minLength: 1 }),
  parts: fc.array(part, { minLength: 5, maxLength: 5 }),
  targets: fc.uniqueArray(target, {
    maxLength: 4,
    selector: ({ name, connector }) => `${connector}:${name}`,
  }),
});

/** Each collection derives from some with earlier names, or is captured. Parts go with names, whatever others there are. */
function planOf({ names, parts, targets }: Parts): Plan {
  const plan: Plan = {
    ...{ formatVersion: 1, collections: {}, captures: {}, derivations: {}, materializations: {} },
  };
  const { collections, captures, derivations, materializations } = plan as Mutable; // of our own, just made
  for (const [index, name] of names.entries()) {
    const found = parts[NAMES.indexOf(name)];
    if (found === undefined) continue;
    collections[name] = found.collection;
    const sources = found.sources.flatMap(({ of, view }) => {
      const from = NAMES[of];
      return from !== undefined && names.indexOf(from) !== -1 && names.indexOf(from) < index
        ? [{ collection: from, ...view }]
        : [];
    });
    const derivation: DerivationPlan = {
      sources,
      params: found.params,
      ...(found.state && { state: found.state }),
      ...(found.onError && { onError: found.onError }),
    };
    if (sources.length === 0)
      captures[name] = { ...found.capture, guarantee, ...(found.onError && { onError: found.onError }) };
    else derivations[name] = derivation;
  }
  for (const { name, connector, of, config, more } of targets) {
    const from = names[of % names.length];
    if (from === undefined) continue;
    const named = connector === "postgres" ? { table: name } : { key: name };
    const materialization: MaterializationPlan = {
      ...{ collection: from, connector, config: { ...config, ...named }, guarantee },
      ...more,
    };
    materializations[`${connector}:${name}`] = materialization;
  }
  // As a reader of plan.json has it: what is absent has no name.
  return JSON.parse(JSON.stringify(plan));
}

const plan: fc.Arbitrary<Plan> = someParts.map(planOf);

/** A plan and one that follows it: another one, or itself with a part or two changed. */
const successionOfItself: fc.Arbitrary<readonly [base: Plan, next: Plan]> = fc.oneof(
  fc.tuple(plan, plan),
  fc
    .tuple(
      someParts,
      someParts,
      fc.subarray([0, 1, 2, 3, 4], { maxLength: 2 }),
      fc.boolean(),
      rarely(fc.constant(true)),
    )
    .map(([before, other, changed, targets, names]) => {
      const after: Parts = {
        names: names ? other.names : before.names,
        parts: before.parts.map((each, index) =>
          changed.includes(index) ? (other.parts[index] ?? each) : each,
        ),
        targets: targets ? other.targets : before.targets,
      };
      return [planOf(before), planOf(after)] as const;
    }),
);

/** A plan, and itself with other functions, params or sources. */
const edition = fc
  .tuple(plan, fc.array(fc.constantFrom("transform", "params", "where", "less", "more"), { minLength: 5 }))
  .map(([base, edits]) => {
    const edited = Object.entries(base.derivations).map(([name, derivation], index) => {
      const [first, ...others] = derivation.sources;
      if (first === undefined) return [name, derivation] as const;
      const more = { ...first, name: "z" };
      const changed: Readonly<Record<string, DerivationPlan>> = {
        transform: {
          ...derivation,
          sources: [{ ...first, transform: { bundle: "3".repeat(64) } }, ...others],
        },
        params: { ...derivation, params: { n: 2 } },
        where: { ...derivation, sources: [{ ...first, where: { day: ["3"] } }, ...others] },
        less: { ...derivation, sources: others.length === 0 ? [first] : others },
        more: { ...derivation, sources: [more, ...derivation.sources] },
      };
      return [name, changed[edits[index] ?? ""] ?? derivation] as const;
    });
    return [base, { ...base, derivations: Object.fromEntries(edited) }] as const;
  });

/** Often each derivation continues what the one before it derived. */
const succession = fc
  .tuple(successionOfItself, fc.boolean())
  .map(([[base, next], continues]) => [base, continues ? continuing(base, next) : next] as const);

function continuing(base: Plan, next: Plan): Plan {
  const { derivations } = withRenames(base, renamesOf(base, next));
  const continued = Object.entries(next.derivations).map(([name, derivation]) => {
    const before = derivations[name];
    return [name, before ? { ...derivation, continues: definitionHash(before) } : derivation] as const;
  });
  return { ...next, derivations: Object.fromEntries(continued) };
}

type Mutable = {
  -readonly [P in keyof Plan]: Plan[P] extends Readonly<Record<string, infer V>> ? Record<string, V> : never;
};

const parameters = { numRuns: 500, seed: 5 };

test("a plan and itself differ in nothing", () => {
  fc.assert(
    fc.property(plan, (one) => {
      expect(diff(one, one)).toMatchObject({ verdict: "none", changes: [] });
      expect(diff(shuffled(one), one).changes).toEqual([]);
    }),
    parameters,
  );
});

test("the order of names in the plans changes nothing, and every rendering is made", () => {
  fc.assert(
    fc.property(succession, ([base, next]) => {
      const found = diff(base, next);
      expect(diff(shuffled(base), shuffled(next))).toEqual(found);
      const graph = changedGraph(shuffled(base), next);
      expect(graph).toEqual(changedGraph(base, shuffled(next)));
      const text = renderDiffText(found, { color: false });
      for (const { name } of found.changes) expect(text).toContain(name);
      expect(renderDiffMarkdown(found, graph).length).toBeLessThanOrEqual(MAX_COMMENT);
      expect(renderDiffMarkdown(found, graph, 3_000).length).toBeLessThanOrEqual(3_000);
    }),
    parameters,
  );
});

test("each thing has one change at most, and what is there on one side only has one", () => {
  fc.assert(
    fc.property(succession, ([base, next]) => {
      const { changes } = diff(base, next);
      const actions = new Map(changes.map(({ name, action }) => [name, action]));
      expect(actions.size).toBe(changes.length);
      const before = withRenames(base, renamesOf(base, next));
      for (const kind of ["collections", "materializations"] as const) {
        for (const name of Object.keys(next[kind]))
          expect(actions.get(name) === "create").toBe(!(name in before[kind]));
        for (const name of Object.keys(before[kind]))
          expect(actions.get(name) === "destroy").toBe(!(name in next[kind]));
      }
    }),
    parameters,
  );
});

test("whatever reads a rebuilt collection is rebuilt, and nothing is rebuilt without a cause", () => {
  fc.assert(
    fc.property(succession, ([base, next]) => {
      const { changes } = diff(base, next);
      const byName = new Map(changes.map((change) => [change.name, change]));
      const edges = graphOf(next).edges;
      for (const { from, to } of edges) {
        if (byName.get(from)?.action !== "rebuild") continue;
        expect(["rebuild", "create"]).toContain(byName.get(to)?.action);
      }
      for (const { because, name } of changes) {
        expect(because.at(-1)).toBe(name);
        for (const [index, to] of because.slice(1).entries())
          expect(edges.some((edge) => edge.from === because[index] && edge.to === to)).toBe(true);
        expect(byName.has(because[0] ?? "")).toBe(true);
      }
    }),
    parameters,
  );
});

test("the diff says that weir run refuses a plan exactly where it does", () => {
  fc.assert(
    fc.property(succession, ([base, next]) => {
      const refused = diff(base, next).changes.filter(({ refusedToday }) => refusedToday !== null);
      const message = refusal(mergeApplied(undefined, base), next);
      expect(message === undefined).toBe(refused.length === 0);
      for (const { name, refusedToday } of refused) {
        for (const clause of refusedToday?.split("; ") ?? []) expect(message).toContain(`${name}: ${clause}`);
      }
      const lines = message?.split("\n").filter((line) => line.startsWith("  - ")) ?? [];
      expect(lines.length).toBe(refused.flatMap((each) => each.refusedToday?.split("; ") ?? []).length);
    }),
    parameters,
  );
});

test("what was applied is no difference any more, and what is named anew is what it was", () => {
  let applied = 0;
  fc.assert(
    fc.property(succession, ([base, next]) => {
      if (refusal(base, next) !== undefined) return;
      applied += 1;
      const merged = mergeApplied(base, next);
      expect(refusal(merged, next)).toBeUndefined();
      expect(mergeApplied(merged, next)).toEqual(merged);
      const left = diff(merged, next).changes;
      expect(left.filter(({ action }) => action !== "destroy")).toEqual([]);
      const { collections, targets } = renamesOf(base, next);
      for (const [old, name] of [...collections, ...targets]) {
        expect(diff(base, next).changes.find((change) => change.name === name)?.fields).toContainEqual(
          expect.objectContaining({ aspect: "name", before: old, after: name }),
        );
      }
      for (const old of collections.keys()) {
        expect(Object.keys(merged.collections)).not.toContain(old);
        expect(JSON.stringify([merged.derivations, merged.materializations])).not.toContain(
          `"collection":"${old}"`,
        );
      }
    }),
    parameters,
  );
  expect(applied).toBeGreaterThan(50);
});

test("what a flow continues is not rebuilt, and nothing that reads it, unless something else asks for it", () => {
  let kept = 0;
  fc.assert(
    fc.property(fc.oneof(successionOfItself, edition), ([base, next]) => {
      const actions = ({ changes }: PlanDiff) => new Map(changes.map(({ name, action }) => [name, action]));
      const [without, withIt] = [actions(diff(base, next)), actions(diff(base, continuing(base, next)))];
      // Nothing is more than it was, and what differs was a rebuild.
      expect([...withIt.keys()].every((name) => without.has(name))).toBe(true);
      for (const [name, action] of without) {
        const now = withIt.get(name);
        if (now === action) continue;
        expect(action).toBe("rebuild");
        if (now === "code-only" || now === "resume") kept += 1;
      }
    }),
    parameters,
  );
  expect(kept).toBeGreaterThan(30);
});

test("whatever fitted a schema fits those that are applied after it to what is stored, but for fields that are gone", () => {
  const value = fc.constantFrom<unknown>("a", "abcd", 1, 0.5, null, undefined);
  const documents = fc.array(fc.record({ id: fc.constant("1"), a: value, b: value }), {
    ...{ minLength: 5, maxLength: 20 },
  });
  /** One thing of the schema at a time. */
  const edit = fc.record({
    what: fc.constantFrom("field", "required", "open"),
    name: fc.constantFrom("a", "b"),
    field: fc.option(fieldSchema, { nil: undefined, freq: 3 }),
  });
  const checks = new Map<string, ValidateFunction>();
  const checkOf = (schema: JsonSchema) => {
    const text = JSON.stringify(schema);
    const check = checks.get(text) ?? ajv.compile(schema);
    checks.set(text, check);
    return check;
  };
  const counts = { applied: 0, held: 0 };
  fc.assert(
    fc.property(fc.array(edit, { minLength: 5, maxLength: 20 }), documents, (edits, some) => {
      let stood: JsonSchema = closed({ id: { type: "string" } }, ["id"]);
      let applied = onlyCapture(stood);
      const held = new Set<object>();
      for (const each of edits) {
        const schema = edited(stood, each);
        const next = onlyCapture(schema);
        const effect = effectsOf(applied, next).collections.get("p");
        if (effect?.rebuilt) continue;
        if (effect !== undefined) counts.applied += 1;
        applied = mergeApplied(applied, next);
        stood = schema;
        const fits = checkOf(schema);
        for (const one of held)
          expect(fits(withFieldsOf(schema, one)), JSON.stringify([one, schema])).toBe(true);
        const stored = some.map((it): object => JSON.parse(JSON.stringify(it)));
        for (const one of stored.filter((it) => fits(it))) held.add(one);
        counts.held += held.size;
      }
    }),
    { ...parameters, numRuns: 500 },
  );
  expect(counts.applied).toBeGreaterThan(150);
  expect(counts.held).toBeGreaterThan(1000);
});

const ajv = new Ajv2020({ strict: false });

function closed(properties: Record<string, JsonSchema>, required: readonly string[]): JsonSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

interface Edit {
  readonly what: string;
  readonly name: string;
  readonly field: JsonSchema | undefined;
}

function edited(schema: JsonSchema, { what, name, field }: Edit): JsonSchema {
  const { additionalProperties, ...rest } = schema;
  const properties = { ...(schema.properties as Record<string, JsonSchema>) }; // as `closed` made it
  const required = new Set(schema.required as readonly string[]); // likewise
  if (what === "open")
    return additionalProperties === false ? rest : { ...rest, additionalProperties: false };
  if (what === "field" && field !== undefined) properties[name] = field;
  if (what === "field" && field === undefined) delete properties[name];
  if (what === "required") required.delete(name) || required.add(name);
  return { ...schema, properties, required: [...required].filter((each) => each in properties) };
}

function withFieldsOf({ properties }: JsonSchema, document: object): object {
  return Object.fromEntries(
    Object.entries(document).filter(([name]) => Object.hasOwn(Object(properties), name)),
  );
}

function onlyCapture(schema: JsonSchema): Plan {
  return {
    ...{ formatVersion: 1, derivations: {}, materializations: {} },
    collections: { p: { schema, key: ["id"], reduce: {} } },
    captures: { p: { connector: "http", config: { path: "/p" }, guarantee } },
  };
}

function refusal(applied: Plan, next: Plan): string | undefined {
  try {
    refuseChanges(effectsOf(applied, next));
    return undefined;
  } catch (error) {
    if (error instanceof PlanChangeError) return error.message;
    throw error;
  }
}
