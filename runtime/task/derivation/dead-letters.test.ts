import { expect, it } from "vitest";
import { HaltError } from "../../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../../plan/plan.ts";
import { deadLetterCounts } from "../../deadletters/counts.ts";
import { MAX_APPEND_BYTES } from "../../head/head.ts";
import type { TaskReport } from "../task.ts";
import { EVENTS, PLAN_HASH, workshop } from "./fixtures/workshop.ts";

const removal = (key: JsonObject) => ({ ...key, _meta: { removed: true } });
const n = {
  schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  initial: { n: 0 },
};

it.each<[string, Record<string, string>, string | RegExp]>([
  [
    "throws",
    { transform: '() => { throw new TypeError("oh"); }' },
    'The handler "orders" of "shop/x" threw TypeError: oh',
  ],
  [
    "throws what is no error",
    { transform: '() => { throw "oh"; }' },
    'The handler "orders" of "shop/x" threw oh',
  ],
  [
    "throws after it has given outputs and changed its state",
    {
      transform:
        'function* (doc, { state }) { state.n = 7; yield { id: 1 }; yield { id: 2 }; throw new TypeError("oh"); }',
    },
    'The handler "orders" of "shop/x" threw TypeError: oh',
  ],
  [
    "reads the clock",
    { transform: "({ id }) => ({ id, at: Date.now() })" },
    /threw Error: The function uses Date\.now\(\)/,
  ],
  [
    "returns what breaks the schema, after what does not",
    { transform: '() => [{ id: 1 }, { id: "1" }]' },
    'The handler "orders" of "shop/x" returned a document that breaks its schema: /id must be integer',
  ],
  [
    "returns a removal that does not fit",
    { transform: '() => ({ [Symbol.for("weir.removed")]: { id: "x" } })' },
    /returned a removal that does not fit: its key field id must be integer/,
  ],
  ["returns what JSON cannot hold", { transform: "() => ({ id: 1, big: 1n })" }, /threw TypeError: .*BigInt/],
  [
    "leaves a state that breaks its schema, after outputs",
    { transform: '(doc, { state }) => { state.n = "x"; return { id: 1 }; }' },
    'The handler "orders" of "shop/x" left a state that cannot be kept, for the shuffle key ["A"]: /n must be integer',
  ],
  [
    "leaves a state that is no JSON",
    { transform: "(doc, { state }) => { state.at = [new Date(0)]; }" },
    /for the shuffle key \["A"\]: \/at\/0 is a Date, which JSON cannot hold/,
  ],
  [
    "leaves a state that is too large",
    { transform: '(doc, { state }) => { state.text = "x".repeat(2 ** 23); return { id: 1 }; }' },
    'The handler "orders" of "shop/x" left a state that cannot be kept, for the shuffle key ["A"]: the whole takes 8388625 characters, and 8388608 is the most',
  ],
  [
    "keys by nothing",
    { by: "() => undefined" },
    'The shuffle key of "orders" of "shop/x": its function gave undefined, and must give a string, an integer or a boolean, or a list of them',
  ],
  ["throws in its key", { by: '() => { throw new TypeError("oh"); }' }, /threw TypeError: oh/],
])("a function that %s has no effect at all, and its document is a letter", async (_, texts, message) => {
  const { bundle, append, task, catchUp, documents, letters, state, head } = await workshop();
  await append("orders", [{ id: 0 }, { id: 1, who: "A" }, { id: 2 }]);
  const good = "(doc, { state }) => { state.n += 1; return { id: doc.id, n: state.n }; }";
  const transform = bundle(
    `(doc, context) => (doc.id === 1 ? (${texts.transform ?? "() => {}"})(doc, context) : (${good})(doc, context))`,
  );
  const by = [bundle(`(doc) => doc.id === 1 ? (${texts.by ?? "() => 'A'"})(doc) : "A"`)];
  const derivation = task("shop/x", {
    sources: [{ name: "orders", collection: "orders", by, transform }],
    state: n,
    onError: "deadLetter",
  });
  await catchUp(derivation);
  expect(await documents("shop/x")).toEqual([
    { id: 0, n: 1 },
    { id: 2, n: 2 },
  ]);
  expect(await state(derivation, [["A"]])).toEqual([{ n: 2 }]);
  const [letter, ...more] = await letters(derivation);
  expect(more).toEqual([]);
  const [journal] = await head.journals();
  expect(letter).toEqual({
    id: "orders:p=00:1",
    error: {
      message: typeof message === "string" ? message : expect.stringMatching(message),
      stack: expect.any(Array),
    },
    place: {
      ...{ collection: "orders", source: "orders", journal: journal?.id, partition: "p=00", offset: 1 },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    },
    original: { id: 1, who: "A" },
    planHash: PLAN_HASH,
    at: expect.stringMatching(/Z$/),
  });
  expect(await deadLetterCounts(head)).toEqual([{ task: "shop/x", letters: 1 }]);
  // Read again from the checkpoint, it is not set aside again.
  await append("orders", [{ id: 3 }]);
  await catchUp(derivation);
  expect(await deadLetterCounts(head)).toEqual([{ task: "shop/x", letters: 1 }]);
});

