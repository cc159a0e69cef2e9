/**
 * Dead letters, against a plain loop: histories with poison documents at random, crashes of the task and of the desk,
 * replays and drops. Whether a document is poison depends on the state that it meets, so that a replay may go well.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { deadLetterCounts } from "../../deadletters/counts.ts";
import { Combiner } from "../../reduction/combiner.ts";
import { compileReducer } from "../../reduction/reducer.ts";
import {
  type Circumstances,
  type Commit,
  chosen,
  circumstances,
  follow,
  type Step,
  stepsWithDesk,
} from "./fixtures/crashes.ts";
import { type Workshop, workshop } from "./fixtures/workshop.ts";

const removed = { removed: true };
const WHO = ["ann", "bob"];

/** What the loop keeps of a letter: the desk's steps choose among them by their order. */
interface Kept {
  readonly source: string;
  readonly offset: number;
  readonly document: JsonObject;
  readonly change?: { readonly before?: JsonObject; readonly after?: JsonObject };
}

/** Goes through the steps as they are; `take` says whether the document is good, and what a letter holds of it. */
function loop(steps: readonly Step[], take: (kept: Kept) => Kept | undefined): Kept[] {
  const letters: Kept[] = [];
  const offsets = new Map<string, number>();
  const work = (kept: Kept) => {
    const letter = take(kept);
    if (letter) letters.push(letter);
  };
  for (const step of steps) {
    if (step.kind === "commit") {
      const { collection, documents } = step.commit;
      for (const document of documents) {
        const offset = offsets.get(collection) ?? 0;
        offsets.set(collection, offset + 1);
        work({ source: collection, offset, document });
      }
    } else if (step.kind === "desk") {
      const letter = chosen(letters, step.which);
      if (!letter) continue;
      letters.splice(letters.indexOf(letter), 1);
      if (step.action === "replay") work(letter);
    }
  }
  return letters;
}

/** Histories of two tests share no collection. */
function named(steps: readonly Step[], prefix: string): Step[] {
  return steps.map((step) =>
    step.kind === "commit"
      ? { ...step, commit: { ...step.commit, collection: `${prefix}${step.commit.collection}` } }
      : step,
  );
}

/** Each is there once: a second one of an id would hide behind the first, and show in the count. */
async function lettersOf(shop: Workshop, task: Parameters<Workshop["letters"]>[0]) {
  const letters = await shop.letters(task);
  const count = (await deadLetterCounts(shop.head)).find((each) => each.task === task.name);
  expect(count?.letters ?? 0).toBe(letters.length);
  return letters.map(({ id, place, original, change }) => {
    if (!("offset" in place)) throw new Error(`The letter ${id} is of no document.`);
    expect(id).toBe(`${place.source}:p=00:${place.offset}`);
    return { source: place.source, offset: place.offset, document: original, ...(change && { change }) };
  });
}

const plain: CollectionPlan = { schema: { type: "object" }, key: ["id"], reduce: {} };
const output: CollectionPlan = {
  schema: {
    type: "object",
    properties: {
      who: { type: "string" },
      n: { type: "integer" },
      log: { type: "array", items: { type: "integer" } },
    },
    required: ["who", "n", "log"],
  },
  key: ["who"],
  reduce: {},
};
const reducing: CollectionPlan = { ...output, reduce: { n: "sum", log: "append" } };

const KINDS = ["fine", "fine", "closed", "late", "output", "state", "toggle", "removal"] as const;
const document = fc.record({ id: fc.nat(9), who: fc.constantFrom(...WHO), kind: fc.constantFrom(...KINDS) });
const commit: fc.Arbitrary<Commit> = fc
  .tuple(fc.constantFrom("orders", "others"), fc.array(document, { minLength: 1, maxLength: 6 }))
  .map(([collection, documents]) => ({
    collection,
    documents: documents.map(
      ({ id, who, kind }): JsonObject =>
        kind === "removal" ? { id, who, _meta: removed } : { id, who, kind },
    ),
    plan: { ...plain, key: ["id", "who"] },
  }));

