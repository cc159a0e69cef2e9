import { startFauxqs } from "fauxqs";
import { expect, onTestFinished, test } from "vitest";
import { HaltError } from "../../connectors/driver.ts";
import { type S3FaultProxy, startS3FaultProxy } from "../../test/servers/s3-fault-proxy.ts";
import type { Head } from "../head/head.ts";
import { JournalReader } from "../journal/reader.ts";
import { keys } from "./fixtures/store-contract.ts";
import { encodeFragment } from "./fragment.ts";
import { type ObjectStore, StoreError } from "./object-store.ts";
import { openS3Store, type Patience } from "./s3-store.ts";

const BODY = Buffer.alloc(100_000, "weir ");
/** Of tests in which nothing is too late, also on a busy machine. */
const LONG = { connectMs: 5_000, idleMs: 5_000, answerMs: 10_000, operationMs: 30_000, tries: 3 };
/** Short, so that the test is; the order of the limits is that of the real ones. */
const PATIENCE = { connectMs: 500, idleMs: 200, answerMs: 1_000, operationMs: 3_000, tries: 3 };

async function store(patience: Patience = PATIENCE): Promise<{ store: ObjectStore; faults: S3FaultProxy }> {
  const server = await startFauxqs({ port: 0, logger: false });
  server.createBucket("history");
  const faults = await startS3FaultProxy(server.port);
  const config = { bucket: "history", endpoint: faults.endpoint, pathStyle: true };
  const opened = await openS3Store({ ...config, accessKeyId: "a", secretAccessKey: "s" }, false, patience);
  onTestFinished(async () => {
    await opened.close();
    await faults.close();
    await server.stop();
  });
  return { store: opened, faults };
}

async function failureOf(doing: Promise<unknown>): Promise<StoreError> {
  const error = await doing.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof StoreError)) throw new Error(`Expected a StoreError, got ${String(error)}`);
  return error;
}

test.each([
  [500, "InternalError"],
  [503, "SlowDown"],
])("tries again after %i %s, and says so where it stays", async (status, code) => {
  const { store: s3, faults } = await store(LONG);
  const twice = faults.inject("put", { kind: "refuse", status, code }, { times: 2 });
  await s3.put("a/b", BODY);
  expect(twice.fired).toBe(2);
  const always = faults.inject("get", { kind: "refuse", status, code });
  const error = await failureOf(s3.get("a/b"));
  expect(error).toMatchObject({ transient: true, message: expect.stringContaining(`(${status} ${code})`) });
  expect(always.fired).toBe(LONG.tries);
});

test("a server that takes requests and never answers is given up, on every operation", async () => {
  const { store: s3, faults } = await store();
  await s3.put("a/b", BODY);
  const operations = {
    put: () => s3.put("a/c", BODY),
    get: () => s3.get("a/b"),
    list: () => keys(s3, ""),
    delete: () => s3.delete(["a/b"]),
  };
  for (const [operation, run] of Object.entries(operations)) {
    const silent = faults.inject(operation as keyof typeof operations, { kind: "silence" });
    const error = await failureOf(run());
    expect(error).toMatchObject({
      transient: true,
      message: expect.stringContaining("did not answer in time"),
    });
    expect(silent.fired, operation).toBe(PATIENCE.tries);
    silent.lift();
    await run();
  }
});

test("a body that stops in the middle is given up, and one that ends in the middle is never taken for whole", async () => {
  const { store: s3, faults } = await store();
  await s3.put("a/b", BODY);
  for (const kind of ["stall-answer", "cut-answer"] as const) {
    const injected = faults.inject("get", { kind }, { times: 1 });
    expect(await failureOf(s3.get("a/b"))).toMatchObject({ transient: true });
    expect(injected.fired, kind).toBe(1);
    expect(Buffer.compare(await s3.get("a/b"), BODY)).toBe(0);
  }
});

test("a server that lets a body drip is given up in the end", async () => {
  // A byte every 50 ms: never idle, however slow the machine.
  const { store: s3, faults } = await store({ ...PATIENCE, idleMs: 20_000 });
  await s3.put("a/b", BODY);
  const dripping = faults.inject("get", { kind: "drip" });
  const began = performance.now();
  expect(await failureOf(s3.get("a/b"))).toMatchObject({ transient: true });
  expect(performance.now() - began).toBeLessThan(10 * PATIENCE.operationMs);
  expect(dripping.fired).toBe(1);
});

test("a fragment that is damaged in the bucket halts its reader by name, one that was on the way does not", async () => {
  const { store: s3, faults } = await store();
  const lines = Buffer.from('{"n":0}\n{"n":1}\n');
  const place = { collection: "a", logical: "", partition: 0, tail: false, epoch: 1 };
  const { key, bytes } = await encodeFragment({ ...place, runs: [{ first: 0, count: 2, at: 1e15, lines }] });
  await s3.put(key, bytes);
  const head: Pick<Head, "read"> = {
    read: async () => ({ kind: "fragment", fragment: { key, first: 0, last: 1 } }),
  };
  // The head answers this one question, and is asked no other.
  const read = () => new JournalReader(head as Head, s3, "a/p=00#1", 0).poll();
  const twice = faults.inject("get", { kind: "flip" }, { times: 2 });
  expect(await read()).toMatchObject({ next: 2, runs: [{ first: 0, count: 2 }] });
  expect(twice.fired).toBe(2);
  const always = faults.inject("get", { kind: "flip" });
  await expect(read()).rejects.toThrow(HaltError);
  await expect(read()).rejects.toThrow(`The fragment ${key} is damaged`);
  always.lift();
  expect(await read()).toMatchObject({ next: 2 });
  await s3.put(key, bytes.subarray(0, bytes.length - 3));
  await expect(read()).rejects.toThrow(`The fragment ${key} is damaged`);
  await s3.delete([key]);
  await expect(read()).rejects.toThrow(
    /There is no object .* It holds the offsets 0 to 1 of the journal a\/p=00#1/,
  );
  await s3.put(key, bytes);
  expect(await read()).toMatchObject({ next: 2 });
});

test("half a PUT leaves no object, and is repeated", async () => {
  const { store: s3, faults } = await store();
  const always = faults.inject("put", { kind: "cut-request" });
  expect(await failureOf(s3.put("a/b", BODY))).toMatchObject({ transient: true });
  expect(always.fired).toBe(PATIENCE.tries);
  expect(await keys(s3, "")).toEqual([]);
  always.lift();
  const once = faults.inject("put", { kind: "cut-request" }, { times: 1 });
  await s3.put("a/b", BODY);
  expect(once.fired).toBe(1);
  expect(Buffer.compare(await s3.get("a/b"), BODY)).toBe(0);
});

test("a PUT that was done and is answered 500 is repeated to the same object", async () => {
  const { store: s3, faults } = await store();
  const lie = faults.inject("put", { kind: "lie", status: 500, code: "InternalError" }, { times: 1 });
  await s3.put("a/b", BODY);
  expect(lie.fired).toBe(1);
  expect(faults.requests.put).toBe(2);
  expect(await keys(s3, "")).toEqual(["a/b"]);
});
