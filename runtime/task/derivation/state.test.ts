/** State, against a plain loop over the documents in the order of their commits. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import {
  type Circumstances,
  type Commit,
  circumstances,
  follow,
  type Step,
  stepsOf,
} from "./fixtures/crashes.ts";
import { type Workshop, workshop } from "./fixtures/workshop.ts";

const WHO = ["ann", "bob", "cy"];
const orders: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: {} };
const customers: CollectionPlan = { schema: { type: "object" }, key: ["who"], reduce: {} };

interface Order {
  readonly id: number;
  readonly who: string;
  readonly cents: number;
  readonly kind: "none" | "one" | "two" | "reset" | "remove";
}
type Customer =
  | { readonly who: string; readonly name: string }
  | { readonly who: string; readonly _meta: object };

const order: fc.Arbitrary<Order> = fc.record(
  {
    id: fc.nat(5),
    who: fc.constantFrom(...WHO),
    cents: fc.integer({ min: -9, max: 9 }),
    kind: fc.constantFrom("none", "one", "two", "two", "reset", "remove"),
  },
  { noNullPrototype: true },
);
const customer: fc.Arbitrary<Customer> = fc.oneof(
  fc.record({ who: fc.constantFrom(...WHO), name: fc.string() }, { noNullPrototype: true }),
  fc.constantFrom(...WHO).map((who) => ({ who, _meta: { removed: true } })),
);
const commit: fc.Arbitrary<Commit> = fc.oneof(
  fc.array(order, { minLength: 1, maxLength: 6 }).map((documents) => ({
    collection: "orders",
    documents: documents as unknown as JsonObject[],
    plan: orders,
  })),
  fc.array(customer, { minLength: 1, maxLength: 3 }).map((documents) => ({
    collection: "customers",
    documents: documents as unknown as JsonObject[],
    plan: customers,
  })),
);

const ON_ORDERS = `function* ({ id, who, cents, kind }, { state, params }) {
  if (kind === "reset") { state.n = 0; state.sum = 0; state.log.length = 0; delete state.name; return; }
  if (kind === "remove") { state.log.push(-id); yield { [Symbol.for("weir.removed")]: { who } }; return; }
  state.n += 1;
  if (kind === "two") yield { who, n: 1, sum: params.half, log: [], names: [state.name ?? ""] };
  state.sum += cents;
  state.log.push(id);
  if (kind !== "none") yield { who, n: state.n, sum: state.sum, log: state.log, names: [] };
}`;
const ON_CUSTOMERS = "({ name }, { state }) => { state.name = name; }";
const REMOVED_CUSTOMERS = `({ who }, { state }) => {
  const names = ["no longer " + state.name];
  state.name = undefined;
  return [{ who, n: 0, sum: 0, log: [], names }];
}`;

interface State {
  n: number;
  sum: number;
  log: number[];
  name?: string;
}
interface Output {
  readonly who: string;
  readonly n: number;
  readonly sum: number;
  readonly log: readonly number[];
  readonly names: readonly string[];
}
type Line = Output | { readonly who: string; readonly _meta: { readonly removed: true } };

const PARAMS = { half: 7 };
const initial = (): State => ({ n: 0, sum: 0, log: [] });

function expected(steps: readonly Step[]): { lines: Line[]; states: Map<string, State> } {
  const lines: Line[] = [];
  const states = new Map<string, State>(WHO.map((who) => [who, initial()]));
  const take = (document: Order | Customer) => {
    const { who } = document;
    const state = states.get(who) ?? initial();
    if ("cents" in document) {
      const { id, cents, kind } = document;
      if (kind === "reset") states.set(who, initial());
      else if (kind === "remove") {
        state.log = [...state.log, -id];
        lines.push({ who, _meta: { removed: true } });
      } else {
        state.n++;
        if (kind === "two") lines.push({ who, n: 1, sum: 7, log: [], names: [state.name ?? ""] });
        state.sum += cents;
        state.log = [...state.log, id];
        if (kind !== "none") lines.push({ who, n: state.n, sum: state.sum, log: state.log, names: [] });
      }
    } else if ("name" in document) state.name = document.name;
    else {
      lines.push({ who, n: 0, sum: 0, log: [], names: [`no longer ${state.name}`] });
      delete state.name;
    }
  };
  for (const step of steps) {
    if (step.kind === "commit") for (const document of step.commit.documents) take(document as never);
  }
  return { lines, states };
}

/** -0 has no JSON of its own. */
const read = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const schema = {
  type: "object",
  properties: {
    who: { type: "string" },
    n: { type: "integer" },
    sum: { type: "integer" },
    log: { type: "array", items: { type: "integer" } },
    names: { type: "array", items: { type: "string" } },
  },
  required: ["who", "n", "sum", "log", "names"],
  additionalProperties: false,
};

