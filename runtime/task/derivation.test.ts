import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { HaltError } from "../../connectors/driver.ts";
import type { CollectionPlan, JsonObject } from "../../plan/plan.ts";
import type { Head, HeadTransaction } from "../head/head.ts";
import { withCommit, workshop } from "./derivation/fixtures/workshop.ts";

const removal = (key: JsonObject) => ({ ...key, _meta: { removed: true } });
const REMOVE = '({ [Symbol.for("weir.removed")]: key })';

it("a stop that comes while it reads never moves the checkpoint past documents that it has not transformed", async () => {
  const { head, bundle, append, task, run, documents } = await workshop();
  await append("a", [{ id: 1 }, { id: 2 }]);
  const stop = new AbortController();
  const stopping: Head = new Proxy(head, {
    get: (service, name) =>
      name === "read"
        ? async (...args: Parameters<Head["read"]>) => {
            stop.abort();
            return service.read(...args);
          }
        : Reflect.get(service, name).bind(service),
  });
  const derivation = task("b", { sources: [{ collection: "a", transform: bundle("(doc) => doc") }] });
  await run(derivation, stop.signal, { head: stopping });
  const [checkpoint] = await head.checkpoints(["b"]);
  const [position] = Object.values((checkpoint as Record<string, object> | undefined)?.[""] ?? {});
  expect((await documents("b")).length).toBe(position?.[1] ?? 0);
});

it("the checkpoint has the position of each source by its name, and a source that is new begins at 0", async () => {
  const { head, bundle, append, task, catchUp, documents } = await workshop();
  await append("a", [{ id: 1 }, { id: 2 }]);
  await append("b", [{ id: 3 }]);
  const transform = bundle("({ id }, { params }) => ({ id, from: params.from })");
  const sources = [{ name: "a", collection: "a", transform }];
  await catchUp(task("t", { sources, params: { from: "first" } }));
  const both = [{ name: "b", collection: "b", transform }, ...sources];
  await catchUp(task("t", { sources: both, params: { from: "second" } }));
  expect(await documents("t")).toEqual([
    { id: 1, from: "first" },
    { id: 2, from: "first" },
    { id: 3, from: "second" },
  ]);
  const journals = new Map((await head.journals()).map(({ collection, id }) => [collection, id]));
  expect(await head.checkpoints(["t"])).toEqual([
    { a: { [journals.get("a") ?? ""]: [1, 2] }, b: { [journals.get("b") ?? ""]: [1, 1] } },
  ]);
});

it("a source that is left out and comes back goes on from where it stood", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  const transform = bundle("({ id }) => ({ id })");
  const [a, b] = ["a", "b"].map((name) => ({ name, collection: name, transform }));
  if (!a || !b) throw new Error("There are two.");
  await append("a", [{ id: 1 }]);
  await append("b", [{ id: 2 }]);
  await catchUp(task("t", { sources: [a, b] }));
  await append("a", [{ id: 3 }]);
  await append("b", [{ id: 4 }]);
  await catchUp(task("t", { sources: [a] }));
  await append("a", [{ id: 5 }]);
  await catchUp(task("t", { sources: [a] }));
  await catchUp(task("t", { sources: [b, a] }));
  expect((await documents("t")).map(({ id }) => id)).toEqual([1, 2, 3, 5, 4]);
});

