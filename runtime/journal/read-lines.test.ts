import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { CollectionPlan, Plan } from "../../plan/plan.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import { HeadService } from "../head/head-service.ts";
import { APPLIED_PLAN } from "../notes.ts";
import { openStore } from "../store/store.ts";
import { type ReadRequest, readLines } from "./read-lines.ts";
import { JournalRouter } from "./router.ts";

const PLACES = ["NL", "DE", "NL", "FR"];

/** A collection with one document per commit, ten ms apart. */
async function world(definition: Partial<CollectionPlan>) {
  const directory = mkdtempSync(join(tmpdir(), "weir-read-"));
  const clock = { now: 1_000_000 };
  const head = new HeadService(new EmbeddedHead(join(directory, "head"), () => clock.now), (error) => {
    throw error;
  });
  const store = await openStore({ directory: join(directory, "store") });
  onTestFinished(async () => {
    await head.close();
    await store.close();
    rmSync(directory, { recursive: true });
  });
  const collection = { schema: {}, key: ["country"], reduce: { n: "sum" as const }, ...definition };
  const plan: Plan = {
    formatVersion: 1,
    collections: { a: collection },
    captures: {},
    derivations: {},
    materializations: {},
  };
  await head.setNote(APPLIED_PLAN, JSON.parse(JSON.stringify(plan)));
  const router = await JournalRouter.open(head, "a", collection);
  const { fence } = await head.openTask("a");
  const add = async (country: string, n: number) => {
    const document = { country, n };
    const appends = await router.route([document], Buffer.from(`${JSON.stringify(document)}\n`));
    await head.commit({ task: "a", fence, appends });
    clock.now += 10_000;
  };
  for (const [n, country] of PLACES.entries()) await add(country, n);
  const read = async (request: Partial<ReadRequest>, signal = new AbortController().signal) => {
    let text = "";
    for await (const part of readLines(head, store, { collection: "a", ...request }, signal)) text += part;
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { n: number });
  };
  const numbers = async (request: Partial<ReadRequest>) => (await read(request)).map(({ n }) => n);
  return { head, store, read, numbers, add };
}

it("reads the journals of a collection in the order of commits, also from a time on, and to a limit", async () => {
  const { numbers } = await world({ partitionBy: ["country"] });
  expect(await numbers({})).toEqual([0, 1, 2, 3]);
  expect(await numbers({ fromTime: 1_010_000 })).toEqual([1, 2, 3]);
  expect(await numbers({ fromTime: 1_010_001, limit: 1 })).toEqual([2]);
});

it("reads one partition, and names those there are where it is none", async () => {
  const { numbers } = await world({ partitionBy: ["country"] });
  expect(await numbers({ partition: "country=NL" })).toEqual([0, 2]);
  expect(await numbers({ partition: "country=NL/p=00", fromOffset: 1 })).toEqual([2]);
  await expect(numbers({ partition: "country=N" })).rejects.toThrow(
    '"a" has no partition "country=N"; it has country=DE/p=00, country=FR/p=00, country=NL/p=00.',
  );
});

it("takes an offset of one journal only", async () => {
  const { numbers } = await world({ partitionBy: ["country"] });
  await expect(numbers({ fromOffset: 0 })).rejects.toThrow(/"a" has 3: choose one with --partition/);
  await expect(numbers({ partition: "country=FR", fromOffset: 2 })).rejects.toThrow(
    /past the end of "a", which is 1/,
  );
  const alone = await world({});
  expect(await alone.numbers({ fromOffset: 3 })).toEqual([3]);
});

it("reduces all partitions together", async () => {
  const { read } = await world({ partitionBy: ["country"] });
  expect(await read({ reduced: true })).toEqual([
    { country: "NL", n: 2 },
    { country: "DE", n: 1 },
    { country: "FR", n: 3 },
  ]);
});

it("says in _meta which partition a document is of, where there are partitions", async () => {
  const at = "1970-01-01T00:00:01.030000Z";
  const { read } = await world({ partitionBy: ["country"] });
  expect((await read({ meta: true }))[3]).toEqual({
    country: "FR",
    n: 3,
    _meta: { offset: 0, at, partition: "country=FR/p=00" },
  });
  const alone = await world({});
  expect((await alone.read({ meta: true }))[3]).toEqual({ country: "FR", n: 3, _meta: { offset: 3, at } });
});

it("follows partitions that are new, and knows a collection that is still empty", async () => {
  const { head, store, add } = await world({ partitionBy: ["country"] });
  const stop = new AbortController();
  const lines = readLines(head, store, { collection: "a", follow: true, meta: true }, stop.signal);
  for (let n = 0; n < 4; n++) expect((await lines.next()).value).toContain(`"n":${n}`);
  const next = lines.next();
  await add("BE", 4);
  expect((await next).value).toContain('"partition":"country=BE/p=00"');
  const end = lines.next();
  stop.abort();
  expect((await end).done).toBe(true);

  const plan = (await head.getNote(APPLIED_PLAN)) as unknown as Plan;
  await head.setNote(APPLIED_PLAN, JSON.parse(JSON.stringify({ collections: { b: plan.collections.a } })));
  const empty = readLines(head, store, { collection: "b" }, stop.signal);
  expect((await empty.next()).done).toBe(true);
  const unknown = readLines(head, store, { collection: "c" }, stop.signal);
  await expect(unknown.next()).rejects.toThrow(
    'There is no collection "c" in this data directory; it has a.',
  );
});
