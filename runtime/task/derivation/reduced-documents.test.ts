/** Derivations from reduced documents, against definitions over all documents of a key at once. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "../../../plan/canonical.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { everyDocument, everyStrategy, rowsAfter } from "../../reduction/fixtures/every-strategy.ts";
import { type Circumstances, circumstances, follow, type Step, stepsOf } from "./fixtures/crashes.ts";
import { EVENTS, type Workshop, workshop } from "./fixtures/workshop.ts";

const removed = { removed: true };
const isRemoval = (document: JsonObject) => document._meta !== undefined;

const change: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 5, arbitrary: everyDocument },
  {
    weight: 1,
    arbitrary: everyDocument.map(({ region, no }) => ({ region, no, _meta: removed }) as JsonObject),
  },
);
const commit = fc
  .array(change, { minLength: 1, maxLength: 4 })
  .map((documents) => ({ collection: "items", documents, plan: everyStrategy }));

/** As many as their sums stay within 64 bits for. */
const MOST = 20;
function bounded(steps: readonly Step[]): Step[] {
  let left = MOST;
  return steps.map((step) => {
    if (step.kind !== "commit") return step;
    const documents = step.commit.documents.slice(0, left);
    left -= documents.length;
    return { ...step, commit: { ...step.commit, documents } };
  });
}

const output: CollectionPlan = {
  schema: { type: "object", properties: { region: { type: "string" } }, required: ["region"] },
  key: ["region"],
  reduce: {},
};
const TRANSFORM = `({ before, after }, { state }) => {
  const seen = JSON.parse(JSON.stringify({ region: (after ?? before).region, before, after }));
  if (before) { state.count -= 1; delete state.rows[before.no]; }
  if (after) { state.count += 1; state.rows[after.no] = after; }
  // What a function does to its arguments is nobody else's.
  for (const each of [before, after]) if (each) { each.steps.push("mine"); each.log?.push("mine"); each.int64 = "x"; }
  if (after) state.rows[after.no] = seen.after;
  return seen;
}`;
const BY = '(item) => item.steps.length > 4 ? "long" : "short"';

const bucketOf = (row: JsonObject) => ((row.steps as readonly unknown[]).length > 4 ? "long" : "short");

let runs = 0;
async function derive(shop: Workshop, steps: readonly Step[], within: Circumstances) {
  const collection = `${++runs}/items`;
  const { bundle, task } = shop;
  const derivation = task(`${runs}/derived`, {
    sources: [
      {
        name: "items",
        collection,
        reduced: true,
        by: ["region", bundle(BY)],
        transform: bundle(TRANSFORM),
      },
    ],
    collections: [everyStrategy],
    collection: output,
    state: { schema: { type: "object" }, initial: { count: 0, rows: {} } },
  });
  const named = steps.map((step) =>
    step.kind === "commit" ? { ...step, commit: { ...step.commit, collection } } : step,
  );
  await follow(shop, derivation, named, within);
  return derivation;
}

it("each document's change, and the state of each shuffle key, are as the reduced documents say", async () => {
  const shop = await workshop();
  await fc.assert(
    fc.asyncProperty(stepsOf(commit).map(bounded), circumstances, async (steps, within) => {
      const derivation = await derive(shop, steps, within);
      const history = steps
        .flatMap((step) => (step.kind === "commit" ? step.commit.documents : []))
        .map((document) => ({ document, remove: isRemoval(document), ends: false }));

      const rowOf = (upTo: number, { region, no }: JsonObject) =>
        rowsAfter(history.slice(0, upTo)).find((row) => row.region === region && row.no === no);
      const changes = history.flatMap(({ document }, i): JsonObject[] => {
        const { region } = document;
        const before = rowOf(i, document);
        const after = rowOf(i + 1, document);
        if (before && after && bucketOf(before) !== bucketOf(after)) {
          return [
            { region, before },
            { region, after },
          ];
        }
        return before || after ? [{ region, before, after }] : [];
      });
      expect(canonicalJson(await shop.documents(derivation.name))).toBe(canonicalJson(changes));

      const rows = rowsAfter(history);
      for (const region of ["", ":"]) {
        for (const bucket of ["long", "short"]) {
          const own = rows.filter((row) => row.region === region && bucketOf(row) === bucket);
          const expected =
            own.length === 0
              ? undefined
              : { count: own.length, rows: Object.fromEntries(own.map((row) => [row.no, row])) };
          const [state] = await shop.state(derivation, [[region, bucket]]);
          expect(canonicalJson(state ?? null)).toBe(canonicalJson(expected ?? null));
        }
      }
      const keys = ["", ":"].flatMap((region) => [0, 1].map((no) => [region, no]));
      const stored = await shop.state(derivation, keys, "reduced/items");
      expect(canonicalJson(stored.filter((row) => row !== undefined))).toBe(
        canonicalJson(
          keys.flatMap(([region, no]) => rows.filter((row) => row.region === region && row.no === no)),
        ),
      );
    }),
    { numRuns: 40 },
  );
}, 120_000);

it("without `by` and state, a change is handed over whole, also one that changes nothing", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  const totals: CollectionPlan = {
    schema: { type: "object", properties: { id: { type: "integer" }, n: { type: "integer" } } },
    key: ["id"],
    reduce: { n: "sum" },
  };
  await append("a", [{ id: 1, n: 2 }], totals);
  await append(
    "a",
    [
      { id: 1, n: 0 },
      { id: 9, _meta: removed },
      { id: 1, n: 5 },
      { id: 1, _meta: removed },
    ],
    totals,
  );
  const transform = bundle("({ before, after }) => ({ id: 0, before: before?.n, after: after?.n })");
  const sources = [{ collection: "a", reduced: true as const, transform }];
  const derivation = task("t", { sources, collections: [totals], collection: EVENTS });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([
    { id: 0, after: 2 },
    { id: 0, before: 2, after: 2 },
    { id: 0, before: 2, after: 7 },
    { id: 0, before: 7 },
  ]);
});

it("a sum that leaves its range halts, and says at which document", async () => {
  const { bundle, append, task, run } = await workshop();
  const totals: CollectionPlan = {
    schema: { type: "object", properties: { id: { type: "integer" }, n: { type: "integer" } } },
    key: ["id"],
    reduce: { n: "sum" },
  };
  await append(
    "a",
    [
      { id: 1, n: Number.MAX_SAFE_INTEGER },
      { id: 1, n: 1 },
    ],
    totals,
  );
  const sources = [{ collection: "a", reduced: true as const, transform: bundle("() => {}") }];
  const derivation = task("t", { sources, collections: [totals] });
  await expect(run(derivation, new AbortController().signal)).rejects.toThrow(
    /^Field "n" of key 1: the sum .* accept rounding\. Met with the document at offset 1 of "a" \(weir read a --from 1 --limit 1\)\.$/,
  );
});