it("ends the round that it was in after a restart, before it reads what its preferred source has got since", async () => {
  const { head, bundle, append, task, run, catchUp, documents } = await workshop();
  const transform = bundle("({ id }) => ({ id })");
  const derivation = task("t", {
    sources: [
      { name: "a", collection: "a", priority: 1, transform },
      { name: "b", collection: "b", transform },
    ],
  });
  await append("a", [{ id: 0 }]);
  // More than a chunk, so that transactions end within the round.
  const text = "x".repeat(500_000);
  for (let id = 1; id <= 8; id++) await append("b", [{ id, text }]);
  const commits: HeadTransaction[] = [];
  const crashing = withCommit(head, async (transaction, commit) => {
    if (transaction.task === "t" && commits.push(transaction) > 1) throw new Error("crash");
    return commit(transaction);
  });
  const combined = { inputBytes: 1, heldBytes: 1, keys: 1, milliseconds: 0, mostMilliseconds: 0 };
  const limits = { transactionBytes: 1, transactionKeys: 1, combined, cache: { keys: 1, bytes: 1 } };
  await expect(run(derivation, new AbortController().signal, { head: crashing, limits })).rejects.toThrow(
    "crash",
  );
  expect((await documents("t")).length).toBeLessThan(9);
  await append("a", [{ id: 9 }]);
  await catchUp(derivation);
  expect((await documents("t")).map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it("halts on a checkpoint that knows none of its sources, instead of reading everything a second time", async () => {
  const { head, bundle, append, task, run } = await workshop();
  await append("a", [{ id: 1 }]);
  const { fence } = await head.openTask("b");
  await head.commit({ task: "b", fence, appends: [], checkpoint: { "a/p=00#0": [1, 1] } });
  const derivation = task("b", { sources: [{ collection: "a", transform: bundle("(doc) => doc") }] });
  await expect(run(derivation, new AbortController().signal)).rejects.toThrow(
    /knows none of this derivation's sources/,
  );
});

it("reads a source from one commit time until another", async () => {
  const { head, bundle, append, task, catchUp, documents } = await workshop();
  const times: string[] = [];
  for (let id = 0; id < 3; id++) {
    await append("a", [{ id }]);
    // A time between this commit and the next.
    await setTimeout(2);
    times.push(new Date().toISOString());
    await setTimeout(2);
  }
  const [from = "", until = ""] = times;
  const transform = bundle("(doc) => doc");
  await catchUp(task("t", { sources: [{ collection: "a", from, until, transform }] }));
  expect(await documents("t")).toEqual([{ id: 1 }]);
  const [checkpoint] = await head.checkpoints(["t"]);
  expect(Object.values((checkpoint as Record<string, object>)[""] ?? {})).toEqual([[1, 3]]);
});

it("hands removals to `removed`, with the key as it is nested in the document, and passes over them without", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  const place: CollectionPlan = { schema: { type: "object" }, key: ["at.city", "id"], reduce: {} };
  const key = { at: { city: "AMS" }, id: 1 };
  await append("a", [{ ...key, n: 1 }, removal(key)], place);
  const transform = bundle("({ id, n }) => ({ id, n })");
  const removed = bundle(
    `({ at, ...rest }) => [{ id: 7, city: at.city, rest }, ${REMOVE.replace("key", "rest")}]`,
  );
  await catchUp(task("with", { sources: [{ collection: "a", transform, removed }], collections: [place] }));
  await catchUp(task("without", { sources: [{ collection: "a", transform }], collections: [place] }));
  expect(await documents("with")).toEqual([
    { id: 1, n: 1 },
    { id: 7, city: "AMS", rest: { id: 1 } },
    removal({ id: 1 }),
  ]);
  expect(await documents("without")).toEqual([{ id: 1, n: 1 }]);
});

it("sends outputs to the journals of a partitioned collection by their key, as it was when they were yielded", async () => {
  const { head, bundle, append, task, catchUp } = await workshop();
  const collection: CollectionPlan = {
    schema: { type: "object", properties: { id: { type: "integer" }, land: { type: "string" } } },
    key: ["land", "id"],
    reduce: {},
    partitionBy: ["land"],
  };
  await append("a", [{ id: 1 }]);
  const transform = bundle(`function* ({ id }) {
    const out = { id, land: "NL" };
    yield out;
    out.land = "BE";
    yield out;
    yield ${REMOVE.replace("key", '{ id, land: "NL" }')};
  }`);
  await catchUp(task("t", { sources: [{ collection: "a", transform }], collection }));
  const lines = new Map<string, string>();
  for (const { collection: name, logical, id } of await head.journals()) {
    const [run] = name === "t" ? await head.readHead(id, 0, 1000) : [];
    if (run) lines.set(logical, Buffer.from(run.lines).toString());
  }
  expect(lines).toEqual(
    new Map([
      ["land=NL", '{"id":1,"land":"NL"}\n{"land":"NL","id":1,"_meta":{"removed":true}}\n'],
      ["land=BE", '{"id":1,"land":"BE"}\n'],
    ]),
  );
});

it("what a generator yielded is combined as it was then", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  const collection: CollectionPlan = {
    schema: { type: "object", properties: { id: { type: "integer" }, list: { type: "array" } } },
    key: ["id"],
    reduce: { list: "append" },
  };
  await append("a", [{ id: 1 }]);
  const transform = bundle(`function* ({ id }) {
    const list = ["x"];
    yield { id, list };
    list[0] = "y";
    yield { id, list };
  }`);
  await catchUp(task("t", { sources: [{ collection: "a", transform }], collection }));
  expect(await documents("t")).toEqual([{ id: 1, list: ["x", "y"] }]);
});

it("a document that a function returns again and again is combined as it was each time", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  const collection: CollectionPlan = {
    schema: {
      type: "object",
      properties: { id: { type: "string" }, n: { type: "integer" } },
      additionalProperties: false,
    },
    key: ["id"],
    reduce: { n: "sum" },
  };
  const transform = bundle(`(() => {
    const same = {};
    const fill = (n) => { same.id = "all"; same.n = n; return same; };
    return (doc) => (doc.after ? fill(doc.after.n) : doc.before ? fill(-doc.before.n) : fill(doc.n));
  })()`);
  await append("a", [
    { id: 1, n: 1 },
    { id: 2, n: 2 },
    { id: 3, n: 4 },
  ]);
  await catchUp(task("t", { sources: [{ collection: "a", transform }], collection }));
  expect(await documents("t")).toEqual([{ id: "all", n: 7 }]);
  // A change of the shuffle key calls it twice for one document.
  await append("b", [
    { id: 1, n: 8, at: "x" },
    { id: 1, n: 16, at: "y" },
  ]);
  const reduced = { name: "b", collection: "b", reduced: true as const, by: ["at"], transform };
  await catchUp(task("u", { sources: [reduced], collection }));
  expect(await documents("u")).toEqual([{ id: "all", n: 16 }]);
});

