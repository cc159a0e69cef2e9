/** A derivation in shards, against a plain loop: whatever their number, and whenever it changes. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { HaltError } from "../../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { planShardRule } from "../../../plan/sharding.ts";
import { compileReducer } from "../../reduction/reducer.ts";
import type { DerivationTask } from "../task.ts";
import { type Commit, circumstances } from "./fixtures/crashes.ts";
import { followInShards, type ShardStep, shardStepsOf } from "./fixtures/shard-changes.ts";
import { workshop } from "./fixtures/workshop.ts";

const MOST = 5;
const WHO = ["ann", "bob", "cy", "dee", "eve", "fay", "gil"];

const closed = (properties: JsonObject): JsonObject => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const integer = { type: "integer" };
const text = { type: "string" };

const orders: CollectionPlan = {
  schema: closed({ who: text, id: integer, cents: integer }),
  key: ["who", "id"],
  reduce: {},
  partitions: MOST,
};
const events: CollectionPlan = { ...orders, key: ["who"] };
const sums: CollectionPlan = {
  schema: closed({ who: text, n: integer, cents: integer, least: integer, most: integer }),
  key: ["who"],
  reduce: { n: "sum", cents: "sum", least: "min", most: "max" },
  partitions: 2,
};

interface Order {
  readonly who: string;
  readonly id: number;
  readonly cents: number;
}
const order: fc.Arbitrary<Order> = fc.record(
  { who: fc.constantFrom(...WHO), id: fc.nat(9), cents: fc.integer({ min: -9, max: 9 }) },
  { noNullPrototype: true },
);
const commitTo = (collection: string, plan: CollectionPlan): fc.Arbitrary<Commit> =>
  fc.array(order, { minLength: 1, maxLength: 6 }).map((documents) => ({
    collection,
    documents: documents as unknown as JsonObject[],
    plan,
  }));

let runs = 0;
/** Each run in collections of its own. */
const named = (steps: readonly ShardStep[], run: number): ShardStep[] =>
  steps.map((step) =>
    step.kind === "commit"
      ? { ...step, commit: { ...step.commit, collection: `${run}/${step.commit.collection}` } }
      : step,
  );

const ordersOf = (steps: readonly ShardStep[]) =>
  steps.flatMap((step) =>
    step.kind === "commit"
      ? step.commit.documents.map((document) => ({
          ...(document as unknown as Order),
          from: step.commit.collection,
        }))
      : [],
  );

/** By key, reduced in the order given. */
function reduced(documents: readonly JsonObject[], collection: CollectionPlan): Map<string, JsonObject> {
  const reducer = compileReducer(collection);
  const rows = new Map<string, JsonObject>();
  for (const document of documents) {
    const who = String(document.who);
    const row = rows.get(who);
    rows.set(who, row ? reducer.reduce(row, document) : document);
  }
  return rows;
}

function assertMayBeCut({ name, plan, collection, sources }: DerivationTask): void {
  const collections = Object.fromEntries(plan.sources.map((source, i) => [source.collection, sources[i]]));
  const all = { ...collections, [name]: collection } as Record<string, CollectionPlan>;
  expect(planShardRule(name, plan, all)).toEqual({ kind: "any-order", most: MOST });
}

const part = ({ who, cents }: Order) => ({ who, n: 1, cents, least: cents, most: cents });

it("gives the sums of a plain loop, through changes of its shards and crashes", async () => {
  const shop = await workshop();
  await fc.assert(
    fc.asyncProperty(shardStepsOf(commitTo("orders", orders), MOST), circumstances, async (steps, within) => {
      const run = ++runs;
      const derivation = shop.task(`${run}/sums`, {
        sources: [
          {
            collection: `${run}/orders`,
            transform: shop.bundle("({ who, cents }) => ({ who, n: 1, cents, least: cents, most: cents })"),
          },
        ],
        collections: [orders],
        collection: sums,
      });
      assertMayBeCut(derivation);
      await followInShards(shop, derivation, named(steps, run), within);
      const found = reduced(await shop.documents(`${run}/sums`), sums);
      expect(found).toEqual(reduced(ordersOf(steps).map(part), sums));
    }),
    { numRuns: 40 },
  );
}, 180_000);

const ON_A = `function* ({ who, id, cents }, { state }) {
  state.log.push("a" + id);
  state.balance += cents;
  yield { who, n: 1, cents, least: state.balance, most: state.log.length };
}`;
const ON_B = '({ id, cents }, { state }) => { state.log.push("b" + id); state.balance -= cents; }';