const HANDLER = `function* (doc, { state }) {
  const { id, who, kind } = doc;
  state.n += 1;
  const out = { who, n: 1, log: [id] };
  yield out;
  if (kind === "toggle") state.open = !state.open;
  // What a function does to its document must not be what a letter holds.
  doc.kind = "mine";
  if (kind === "closed" && !state.open) throw new Error("closed");
  out.n = state.n;
  yield out;
  if (kind === "late") throw new Error("late");
  if (kind === "output") yield { who, n: "1", log: [] };
  if (kind === "state") state.n = new Date(0);
}`;
const REMOVED = `({ id, who }, { state }) => {
  state.n -= 1;
  if (!state.open) throw new Error("closed");
  return [{ [Symbol.for("weir.removed")]: { who } }, { who, n: 0, log: [-id] }];
}`;

let runs = 0;
it.each([
  ["each output an event", output],
  ["outputs combined by key", reducing],
] as const)(
  "outputs and state are those of the good documents, letters are the others: %s",
  async (_, plan) => {
    const shop = await workshop();
    const whole = async (steps: readonly Step[], within: Circumstances) => {
      const prefix = `${++runs}-`;
      const { bundle, task } = shop;
      const source = (name: string) => ({
        ...{ name, collection: `${prefix}${name}`, by: ["who"] },
        ...{ transform: bundle(HANDLER), removed: bundle(REMOVED) },
      });
      const derivation = task(`${prefix}derived`, {
        sources: [source("orders"), source("others")],
        collections: [
          { ...plain, key: ["id", "who"] },
          { ...plain, key: ["id", "who"] },
        ],
        collection: plan,
        state: {
          schema: { type: "object", properties: { n: { type: "integer" } } },
          initial: { n: 0, open: false },
        },
        onError: "deadLetter",
      });
      await follow(shop, derivation, named(steps, prefix), within);

      const lines: JsonObject[] = [];
      const states = new Map(WHO.map((who) => [who, { n: 0, open: false }]));
      const letters = loop(steps, (kept) => {
        const { id, who, kind, _meta } = kept.document as {
          id: number;
          who: string;
          kind: string;
          _meta?: object;
        };
        const state = { ...(states.get(who) ?? { n: 0, open: false }) };
        const out: JsonObject[] = [];
        if (_meta) {
          state.n -= 1;
          if (!state.open) return kept;
          out.push({ who, _meta: removed }, { who, n: 0, log: [-id] });
        } else {
          state.n += 1;
          if (kind === "toggle") state.open = !state.open;
          if (kind === "closed" && !state.open) return kept;
          if (["late", "output", "state"].includes(kind)) return kept;
          out.push({ who, n: 1, log: [id] }, { who, n: state.n, log: [id] });
        }
        lines.push(...out);
        states.set(who, state);
        return undefined;
      });

      const stored = await shop.documents(derivation.name);
      // -0 has no JSON of its own.
      const expected = JSON.parse(JSON.stringify(lines));
      if (plan === output) expect(stored).toEqual(expected);
      else expect(rowsOf(plan, stored)).toEqual(rowsOf(plan, expected));
      expect(await lettersOf(shop, derivation)).toEqual(letters);
      const isInitial = ({ n, open }: { n: number; open: boolean }) => n === 0 && !open;
      expect(
        await shop.state(
          derivation,
          WHO.map((who) => [who]),
        ),
      ).toEqual(
        WHO.map((who) => states.get(who)).map((state) => (state && isInitial(state) ? undefined : state)),
      );
    };
    await fc.assert(fc.asyncProperty(stepsWithDesk(commit), circumstances, whole), { numRuns: 40 });
  },
  120_000,
);

function rowsOf(plan: CollectionPlan, lines: readonly JsonObject[]): JsonObject[] {
  const reducer = compileReducer(plan);
  const combiner = new Combiner(plan, reducer);
  for (const line of lines) {
    if (line._meta) combiner.remove(line);
    else combiner.add(structuredClone(line));
  }
  return combiner
    .drain()
    .flatMap((change) => (change.op === "remove" ? [] : [reducer.settle(change.document)]))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const items: CollectionPlan = {
  schema: {
    type: "object",
    properties: { id: { type: "integer" }, bucket: { type: "string" }, n: { type: "integer" } },
    required: ["id", "bucket", "n"],
  },
  key: ["id"],
  reduce: { n: "sum" },
};
const LARGE = Number.MAX_SAFE_INTEGER - 20;
const item: fc.Arbitrary<JsonObject> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      id: fc.nat(2),
      bucket: fc.constantFrom("a", "b", "c"),
      n: fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: -9, max: 9 }) },
        { weight: 1, arbitrary: fc.constant(LARGE) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.nat(2).map((id) => ({ id, _meta: removed })) },
);
const itemCommit: fc.Arbitrary<Commit> = fc
  .array(item, { minLength: 1, maxLength: 5 })
  .map((documents) => ({ collection: "items", documents, plan: items }));