it("the stack of a letter has the frames of the flow alone", async () => {
  const { bundle, append, task, catchUp, letters } = await workshop();
  await append("a", [{ id: 0 }]);
  const text = 'function outer() { function inner() { throw new Error("oh"); } inner(); }';
  const sources = [{ collection: "a", transform: bundle(text) }];
  const derivation = task("t", { sources, onError: "deadLetter" });
  await catchUp(derivation);
  const [letter] = await letters(derivation);
  expect(letter?.error.stack).toEqual([
    expect.stringMatching(/^at inner \(.*\.mjs:\d+:\d+\)$/),
    expect.stringMatching(/^at .*outer.* \(.*\.mjs:\d+:\d+\)$/),
  ]);
});

it("a removal that its function fails on is a letter, and is replayed as a removal", async () => {
  const { bundle, append, task, catchUp, documents, letters, desk } = await workshop();
  await append("a", [{ id: 1 }, removal({ id: 1 }), { id: 2 }]);
  const transform = bundle("({ id, n }, { state }) => { state.n = n ?? id; return { id }; }");
  const removed = bundle(
    '({ id }, { state }) => { if (state.n < 2) throw new Error("early"); return { id, n: state.n }; }',
  );
  const sources = [{ name: "a", collection: "a", by: ["id"], transform, removed }];
  const derivation = task("t", { sources, state: n, onError: "deadLetter" });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([{ id: 1 }, { id: 2 }]);
  expect((await letters(derivation)).map(({ original }) => original)).toEqual([removal({ id: 1 })]);
  await desk(derivation).answer({ action: "replay", task: "t", ids: ["a:p=00:1"] });
  await catchUp(derivation);
  // The state of its key is as it was: it fails again, at the same place.
  expect((await letters(derivation)).map(({ id }) => id)).toEqual(["a:p=00:1"]);
  await append("a", [{ id: 1, n: 2 }]);
  await desk(derivation).answer({ action: "replay", task: "t", ids: ["a:p=00:1"] });
  await catchUp(derivation);
  expect(await letters(derivation)).toEqual([]);
  expect(await documents("t")).toEqual([{ id: 1 }, { id: 2 }, { id: 1 }, { id: 1, n: 2 }]);
});

const sums: CollectionPlan = {
  schema: {
    type: "object",
    properties: {
      key: { type: "string" },
      n: { type: "integer" },
      exact: { type: "string" },
      log: { type: "array" },
      in: { type: "object", properties: { set: { type: "object" } } },
    },
    required: ["key"],
  },
  key: ["key"],
  reduce: { n: "sum", exact: { sum: "decimal" }, log: "append", "in.set": "set" },
};

