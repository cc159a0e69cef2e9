import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RowChange } from "../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import { applyChange, Combiner, keysToLoad, withStored } from "./combiner.ts";
import { identityOf } from "./key.ts";
import { compileReducer } from "./reducer.ts";

const summed: CollectionPlan = {
  schema: { type: "object", properties: { id: { type: "string" }, n: { type: "integer" } } },
  key: ["id"],
  reduce: { n: "sum" },
};

function drained(collection: CollectionPlan, ...events: readonly Event[]): RowChange[] {
  const combiner = new Combiner(collection);
  for (const event of events) feed(combiner, event);
  return combiner.drain();
}

type Event = { readonly add: JsonObject } | { readonly remove: JsonObject };

function feed(combiner: Combiner, event: Event): void {
  if ("add" in event) combiner.add(structuredClone(event.add));
  else combiner.remove(event.remove);
}

describe("Combiner", () => {
  const add = (id: string, n: number) => ({ add: { id, n } });
  const remove = (id: string) => ({ remove: { id } });

  it("adds documents alone", () => {
    expect(drained(summed, add("a", 1), add("b", 5), add("a", 2))).toEqual([
      { op: "add", key: ["a"], document: { id: "a", n: 3 } },
      { op: "add", key: ["b"], document: { id: "b", n: 5 } },
    ]);
  });
  it("puts documents after a removal, which absorbs what came before", () => {
    expect(drained(summed, add("a", 1), remove("a"), add("a", 2), add("a", 3))).toEqual([
      { op: "put", key: ["a"], document: { id: "a", n: 5 } },
    ]);
  });
  it("removes where the removal came last", () => {
    expect(drained(summed, remove("a"), add("a", 1), remove("a"))).toEqual([
      { op: "remove", key: ["a"], document: undefined },
    ]);
  });
  it("puts at once where no field has a strategy", () => {
    expect(drained({ ...summed, reduce: {} }, add("a", 1), add("a", 2))).toEqual([
      { op: "put", key: ["a"], document: { id: "a", n: 2 } },
    ]);
  });
  it.each([false, true])(
    "adds a copy, as it is then, to which nobody else can write (documents fit: %s)",
    (fits) => {
      const schema = { ...summed.schema, additionalProperties: false };
      const combiner = new Combiner(summed, compileReducer({ ...summed, schema }, fits));
      const reused = { id: "a", n: 1 };
      combiner.addCopy(reused);
      combiner.addCopy(reused);
      reused.n = 5;
      combiner.addCopy(reused);
      reused.n = 100;
      expect(combiner.drain()).toEqual([{ op: "add", key: ["a"], document: { id: "a", n: 7 } }]);
      expect(reused).toEqual({ id: "a", n: 100 });
    },
  );
  it("copies no more than what is the document's own", () => {
    const schema = { ...summed.schema, additionalProperties: false };
    const combiner = new Combiner(summed, compileReducer({ ...summed, schema }, true));
    const inheriting = Object.assign(Object.create({ n: 1 }) as { n: number }, { id: "a" });
    combiner.addCopy({ id: "a", n: 1 });
    combiner.addCopy(inheriting);
    expect(combiner.drain()).toEqual([{ op: "add", key: ["a"], document: { id: "a", n: 1 } }]);
  });
  it("is empty once drained", () => {
    const combiner = new Combiner(summed);
    combiner.add({ id: "a", n: 1 });
    expect(combiner.size).toBe(1);
    combiner.drain();
    expect(combiner.size).toBe(0);
    expect(combiner.drain()).toEqual([]);
  });
});

describe("for every sequence and every way to split it", () => {
  const collection: CollectionPlan = {
    schema: {
      type: "object",
      properties: {
        region: { type: "string" },
        id: { type: "integer" },
        n: { type: "integer" },
        hi: { type: "string" },
      },
    },
    key: ["region", "id"],
    reduce: { n: "sum", hi: "max", "stats.first": "first" },
  };
  const reducer = compileReducer(collection);
  const key = { region: fc.constantFrom("", "1", ":"), id: fc.constantFrom(0, 1) };
  const document: fc.Arbitrary<JsonObject> = fc.record(
    {
      ...key,
      n: fc.integer({ min: -50, max: 50 }),
      hi: fc.string({ unit: "binary", maxLength: 2 }),
      note: fc.string({ maxLength: 2 }),
      stats: fc.record({ first: fc.integer(), x: fc.integer() }, { requiredKeys: [], noNullPrototype: true }),
    },
    { requiredKeys: ["region", "id"], noNullPrototype: true },
  );
  const event: fc.Arbitrary<Event> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: document }) },
    { weight: 1, arbitrary: fc.record({ remove: fc.record(key) }) },
  );
  /** Each event with whether a transaction ends after it. */
  const history = fc.array(fc.tuple(event, fc.boolean()), { maxLength: 30 });

  type Rows = Map<unknown, JsonObject>;
  const setRow = (rows: Rows, change: RowChange, document: JsonObject | undefined) => {
    if (document === undefined) rows.delete(identityOf(change.key));
    else rows.set(identityOf(change.key), document);
  };

  /** One by one, without a combiner: the definition that the rest is held against. */
  function oracle(events: readonly Event[]): Rows {
    const rows: Rows = new Map();
    for (const event of events) {
      const { region, id } = "add" in event ? event.add : event.remove;
      const identity = identityOf([String(region), Number(id)]);
      const before = rows.get(identity);
      if ("remove" in event) rows.delete(identity);
      else rows.set(identity, before === undefined ? event.add : reducer.reduce(before, event.add));
    }
    return rows;
  }

  it.each(["reduced in the target", "loaded and put"])(
    "the rows are those of reducing one by one: %s",
    (way) => {
      fc.assert(
        fc.property(history, (steps) => {
          const rows: Rows = new Map();
          const combiner = new Combiner(collection, reducer);
          const store = () => {
            const size = combiner.size;
            let changes = combiner.drain();
            expect(new Set(changes.map(({ key }) => identityOf(key))).size).toBe(size);
            if (way === "loaded and put") {
              const stored = keysToLoad(changes).map((key) => rows.get(identityOf(key)));
              changes = withStored(reducer, changes, stored);
            }
            for (const change of changes) {
              setRow(rows, change, applyChange(reducer, rows.get(identityOf(change.key)), change));
            }
          };
          for (const [event, last] of steps) {
            feed(combiner, event);
            if (last) store();
          }
          store();
          expect(rows).toStrictEqual(oracle(steps.map(([event]) => event)));
        }),
        { numRuns: 500 },
      );
    },
  );
});
