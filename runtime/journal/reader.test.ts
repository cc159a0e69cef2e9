import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "../head/embedded-head.ts";
import { type Head, MAX_READ_BATCHES } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { encodeFragment } from "../store/fragment.ts";
import { ObjectNotFoundError, type ObjectStore, openStore } from "../store/store.ts";
import { JournalReader } from "./reader.ts";
import { parseRun } from "./runs.ts";

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-reader-"));
  const head: Head & { close(): Promise<void> } = new HeadService(
    new EmbeddedHead(join(directory, "head")),
    (error) => {
      throw error;
    },
  );
  const store = await openStore({ directory: join(directory, "store") });
  onTestFinished(async () => {
    await head.close();
    rmSync(directory, { recursive: true });
  });
  const [journal] = await head.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
  const { fence } = await head.openTask("a");
  const id = journal?.id ?? "";
  const append = (n: number) =>
    head.commit({
      task: "a",
      fence,
      appends: [{ journal: id, count: 1, lines: Buffer.from(`{"n":${n}}\n`) }],
    });
  /** Puts all there is into one fragment; returns its key. */
  const archive = async () => {
    const runs = await head.readHead(id, 0, 1e6);
    const place = { collection: "a", logical: "", partition: 0 };
    const { key, first, last, bytes } = await encodeFragment({ ...place, epoch: 1, tail: false, runs });
    await store.put(key, bytes);
    await head.publishFragment(id, { key, first, last, kind: "full", storedBytes: bytes.byteLength });
    return key;
  };
  return { head, store, id, append, archive };
}

function countingReads(head: Head) {
  const counted = {
    reads: 0,
    head: new Proxy(head, {
      get: (target, name) => {
        if (name === "read") counted.reads++;
        return Reflect.get(target, name).bind(target);
      },
    }),
  };
  return counted;
}

it("reads to the end, and then what has come since", async () => {
  const { head, store, id, append } = await world();
  await append(0);
  const reader = new JournalReader(head, store, id, 0);
  expect(await reader.poll()).toMatchObject({ next: 1, history: false });
  expect(await reader.poll()).toBeUndefined();
  await append(1);
  expect(await reader.poll()).toMatchObject({ next: 2, runs: [{ first: 1, count: 1 }] });
});

it("uses what it is offered where that is read next, and nothing else of it", async () => {
  const { head, store, id, append } = await world();
  await append(0);
  const counted = countingReads(head);
  const reader = new JournalReader(counted.head, store, id, 0);
  await reader.poll();
  await append(1);
  await append(2);
  counted.reads = 0;
  reader.offer(await head.readHead(id, 0, 1e6)); // some of it was read before
  expect(await reader.poll()).toMatchObject({ next: 3, runs: [{ first: 1 }, { first: 2 }] });
  expect(counted.reads).toBe(0);
  await append(3);
  reader.offer((await head.readHead(id, 0, 1e6)).slice(0, 2));
  expect(await reader.poll()).toMatchObject({ next: 4, runs: [{ first: 3 }] });
  expect(counted.reads).toBe(1);
});

it("fetches ahead where the head gave all the batches that it gives at a time", async () => {
  const { head, store, id, append } = await world();
  for (let n = 0; n <= MAX_READ_BATCHES; n++) await append(n);
  const counted = countingReads(head);
  const reader = new JournalReader(counted.head, store, id, 0);
  expect(await reader.poll()).toMatchObject({ next: MAX_READ_BATCHES });
  expect(counted.reads).toBe(2);
  expect(await reader.poll()).toMatchObject({ next: MAX_READ_BATCHES + 1 });
  expect(await reader.poll()).toBeUndefined();
});

it("asks the index again when an object has gone in between", async () => {
  const { head, store, id, append, archive } = await world();
  await append(0);
  await append(1);
  const key = await archive();
  let gone = 2;
  const compacting: ObjectStore = new Proxy(store, {
    get: (target, name) =>
      name === "get" && gone-- > 0
        ? () => Promise.reject(new ObjectNotFoundError(key, "the store"))
        : Reflect.get(target, name).bind(target),
  });
  const reader = new JournalReader(head, compacting, id, 1);
  expect(await reader.poll()).toMatchObject({ next: 2, history: true, runs: [{ first: 1, count: 1 }] });
  gone = 3;
  await expect(new JournalReader(head, compacting, id, 0).poll()).rejects.toThrow(
    /There is no object .* put it back/,
  );
});

it("keeps no more of a fragment than it may, and reads all of it", async () => {
  const { head, store, id, append, archive } = await world();
  for (let n = 0; n < 5; n++) await append(n);
  await archive();
  let gets = 0;
  const counting: ObjectStore = new Proxy(store, {
    get: (target, name) => {
      if (name === "get") gets++;
      return Reflect.get(target, name).bind(target);
    },
  });
  const reader = new JournalReader(head, counting, id, 0);
  reader.readAhead = { chunkBytes: 8, keepBytes: 16, prefetch: false };
  const read: number[] = [];
  for (let chunk = await reader.poll(); chunk; chunk = await reader.poll()) {
    for (const run of chunk.runs) {
      expect(run.lines.buffer.byteLength).toBeLessThan(40);
      read.push(...parseRun(run).map(({ n }) => n as number));
    }
  }
  expect(read).toEqual([0, 1, 2, 3, 4]);
  expect(gets).toBe(3);
});