it("outputs that cannot be combined leave no trace in what is combined, of any of their keys", async () => {
  const { bundle, append, task, catchUp, documents, letters } = await workshop();
  const big = Number.MAX_SAFE_INTEGER;
  const outputs: readonly JsonObject[][] = [
    [
      { key: "a", n: 1, log: [1], exact: "1.5", in: { set: { add: ["x"] } } },
      { key: "b", n: big },
    ],
    // "a" would be combined before "b" overflows.
    [
      { key: "a", n: 10, log: [2], in: { set: { add: ["y"], remove: ["x"] } } },
      { key: "b", n: 1 },
    ],
    [{ key: "a", n: 100, log: [3] }],
    // Alone it could be appended, and nobody could ever combine it.
    [{ key: "c", exact: "many" }],
    [
      { key: "c", exact: "1" },
      { key: "a", n: 1000 },
      { key: "a", exact: "x" },
    ],
    // The sum of one document's outputs is what counts.
    [
      { key: "b", n: 1 },
      { key: "b", n: -2 },
    ],
    [{ key: "a", in: { set: { add: [{}] } } }],
  ];
  await append(
    "a",
    outputs.map((given, id) => ({ id, given })),
  );
  const transform = bundle("({ given }) => given");
  const derivation = task("t", {
    sources: [{ collection: "a", transform }],
    collection: sums,
    onError: "deadLetter",
  });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([
    { key: "a", n: 101, log: [1, 3], exact: "1.5", in: { set: { add: ["x"] } } },
    { key: "b", n: big - 1 },
  ]);
  expect((await letters(derivation)).map(({ id, error }) => [id, error.message.slice(0, 90)])).toEqual([
    ["p=00:1", expect.stringMatching(/^Field "n" of key "b": the sum .* leaves the range/)],
    ["p=00:3", expect.stringMatching(/^Field "exact" of key "c": \{ sum: "decimal" \} takes strings/)],
    ["p=00:4", expect.stringMatching(/^Field "exact" of key "a"/)],
    ["p=00:6", expect.stringMatching(/^Field "in.set" of key "a": "set" takes/)],
  ]);
});

it("of a change over two shuffle keys both halves go, and the reduced document goes on; a replay hands the change out", async () => {
  const { bundle, append, task, catchUp, documents, letters, state, desk } = await workshop();
  const items: CollectionPlan = {
    schema: { type: "object", properties: { id: { type: "integer" }, n: { type: "integer" } } },
    key: ["id"],
    reduce: { n: "sum" },
  };
  await append(
    "items",
    [
      { id: 1, bucket: "a", n: 1 },
      { id: 1, bucket: "b", n: 2 },
      { id: 1, bucket: "b", n: 4 },
    ],
    items,
  );
  const transform = bundle(`({ before, after }, { state }) => {
    if (!before && after.n === 3 && state.n === 0) throw new Error("not yet");
    state.n += 1;
    return { id: 1, before: before?.n, after: after?.n };
  }`);
  const sources = [{ name: "items", collection: "items", reduced: true as const, by: ["bucket"], transform }];
  const derivation = task("t", { sources, collections: [items], state: n, onError: "deadLetter" });
  await catchUp(derivation);
  const first = [
    { id: 1, after: 1 },
    { id: 1, before: 3, after: 7 },
  ];
  expect(await documents("t")).toEqual(first);
  expect(await state(derivation, [["a"], ["b"]])).toEqual([{ n: 1 }, { n: 1 }]);
  const change = { before: { id: 1, bucket: "a", n: 1 }, after: { id: 1, bucket: "b", n: 3 } };
  expect(await letters(derivation)).toMatchObject([{ change, original: { id: 1, bucket: "b", n: 2 } }]);
  await desk(derivation).answer({ action: "replay", task: "t", ids: "all" });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([...first, { id: 1, before: 1 }, { id: 1, after: 3 }]);
  expect(await state(derivation, [["a"], ["b"]])).toEqual([{ n: 2 }, { n: 2 }]);
  expect(await state(derivation, [[1]], "reduced/items")).toEqual([{ id: 1, bucket: "b", n: 7 }]);
  expect(await letters(derivation)).toEqual([]);
});

it("a document as large as a journal takes fits into a letter, and is replayed", async () => {
  const { bundle, append, task, catchUp, documents, letters, desk } = await workshop();
  const envelope = JSON.stringify({ id: 1, text: "" }).length + 1;
  const large = { id: 1, text: '"'.repeat((MAX_APPEND_BYTES - envelope) / 2) };
  await append("a", [{ id: 0 }]);
  await append("a", [large]);
  await append("a", [{ id: 2 }]);
  const transform = bundle(`({ id, text }, { state }) => {
    if (text && state.n === 0) throw new Error("large");
    state.n += id;
    return { id, length: text?.length };
  }`);
  const sources = [{ name: "a", collection: "a", by: [bundle("() => 1")], transform }];
  const derivation = task("t", { sources, state: n, onError: "deadLetter" });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([{ id: 0 }, { id: 2 }]);
  expect((await letters(derivation)).map(({ original }) => original)).toEqual([large]);
  await desk(derivation).answer({ action: "replay", task: "t", ids: "all" });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([{ id: 0 }, { id: 2 }, { id: 1, length: large.text.length }]);
  expect(await letters(derivation)).toEqual([]);
});