let runs = 0;
/** Each in collections of its own. */
async function derive(
  shop: Workshop,
  steps: readonly Step[],
  collection: CollectionPlan,
  within: Circumstances,
) {
  const run = ++runs;
  const name = (collectionName: string) => `${run}/${collectionName}`;
  const { bundle, task } = shop;
  const derivation = task(name("derived"), {
    sources: [
      { name: "orders", collection: name("orders"), by: ["who"], transform: bundle(ON_ORDERS) },
      {
        name: "customers",
        collection: name("customers"),
        by: ["who"],
        transform: bundle(ON_CUSTOMERS),
        removed: bundle(REMOVED_CUSTOMERS),
      },
    ],
    collections: [orders, customers],
    collection,
    params: PARAMS,
    state: {
      schema: {
        type: "object",
        properties: {
          n: { type: "integer" },
          sum: { type: "integer" },
          log: { type: "array", items: { type: "integer" } },
          name: { type: "string" },
        },
        required: ["n", "sum", "log"],
        additionalProperties: false,
      },
      initial: { n: 0, sum: 0, log: [] },
    },
  });
  const named = steps.map((step) =>
    step.kind === "commit"
      ? { ...step, commit: { ...step.commit, collection: name(step.commit.collection) } }
      : step,
  );
  await follow(shop, derivation, named, within);
  return { derivation, lines: await shop.documents(name("derived")) };
}

it("is as if every document had been worked on once, in the order of the commits, through crashes", async () => {
  const shop = await workshop();
  await fc.assert(
    fc.asyncProperty(stepsOf(commit), circumstances, async (steps, within) => {
      const { lines, states } = expected(steps);
      const events: CollectionPlan = { schema, key: ["who"], reduce: {} };
      const derived = await derive(shop, steps, events, within);
      expect(derived.lines).toEqual(read(lines));
      const stored = await shop.state(
        derived.derivation,
        WHO.map((who) => [who]),
      );
      const left = WHO.map((who) => states.get(who));
      // What is as at the beginning takes no room.
      const none = JSON.stringify(initial());
      expect(stored).toEqual(
        read(left.map((state) => (JSON.stringify(state) === none ? undefined : state))).map(
          (each) => each ?? undefined,
        ),
      );
    }),
    { numRuns: 40 },
  );
}, 120_000);

it("what is combined before it is stored reduces to the same, through crashes", async () => {
  const shop = await workshop();
  const combined: CollectionPlan = {
    schema,
    key: ["who"],
    reduce: { n: "sum", sum: "sum", log: "append", names: "append" },
  };
  await fc.assert(
    fc.asyncProperty(stepsOf(commit), circumstances, async (steps, within) => {
      const derived = await derive(shop, steps, combined, within);
      expect(folded(derived.lines as unknown as Line[])).toEqual(read(folded(expected(steps).lines)));
    }),
    { numRuns: 40 },
  );
}, 120_000);

function folded(lines: readonly Line[]): Record<string, Output> {
  const rows: Record<string, Output> = {};
  for (const line of lines) {
    if ("_meta" in line) {
      delete rows[line.who];
      continue;
    }
    const row = rows[line.who];
    rows[line.who] = row
      ? {
          who: line.who,
          n: row.n + line.n,
          sum: row.sum + line.sum,
          log: [...row.log, ...line.log],
          names: [...row.names, ...line.names],
        }
      : line;
  }
  return rows;
}