it("has state go on as in a plain loop where it is found by the keys of partitions", async () => {
  const shop = await workshop();
  const commit = fc.oneof(commitTo("a", events), commitTo("b", events));
  await fc.assert(
    fc.asyncProperty(shardStepsOf(commit, MOST), circumstances, async (steps, within) => {
      const run = ++runs;
      const derivation = shop.task(`${run}/sums`, {
        sources: [
          { name: "a", collection: `${run}/a`, by: ["who"], transform: shop.bundle(ON_A) },
          { name: "b", collection: `${run}/b`, by: ["who"], transform: shop.bundle(ON_B) },
        ],
        collections: [events, events],
        collection: sums,
        state: {
          schema: closed({ log: { type: "array", items: text }, balance: integer }),
          initial: { log: [], balance: 0 },
        },
      });
      assertMayBeCut(derivation);
      await followInShards(shop, derivation, named(steps, run), within);
      const states = new Map<string, { log: string[]; balance: number }>();
      const outputs: JsonObject[] = [];
      for (const { who, id, cents, from } of ordersOf(steps)) {
        const state = states.get(who) ?? { log: [], balance: 0 };
        states.set(who, state);
        state.log.push(`${from}${id}`);
        state.balance += from === "a" ? cents : -cents;
        if (from === "a") outputs.push({ who, n: 1, cents, least: state.balance, most: state.log.length });
      }
      const keys = WHO.map((who) => [who]);
      expect(await shop.state(derivation, keys)).toEqual(WHO.map((who) => states.get(who)));
      expect(reduced(await shop.documents(`${run}/sums`), sums)).toEqual(reduced(outputs, sums));
    }),
    { numRuns: 40 },
  );
}, 180_000);

it("has reduced sources go on as in a plain loop", async () => {
  const shop = await workshop();
  const balances: CollectionPlan = { ...events, reduce: { cents: "sum" } };
  const change = `function* ({ before, after }) {
    if (before) yield { who: before.id % 2 ? "odd" : "even", n: -1, cents: -before.cents, least: 0, most: 0 };
    if (after) yield { who: after.id % 2 ? "odd" : "even", n: 1, cents: after.cents, least: 0, most: 0 };
  }`;
  await fc.assert(
    fc.asyncProperty(
      shardStepsOf(commitTo("balances", balances), MOST),
      circumstances,
      async (steps, within) => {
        const run = ++runs;
        const derivation = shop.task(`${run}/sums`, {
          sources: [{ collection: `${run}/balances`, reduced: true, transform: shop.bundle(change) }],
          collections: [balances],
          collection: sums,
        });
        assertMayBeCut(derivation);
        await followInShards(shop, derivation, named(steps, run), within);
        const rows = reduced(
          ordersOf(steps).map(({ from: _, ...document }) => document),
          balances,
        );
        const expected: Record<string, { n: number; cents: number }> = {};
        for (const { id, cents } of rows.values()) {
          const who = Number(id) % 2 ? "odd" : "even";
          const sum = expected[who] ?? { n: 0, cents: 0 };
          expected[who] = { n: sum.n + 1, cents: sum.cents + Number(cents) };
        }
        const found = [...reduced(await shop.documents(`${run}/sums`), sums)].filter(
          ([, { n, cents }]) => n || cents,
        );
        expect(Object.fromEntries(found.map(([who, { n, cents }]) => [who, { n, cents }]))).toEqual(
          Object.fromEntries(Object.entries(expected).filter(([, { n, cents }]) => n || cents)),
        );
      },
    ),
    { numRuns: 25 },
  );
}, 180_000);

it("halts on a removal that the compiler did not see", async () => {
  const shop = await workshop();
  await shop.append("o", [{ who: "ann", id: 1, cents: 1 }], { ...orders, partitions: 1 });
  const derivation = shop.task("t", {
    sources: [
      { collection: "o", transform: shop.bundle('({ who }) => ({ [Symbol.for("weir.removed")]: { who } })') },
    ],
    collection: sums,
  });
  await shop.head.layOutTask("t", 2);
  const running = shop.run({ ...derivation, shard: { index: 0, of: 2 } }, new AbortController().signal);
  await expect(running).rejects.toThrow(HaltError);
  await expect(running).rejects.toThrow(/returned a removal.*set shards: 1.*offset 0 of "o"/);
});