it("an output that no journal takes is poison, instead of a failure that is tried for ever", async () => {
  const { bundle, append, task, run, catchUp, documents, letters } = await workshop();
  await append("a", [
    { id: 0, n: MAX_APPEND_BYTES },
    { id: 1, n: 10 },
  ]);
  const sources = [{ collection: "a", transform: bundle('({ id, n }) => ({ id, text: "x".repeat(n) })') }];
  const halting = run(task("h", { sources }), new AbortController().signal);
  await expect(halting).rejects.toThrow(
    /returned a document that is too large, from the document at offset 0 of "a"/,
  );
  await expect(halting).rejects.toBeInstanceOf(HaltError);
  const derivation = task("t", { sources, onError: "deadLetter" });
  await catchUp(derivation);
  expect(await documents("t")).toEqual([{ id: 1, text: "x".repeat(10) }]);
  expect((await letters(derivation)).map(({ error }) => error.message)).toEqual([
    expect.stringMatching(
      /returned a document that is too large: it takes \d+ bytes, and 8388608 is the most/,
    ),
  ]);
});

it.each([
  [100, 1],
  [99, 0],
])(
  "where all of the first %i documents fail, it is said %i times that the flow is probably wrong",
  async (count, warnings) => {
    const { bundle, append, task, run, hasReadAll } = await workshop();
    await append(
      "a",
      Array.from({ length: count }, (_, id) => ({ id })),
    );
    const transform = bundle('({ id }) => { throw new Error("oh " + id); }');
    const derivation = task("t", { sources: [{ collection: "a", transform }], onError: "deadLetter" });
    const reports: TaskReport[] = [];
    const stop = new AbortController();
    const running = run(derivation, stop.signal, { reports });
    while (!(await hasReadAll(derivation))) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    await running;
    const logs = reports.filter(({ kind }) => kind === "log");
    expect(logs).toEqual(
      Array.from({ length: warnings }, () => ({
        ...{ kind: "log", task: "t", level: "warn" },
        message: expect.stringMatching(
          /^all of the first 100 documents were set aside, so it is probably the flow that is wrong, not the data\. The last one: The transform of "t" threw Error: oh 99 \(weir deadletters list t\)$/,
        ),
      })),
    );
  },
);

it("letters of several sources and partitions are told apart, and replays keep the partition's number", async () => {
  const { head, bundle, append, task, catchUp, letters, desk, documents } = await workshop();
  const parted: CollectionPlan = { ...EVENTS, key: ["land", "id"], partitionBy: ["land"], partitions: 3 };
  const lands = ["NL", "B/E"].flatMap((land) => Array.from({ length: 6 }, (_, id) => ({ land, id })));
  await append("a", lands, parted);
  await append("b", [{ id: 1 }]);
  const transform = bundle(
    '({ id }, { state }) => { if (state.n === 0) throw new Error("oh"); return { id }; }',
  );
  const open = bundle("(doc, { state }) => { state.n = 1; throw new Error(); }");
  const by = [bundle("() => 1")];
  const derivation = task("t", {
    sources: [
      { name: "a", collection: "a", by, transform },
      { name: "b", collection: "b", by, transform: open },
    ],
    collections: [parted, EVENTS],
    state: n,
    onError: "deadLetter",
  });
  await catchUp(derivation);
  const found = await letters(derivation);
  const ids = found.map(({ id }) => id);
  expect(new Set(ids).size).toBe(13);
  expect(ids).toContain("b:p=00:0");
  expect(ids.filter((id) => id.startsWith("a:land=B%2FE/p=0"))).toHaveLength(6);
  const { action, ...rest } = { action: "replay" as const, task: "t" };
  await expect(
    desk(derivation).answer({ action, ...rest, ids: [ids[0] ?? "", "a:p=00:99"] }),
  ).rejects.toThrow('"t" has no dead letter a:p=00:99; nothing was changed.');
  expect(await desk(derivation).answer({ action, ...rest, ids: "all" })).toEqual({ moved: 13, refused: [] });
  expect(await desk(derivation).answer({ action, ...rest, ids: "all" })).toEqual({ moved: 0, refused: [] });
  const replays = (await head.journals()).filter(({ collection }) => collection === "_weir/replays/t");
  const originals = (await head.journals()).filter(({ collection }) => collection === "a");
  for (const { partition, next } of replays) {
    const own = originals.filter((journal) => journal.partition === partition);
    const expected = own.reduce((sum, journal) => sum + journal.next, 0) + (partition === 0 ? 1 : 0);
    expect(next).toBe(expected);
  }
  await catchUp(derivation);
  expect(await documents("t")).toEqual([]);
  expect((await letters(derivation)).map(({ id }) => id).sort()).toEqual([...ids].sort());
});

