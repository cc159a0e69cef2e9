import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EmbeddedHead } from "../head/embedded-head.ts";
import { CorruptHeadError, type Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { JournalReader } from "../journal/reader.ts";
import { parseRun } from "../journal/runs.ts";
import { type ObjectStore, openStore } from "../store/store.ts";
import { Archiver, unrivalled } from "./archiver.ts";

const DAY_US = 86_400_000_000;
const NOON = 20_000 * DAY_US + DAY_US / 2;

/** A head, a directory store and an archiver on one clock. */
async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-archive-"));
  const clock = { now: NOON };
  const embedded = new EmbeddedHead(join(directory, "head"), () => clock.now);
  const head = new HeadService(embedded, (error) => {
    throw error;
  });
  const store = await openStore({ directory: join(directory, "store") });
  const [journal] = await head.ensureJournals([{ collection: "shop/orders", logical: "", partition: 0 }]);
  if (!journal) throw new Error("no journal");
  const { fence } = await head.openTask("orders");
  let written = 0;
  return {
    head,
    store,
    clock,
    journal: journal.id,
    archiver: (objects: ObjectStore = store) =>
      new Archiver(head, objects, unrivalled(1), { targetBytes: 100, tailAfterMs: 60_000 }, () => clock.now),
    async append(count: number) {
      const lines = Array.from({ length: count }, (_, i) => `${JSON.stringify({ n: written + i })}\n`).join(
        "",
      );
      written += count;
      await head.commit({
        task: "orders",
        fence,
        appends: [{ journal: journal.id, count, lines: Buffer.from(lines) }],
      });
    },
    written: () => written,
    async keys() {
      const keys: string[] = [];
      for await (const { key } of store.list("shop/")) keys.push(key);
      return keys;
    },
    async readAll(from = 0): Promise<unknown[]> {
      const reader = new JournalReader(head, store, journal.id, from);
      const read: unknown[] = [];
      for (let chunk = await reader.poll(); chunk; chunk = await reader.poll()) {
        for (const run of chunk.runs) read.push(...parseRun(run).map(({ n }) => n));
      }
      return read;
    },
    async close() {
      await head.close();
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("the archiver", () => {
  it("has the head let go of what it has cut while documents come in faster than it cuts", async () => {
    const w = await world();
    const kept: boolean[] = [];
    const busy: ObjectStore = {
      ...w.store,
      description: w.store.description,
      get: (key) => w.store.get(key),
      list: (prefix) => w.store.list(prefix),
      delete: (keys) => w.store.delete(keys),
      close: () => w.store.close(),
      async put(key, bytes) {
        await w.store.put(key, bytes);
        if (w.written() > 300) return;
        // The first of all documents is in the head until it is cut, and may not be for long after.
        kept.push(
          await w.head.readHead(w.journal, 0, 1).then(
            () => true,
            () => false,
          ),
        );
        await w.append(20);
      },
    };
    await w.append(20);
    const archiver = w.archiver(busy);
    // A round is bounded: it cuts what was there when it began.
    for (let round = 0; round < 10; round++) await archiver.round();
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.slice(1)).toEqual(kept.slice(1).map(() => false));
    expect(await w.readAll()).toEqual(numbers(0, w.written()));
    await w.close();
  });

  it("cuts a fragment when enough has gathered, and only then lets the head go of it", async () => {
    const w = await world();
    await w.append(5);
    await w.archiver().round();
    expect(await w.keys()).toEqual([]);
    await w.append(10);
    await w.archiver().round();
    const keys = await w.keys();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatch(
      /^shop\/orders\/p=00\/date=2024-10-04\/0{16}-0{15}e-1-[0-9a-f]{16}\.ndjson\.zst$/,
    );
    expect(await w.head.journals()).toMatchObject([{ archived: 15, stored: 15, headBytes: 0 }]);
    await expect(w.head.readHead(w.journal, 0, 1)).rejects.toThrow(/gap/);
    expect(await w.readAll()).toEqual(numbers(0, 15));
    await w.close();
  });

  it("cuts what a UTC day has left, and no fragment crosses midnight", async () => {
    const w = await world();
    await w.append(2);
    w.clock.now += DAY_US;
    await w.append(2);
    await w.archiver().round();
    // What waits since yesterday makes a cut due, and with it a tail of today's.
    expect((await w.keys()).map((key) => key.split("/").slice(3, -1).join("/"))).toEqual([
      "_tail/date=2024-10-05",
      "date=2024-10-04",
    ]);
    expect(await w.head.journals()).toMatchObject([{ archived: 2, stored: 4, next: 4 }]);
    await w.close();
  });

  it("puts what has waited long enough under _tail/, and drops that once a full fragment covers it", async () => {
    const w = await world();
    await w.append(3);
    w.clock.now += 61_000_000;
    await w.archiver().round();
    expect(await w.keys()).toEqual([expect.stringMatching(/^shop\/orders\/p=00\/_tail\/date=/)]);
    expect(await w.head.journals()).toMatchObject([{ archived: 0, stored: 3 }]);
    await w.append(15);
    await w.archiver().round();
    expect(await w.keys()).toEqual([expect.stringMatching(/^shop\/orders\/p=00\/date=/)]);
    expect(await w.readAll()).toEqual(numbers(0, 18));
    await w.close();
  });

  it("cuts a tail in time where the wall clock is set back by a day", async () => {
    const w = await world();
    await w.append(3);
    w.clock.now -= DAY_US;
    let monotonic = 0;
    const settings = { targetBytes: 100, tailAfterMs: 60_000 };
    const archiver = new Archiver(
      w.head,
      w.store,
      unrivalled(1),
      settings,
      () => w.clock.now,
      () => monotonic,
    );
    await archiver.round();
    monotonic += 59_000;
    await archiver.round();
    expect(await w.keys()).toEqual([]);
    monotonic += 1_000;
    await archiver.round();
    expect(await w.keys()).toEqual([expect.stringMatching(/^shop\/orders\/p=00\/_tail\/date=2024-10-04/)]);
    expect(await w.readAll()).toEqual(numbers(0, 3));
    await w.close();
  });

  it("takes in journals that appear later, and asks nothing of those in which nothing happens", async () => {
    const w = await world();
    await w.append(15);
    const asked: string[] = [];
    const watched: Head = new Proxy(w.head, {
      get: (target, name) => {
        asked.push(String(name));
        return Reflect.get(target, name).bind(target);
      },
    });
    const settings = { targetBytes: 100, tailAfterMs: 60_000 };
    const archiver = new Archiver(watched, w.store, unrivalled(1), settings, () => w.clock.now);
    await archiver.round();
    asked.length = 0;
    await archiver.round();
    expect(asked).toEqual(["survey"]);
    const [later] = await w.head.ensureJournals([
      { collection: "shop/orders", logical: "country=NL", partition: 2 },
    ]);
    const { fence } = await w.head.openTask("later");
    const lines = Buffer.from(`{"text":"${"x".repeat(100)}"}\n`);
    await w.head.commit({ task: "later", fence, appends: [{ journal: later?.id ?? "", count: 1, lines }] });
    await archiver.round();
    expect(await w.keys()).toEqual([
      expect.stringMatching(/^shop\/orders\/country=NL\/p=02\/date=2024-10-04\/0{16}-0{16}-1-/),
      expect.stringMatching(/^shop\/orders\/p=00\//),
    ]);
    await w.close();
  });

  it("puts what other journals have where one of them is damaged, and says what is wrong", async () => {
    const w = await world();
    const [other] = await w.head.ensureJournals([{ collection: "shop/other", logical: "", partition: 0 }]);
    const { fence } = await w.head.openTask("other");
    const lines = Buffer.from(`{"text":"${"x".repeat(100)}"}\n`);
    await w.append(15);
    await w.head.commit({ task: "other", fence, appends: [{ journal: other?.id ?? "", count: 1, lines }] });
    // A batch of the first journal fails its checksum.
    const damaged: Head = new Proxy(w.head, {
      get: (target, name) => {
        const method = Reflect.get(target, name).bind(target);
        if (name !== "readSealed") return method;
        return (journal: string, ...rest: unknown[]) =>
          journal === w.journal ? Promise.reject(new CorruptHeadError("damaged")) : method(journal, ...rest);
      },
    });
    const settings = { targetBytes: 100, tailAfterMs: 60_000 };
    const archiver = new Archiver(damaged, w.store, unrivalled(1), settings, () => w.clock.now);
    await expect(archiver.round()).rejects.toThrow("damaged");
    expect(await w.keys()).toEqual([expect.stringMatching(/^shop\/other\/p=00\/date=/)]);
    await w.close();
  });

  it("keeps the documents when the store took the object and does not list it, and goes on later", async () => {
    const w = await world();
    await w.append(15);
    // A real store that forgets to list: what an eventually consistent listing does.
    const late: ObjectStore = { ...bound(w.store), list: async function* () {} };
    await expect(w.archiver(late).round()).rejects.toThrow(/does not list it/);
    expect(await w.head.journals()).toMatchObject([{ archived: 0 }]);
    expect(await w.readAll()).toEqual(numbers(0, 15));
    await w.append(1);
    await w.archiver().round();
    expect(await w.keys()).toHaveLength(1);
    expect(await w.head.journals()).toMatchObject([{ archived: 15, next: 16 }]);
    expect(await w.readAll()).toEqual(numbers(0, 16));
    await w.close();
  });
});

it("whatever is appended, archived and lost in between: every read from every offset is dense and in order", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), count: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ kind: fc.constant("wait" as const), us: fc.constantFrom(1, 61_000_000, DAY_US) }),
    fc.constant({ kind: "archive" as const }),
    fc.constant({ kind: "restart" as const }),
    fc.record({
      kind: fc.constant("fail" as const),
      at: fc.constantFrom("put" as const, "list" as const, "delete" as const),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const w = await world();
      let objects = w.store;
      // One that goes on after failures, as well as new ones.
      const changing: ObjectStore = new Proxy(w.store, {
        get: (_, name) => Reflect.get(objects, name).bind(objects),
      });
      let archiver = w.archiver(changing);
      try {
        for (const s of steps) {
          if (s.kind === "append") await w.append(s.count);
          else if (s.kind === "wait") w.clock.now += s.us;
          else if (s.kind === "restart") archiver = w.archiver(changing);
          else if (s.kind === "archive") await archiver.round();
          else {
            objects = failing(w.store, s.at);
            await archiver.round().catch(() => {});
            objects = w.store;
          }
        }
        w.clock.now += DAY_US;
        await archiver.round();
        await archiver.round();
        expect(await w.head.journals()).toMatchObject([{ archived: w.written(), headBytes: 0 }]);
        expect((await w.keys()).filter((key) => key.includes("_tail"))).toEqual([]);
        expect(await w.readAll()).toEqual(numbers(0, w.written()));
        const middle = Math.floor(w.written() / 2);
        expect(await w.readAll(middle)).toEqual(numbers(middle, w.written()));
      } finally {
        await w.close();
      }
    }),
    { numRuns: 40 },
  );
});

function bound(store: ObjectStore): ObjectStore {
  return {
    description: store.description,
    put: (key, bytes) => store.put(key, bytes),
    get: (key) => store.get(key),
    list: (prefix, options) => store.list(prefix, options),
    delete: (keys) => store.delete(keys),
    close: () => store.close(),
  };
}

/** A real store whose one operation is cut off after it has done its work: the caller never hears of it. */
function failing(store: ObjectStore, operation: "put" | "list" | "delete"): ObjectStore {
  const fail = () => {
    throw new Error(`${operation} was cut off`);
  };
  const real = bound(store);
  if (operation === "put") return { ...real, put: (key, bytes) => store.put(key, bytes).then(fail) };
  if (operation === "delete") return { ...real, delete: (keys) => store.delete(keys).then(fail) };
  return { ...real, list: fail };
}