const CHANGES = `function* ({ before, after }, { state }) {
  state.seen += 1;
  yield { id: (after ?? before).id, seen: state.seen, before: before?.n ?? null, after: after?.n ?? null };
  if (before && after && before.n > after.n) throw new Error("less");
  if (!before && after && (after.n + state.seen) % 5 === 0) throw new Error("five");
  for (const each of [before, after]) if (each) each.n = "mine";
}`;
const BY = '(item) => { if (item.n % 7 === 3) throw new Error("no key"); return item.bucket; }';

it("reduced documents go on with their source, whatever becomes of their changes", async () => {
  const shop = await workshop();
  const whole = async (steps: readonly Step[], within: Circumstances) => {
    const prefix = `${++runs}-`;
    const { bundle, task } = shop;
    const derivation = task(`${prefix}derived`, {
      sources: [
        {
          ...{ name: "items", collection: `${prefix}items`, reduced: true },
          ...{ by: [bundle(BY)], transform: bundle(CHANGES) },
        },
      ],
      collections: [items],
      collection: { schema: { type: "object" }, key: ["id"], reduce: {} },
      state: { schema: { type: "object" }, initial: { seen: 0 } },
      onError: "deadLetter",
    });
    await follow(shop, derivation, named(steps, prefix), within);

    type Item = { readonly id: number; readonly bucket: string; readonly n: number };
    const reduced = new Map<number, Item>();
    const seen = new Map<string, number>();
    const lines: JsonObject[] = [];
    const letters = loop(steps, (kept) => {
      let change = kept.change as { before?: Item; after?: Item } | undefined;
      if (!change) {
        const { id, bucket, n, _meta } = kept.document as unknown as Item & { _meta?: object };
        const before = reduced.get(id);
        if (_meta) {
          if (!before) return undefined;
          reduced.delete(id);
          change = { before };
        } else {
          const sum = (before?.n ?? 0) + n;
          if (before && !Number.isSafeInteger(sum)) return kept;
          const after = { id, bucket, n: sum === 0 ? 0 : sum };
          reduced.set(id, after);
          change = { ...(before && { before }), after };
        }
      }
      const letter = { ...kept, change: change as { before?: JsonObject; after?: JsonObject } };
      const { before, after } = change;
      if ([before, after].some((each) => each && each.n % 7 === 3)) return letter;
      const apart = before && after && before.bucket !== after.bucket;
      const halves: { before?: Item; after?: Item }[] = apart ? [{ before }, { after }] : [change];
      const next = new Map(seen);
      const out: JsonObject[] = [];
      for (const half of halves) {
        const bucket = (half.after ?? half.before)?.bucket ?? "";
        const count = (next.get(bucket) ?? 0) + 1;
        next.set(bucket, count);
        const id = (half.after ?? half.before)?.id ?? 0;
        out.push({ id, seen: count, before: half.before?.n ?? null, after: half.after?.n ?? null });
        if (half.before && half.after && half.before.n > half.after.n) return letter;
        if (!half.before && half.after && (half.after.n + count) % 5 === 0) return letter;
      }
      lines.push(...out);
      for (const [bucket, count] of next) seen.set(bucket, count);
      return undefined;
    });

    expect(await shop.documents(derivation.name)).toEqual(lines);
    expect(await lettersOf(shop, derivation)).toEqual(letters);
    const buckets = ["a", "b", "c"];
    expect(
      await shop.state(
        derivation,
        buckets.map((bucket) => [bucket]),
      ),
    ).toEqual(buckets.map((bucket) => (seen.has(bucket) ? { seen: seen.get(bucket) } : undefined)));
    expect(await shop.state(derivation, [[0], [1], [2]], "reduced/items")).toEqual(
      [0, 1, 2].map((id) => reduced.get(id)),
    );
  };
  await fc.assert(fc.asyncProperty(stepsWithDesk(itemCommit), circumstances, whole), { numRuns: 60 });
}, 120_000);