it("a task that halts on errors again works on what was replayed, and halts on it if it must", async () => {
  const { bundle, append, task, run, catchUp, desk, letters, documents } = await workshop();
  await append("a", [{ id: 0 }, { id: 1 }]);
  const transform = bundle('({ id }) => { if (id === 0) throw new Error("oh"); return { id }; }');
  const sources = [{ collection: "a", transform }];
  const derivation = task("t", { sources, onError: "deadLetter" });
  await catchUp(derivation);
  await desk(derivation).answer({ action: "replay", task: "t", ids: "all" });
  const halting = run(task("t", { sources }), new AbortController().signal);
  await expect(halting).rejects.toThrow('The transform of "t" threw on the document at offset 0 of "a"');
  await catchUp(derivation);
  expect(await letters(derivation)).toHaveLength(1);
  expect(await documents("t")).toEqual([{ id: 1 }]);
});

it("shards set aside into one journal, each works on the replays of its partitions, and a new layout goes on after them", async () => {
  const { head, bundle, append, task, run, hasReadAll, desk, letters, documents } = await workshop();
  const parted: CollectionPlan = { ...EVENTS, partitions: 5 };
  await append(
    "a",
    Array.from({ length: 40 }, (_, id) => ({ id })),
    parted,
  );
  const transform = bundle('({ id }) => { if (id % 2 === 0) throw new Error("even"); return { id }; }');
  const derivation = task("t", {
    sources: [{ collection: "a", transform }],
    collections: [parted],
    onError: "deadLetter",
  });
  const workIn = async (shards: number) => {
    await head.layOutTask("t", shards);
    const stop = new AbortController();
    const running = Array.from({ length: shards }, (_, index) =>
      run({ ...derivation, ...(shards === 1 ? {} : { shard: { index, of: shards } }) }, stop.signal),
    );
    while (!(await hasReadAll(derivation))) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    await Promise.all(running);
  };
  const even = Array.from({ length: 20 }, (_, i) => 2 * i);
  const ids = async () =>
    (await letters(derivation))
      .map(({ original }) => (original as JsonObject).id)
      .sort((a, b) => Number(a) - Number(b));
  await workIn(3);
  expect(await ids()).toEqual(even);
  for (const shards of [3, 2, 1, 4]) {
    await desk(derivation).answer({ action: "replay", task: "t", ids: "all" });
    expect(await ids()).toEqual([]);
    await workIn(shards);
    // Each fails again, once.
    expect(await ids()).toEqual(even);
    expect(await deadLetterCounts(head)).toEqual([{ task: "t", letters: 20 }]);
    await workIn(5);
    expect(await deadLetterCounts(head)).toEqual([{ task: "t", letters: 20 }]);
  }
  expect((await documents("t")).map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
    even.map((id) => id + 1),
  );
});

it("a removal that a flow in shards must not give halts it: the flow is wrong, not the document", async () => {
  const { head, bundle, append, task, run, letters } = await workshop();
  await append("a", [{ id: 1 }]);
  await head.layOutTask("t", 2);
  const transform = bundle('({ id }) => ({ [Symbol.for("weir.removed")]: { id } })');
  const derivation = task("t", { sources: [{ collection: "a", transform }], onError: "deadLetter" });
  const shard = { ...derivation, shard: { index: 0, of: 2 } };
  await expect(run(shard, new AbortController().signal)).rejects.toThrow(/in shards returned a removal/);
  expect(await letters(derivation)).toEqual([]);
});
