import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOneByOne } from "../../connectors/fixtures/target.ts";
import type { CollectionPlan, JsonObject, ReduceStrategy } from "../../plan/plan.ts";
import { Combiner, withStored } from "../reduction/combiner.ts";
import { everyDocument, everyStrategy, historyOf, type Step } from "../reduction/fixtures/every-strategy.ts";
import { identityOf } from "../reduction/key.ts";
import { compileReducer } from "../reduction/reducer.ts";
import { countedFields } from "./reapply.ts";

/** Every idempotent strategy, with fields of each that has none. */
const idempotent: CollectionPlan = {
  ...everyStrategy,
  reduce: {
    ...Object.fromEntries(
      Object.entries(everyStrategy.reduce).filter(([path]) => !countedFields(everyStrategy).includes(path)),
    ),
    decimal: "min",
    int64: "max",
    log: "first",
    "stats.total": "last",
    "stats.log": "first",
  },
};

/** Rows that the steps from `from` on are applied to, in transactions that end where the steps say. */
function apply(plan: CollectionPlan, rows: Map<unknown, JsonObject>, steps: readonly Step[]): void {
  const reducer = compileReducer(plan);
  const combiner = new Combiner(plan, reducer);
  const store = () => {
    const changes = combiner.drain();
    const loaded = changes.filter(({ op }) => op === "add").map(({ key }) => rows.get(identityOf(key)));
    for (const change of withStored(reducer, changes, loaded)) {
      if (change.op === "remove") rows.delete(identityOf(change.key));
      else rows.set(identityOf(change.key), change.document);
    }
  };
  for (const { document, remove, ends } of steps) {
    if (remove) combiner.remove(document);
    else combiner.add(structuredClone(document));
    if (ends) store();
  }
  store();
}

const sorted = (rows: Iterable<JsonObject>) =>
  [...rows].sort((a, b) => (JSON.stringify([a.region, a.no]) < JSON.stringify([b.region, b.no]) ? -1 : 1));

describe("documents applied again from a position on, as often as one likes", () => {
  it("leave the rows that they would have left at once", () => {
    fc.assert(
      fc.property(
        historyOf(everyDocument),
        fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 4 }),
        (history, rewinds) => {
          expect(countedFields(idempotent)).toEqual([]);
          const rows = new Map<unknown, JsonObject>();
          let position = 0;
          const readTo = (end: number) => {
            const to = Math.min(Math.max(end, position), history.length);
            apply(idempotent, rows, history.slice(position, to));
            position = to;
          };
          // Read up to somewhere, go back, and again; never forward without reading.
          for (const [to, back] of rewinds) {
            readTo(to);
            position = Math.min(position, back);
          }
          readTo(history.length);
          expect(sorted(rows.values())).toEqual(sorted(rowsOneByOne(idempotent, history)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("would not, if a request in the middle could skip what is still to be applied", () => {
    const step = (document: JsonObject): Step => ({ document, remove: false, ends: true });
    const plan: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: {} };
    const history = [step({ id: 1, n: 1 }), step({ id: 1, n: 2 }), step({ id: 2, n: 3 })];
    const rows = new Map<unknown, JsonObject>();
    apply(plan, rows, history);
    apply(plan, rows, history.slice(0, 1)); // back at 0, and read up to 1
    apply(plan, rows, history.slice(2)); // skips 1
    expect(sorted(rows.values())).not.toEqual(sorted(rowsOneByOne(plan, history)));
  });
});

it("is refused for the fields that count a document twice, and only for them", () => {
  const document = (value: JsonObject[string]): Step => ({
    document: { id: 1, f: value },
    remove: false,
    ends: true,
  });
  const strategies: [ReduceStrategy, JsonObject[string]][] = [
    ["sum", 2],
    [{ sum: "decimal" }, "2.5"],
    [{ sum: "int64" }, "2"],
    ["append", [1]],
    ["min", 2],
    ["max", 2],
    ["first", 2],
    ["last", 2],
    ["set", { add: [1], remove: [2] }],
    ["merge", { a: 1 }],
    [{ merge: { key: ["k"] } }, [{ k: 1 }]],
  ];
  for (const [strategy, value] of strategies) {
    const plan: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: { f: strategy } };
    const [once] = rowsOneByOne(plan, [document(value)]);
    const [twice] = rowsOneByOne(plan, [document(value), document(value)]);
    const counts = JSON.stringify(once) !== JSON.stringify(twice);
    expect(countedFields(plan), JSON.stringify(strategy)).toEqual(counts ? ["f"] : []);
  }
});