it("gives functions a context that they cannot change", async () => {
  const { bundle, append, task, catchUp, documents } = await workshop();
  await append("a", [{ id: 1 }]);
  const transform = bundle(`({ id }, context) => {
    const refused = [];
    for (const change of [
      () => { context.params = {}; },
      () => { context.params.list.push(1); },
      () => { context.state = {}; },
      () => { context.more = 1; },
    ]) try { change(); } catch (error) { refused.push(error.name); }
    context.state.n = 5;
    return { id, refused };
  }`);
  const state = { schema: { type: "object" }, initial: { n: 0 } };
  const sources = [{ name: "a", collection: "a", by: ["id"], transform }];
  await catchUp(task("t", { sources, state, params: { list: [] } }));
  expect(await documents("t")).toEqual([{ id: 1, refused: Array(4).fill("TypeError") }]);
});

it("a commit that fails ends the task at once, and what it held is done again", async () => {
  const { head, bundle, append, task, run, catchUp, documents } = await workshop();
  await append("a", [{ id: 1 }]);
  const transform = bundle("(doc, { state }) => { state.n += 1; return { ...doc, n: state.n }; }");
  const state = { schema: { type: "object" }, initial: { n: 0 } };
  const derivation = task("t", { sources: [{ name: "a", collection: "a", by: [], transform }], state });
  const failing = withCommit(head, () => Promise.reject(new Error("The disk is full.")));
  // No document comes that would wake it.
  await expect(run(derivation, new AbortController().signal, { head: failing })).rejects.toThrow(
    "disk is full",
  );
  expect(await documents("t")).toEqual([]);
  await catchUp(derivation);
  expect(await documents("t")).toEqual([{ id: 1, n: 1 }]);
});

it("an instance that a newer one has fenced off commits nothing", async () => {
  const { head, bundle, append, task, run, catchUp, documents } = await workshop();
  await append("a", [{ id: 1 }, { id: 2 }]);
  const transform = bundle("(doc, { state }) => { state.n += 1; return { ...doc, n: state.n }; }");
  const state = { schema: { type: "object" }, initial: { n: 0 } };
  const derivation = task("t", { sources: [{ name: "a", collection: "a", by: [], transform }], state });
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const paused = withCommit(head, async (transaction, commit) => {
    reached.resolve();
    await released.promise;
    return commit(transaction);
  });
  const old = run(derivation, new AbortController().signal, { head: paused });
  old.catch(() => {}); // looked at below
  await reached.promise;
  await catchUp(derivation);
  released.resolve();
  await expect(old).rejects.toThrow("A newer instance of the task");
  expect(await documents("t")).toEqual([
    { id: 1, n: 1 },
    { id: 2, n: 2 },
  ]);
});

it("asks the head once for the states of all new documents, and not again for those that it has", async () => {
  const { head, bundle, append, task, catchUp } = await workshop();
  const asked: (readonly string[])[] = [];
  const transactions: HeadTransaction[] = [];
  const watching: Head = new Proxy(head, {
    get: (service, name) =>
      name === "readState"
        ? (of: string, space: string, keys: readonly string[]) => {
            asked.push(keys);
            return service.readState(of, space, keys);
          }
        : name === "commit"
          ? (transaction: HeadTransaction) => {
              transactions.push(transaction);
              return service.commit(transaction);
            }
          : Reflect.get(service, name).bind(service),
  });
  await append("a", [
    { id: 1, who: "x" },
    { id: 2, who: "y" },
    { id: 3, who: "x" },
    { id: 4, who: "z" },
  ]);
  const transform = bundle(
    '(doc, { state }) => { if (doc.who !== "y") state.n += 1; if (doc.who === "z") state.n = 0; }',
  );
  const state = { schema: { type: "object" }, initial: { n: 0 } };
  const sources = [{ name: "a", collection: "a", by: ["who"], transform }];
  await catchUp(task("t", { sources, state }), { head: watching });
  expect(asked).toEqual([['["x"]', '["y"]', '["z"]']]);
  // "y" was not changed, and "z" is as it was at the beginning.
  expect(transactions.map((each) => each.state)).toEqual([
    [{ space: "state", key: '["x"]', value: '{"n":2}' }],
  ]);
});

const n = {
  schema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  initial: { n: 0 },
};
it.each<[string, Record<string, string>, RegExp]>([
  [
    "throws",
    { transform: '() => { throw new TypeError("oh"); }' },
    /^The handler "orders" of "shop\/x" threw on the document at offset 1 of "orders" \(weir read orders --from 1 --limit 1\); correct it and run again\. TypeError: oh/,
  ],
  [
    "throws while it is drained",
    { transform: 'function* () { yield { id: 1 }; throw new TypeError("oh"); }' },
    /^The handler "orders" of "shop\/x" threw on the document at offset 1/,
  ],
  [
    "reads the clock",
    { transform: "({ id }) => ({ id, at: Date.now() })" },
    /^The handler "orders" of "shop\/x" threw on .* The function uses Date\.now\(\)\. A derivation's functions must give the same outputs/,
  ],
  [
    "returns what breaks the schema",
    { transform: '() => ({ id: "1" })' },
    /^The handler "orders" of "shop\/x" returned a document that breaks its schema, from the document at offset 1 of "orders" \(.*\): \/id must be integer\.$/,
  ],
  [
    "leaves a state that breaks its schema",
    { transform: '(doc, { state }) => { state.n = "x"; }' },
    /^The handler "orders" of "shop\/x" left a state that cannot be kept, for the shuffle key \["A",true\], after the document at offset 1 of "orders" \(.*\): \/n must be integer\. Correct it, or the state's schema, and run again\.$/,
  ],
  [
    "leaves a state that is no JSON",
    { transform: "(doc, { state }) => { state.at = [new Date(0)]; }" },
    /for the shuffle key \["A",true\], after the document at offset 1 of "orders" \(.*\): \/at\/0 is a Date, which JSON cannot hold\./,
  ],
  [
    "keys by nothing",
    { by: "() => undefined" },
    /^The shuffle key of "orders" of "shop\/x": of the document at offset 1 of "orders" \(.*\), its function gave undefined, and must give a string, an integer or a boolean, or a list of them; correct it and run again\.$/,
  ],
  ["keys by a fraction", { by: "() => [1, 0.5]" }, /its function gave \[1,0\.5\], and must give/],
  ["keys by what is not finite", { by: "() => NaN" }, /its function gave NaN, and must give/],
  ["keys by an object", { by: "({ who }) => ({ who })" }, /its function gave \{"who":"A"\}, and must give/],
  ["keys by an empty list", { by: "() => []" }, /its function gave \[\], and must give/],
  [
    "keys by chance",
    { by: "() => String(Math.random())" },
    /threw on the document at offset 1 .*uses Math\.random\(\)/,
  ],
  [
    "throws on a removal",
    { removed: '() => { throw new TypeError("oh"); }', by: "id" },
    /^The removal handler "orders" of "shop\/x" threw on the document at offset 2/,
  ],
  [
    "keys a removal by what it does not have",
    { removed: "() => {}", by: "who" },
    /^The removal handler "orders" of "shop\/x" cannot find the state of a removed document, of which there is only the key \(id\): shuffle by key fields, or read the source with reduced\(\)\.$/,
  ],
])("halts, and says where, when a function %s", async (_, texts, message) => {
  const { head, bundle, append, task, run, documents } = await workshop();
  await append("orders", [{ id: 0 }, { id: 1, who: "A" }, removal({ id: 1 })]);
  const fine = `(doc, context) => doc.id === 0 ? { id: 0 } : (${texts.transform ?? "() => {}"})(doc, context)`;
  const generator = texts.transform?.startsWith("function*");
  const transform = bundle(
    generator ? `function* (doc) { if (doc.id > 0) yield* (${texts.transform})(doc); }` : fine,
  );
  const by =
    texts.by === undefined
      ? [bundle('({ who }) => [who ?? "none", true]')]
      : /^\w+$/.test(texts.by)
        ? [texts.by]
        : [bundle(`(doc) => doc.id === 0 ? "none" : (${texts.by})(doc)`)];
  const removed = texts.removed === undefined ? {} : { removed: bundle(texts.removed) };
  const sources = [{ name: "orders", collection: "orders", by, transform, ...removed }];
  const running = run(task("shop/x", { sources, state: n }), new AbortController().signal);
  await expect(running).rejects.toThrow(message);
  await expect(running).rejects.toBeInstanceOf(HaltError);
  expect(await documents("shop/x")).toEqual([]);
  expect(await head.checkpoints(["shop/x"])).toEqual([undefined]);
  expect(Date.now()).toBeGreaterThan(0);
});

it("names the partition of a document that it cannot get past", async () => {
  const { bundle, append, task, run } = await workshop();
  const lands: CollectionPlan = {
    schema: { type: "object" },
    key: ["land", "id"],
    reduce: {},
    partitionBy: ["land"],
  };
  await append(
    "a",
    [
      { land: "NL", id: 1 },
      { land: "B/E", id: 2 },
    ],
    lands,
  );
  const transform = bundle('({ land, id }) => { if (land !== "NL") throw new Error("oh"); return { id }; }');
  const derivation = task("t", { sources: [{ collection: "a", transform }], collections: [lands] });
  await expect(run(derivation, new AbortController().signal)).rejects.toThrow(
    'The transform of "t" threw on the document at offset 0 of "a" (weir read a --partition land=B%2FE/p=00 --from 0 --limit 1)',
  );
});

it("halts where a bundle has no function", async () => {
  const { bundle, task, run } = await workshop();
  const derivation = task("t", { sources: [{ collection: "a", transform: bundle("1") }] });
  await expect(run(derivation, new AbortController().signal)).rejects.toThrow(
    /^The transform of "t": the bundle .* has no function; build the plan again\.$/,
  );
});
