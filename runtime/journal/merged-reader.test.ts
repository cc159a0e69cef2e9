import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { HaltError } from "../../connectors/driver.ts";
import { Archiver, unrivalled } from "../archive/archiver.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head, Position } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { type ObjectStore, openStore } from "../store/store.ts";
import { type MergedChunk, MergedReader, type MergedSource } from "./merged-reader.ts";
import { parseRun } from "./runs.ts";

const DAY_US = 86_400_000_000;
const NOON = 20_000 * DAY_US + DAY_US / 2;
/** So small that chunks end within rounds, and fragments are not kept whole. */
const LIMITS = { chunkBytes: 60, memoryBytes: 100 };
const PARTITIONS = ["", "country=DE", "country=NL"];

interface Written {
  readonly id: number;
  readonly collection: string;
  readonly logical: string;
  readonly partition: number;
  readonly journal: string;
  readonly at: number;
  readonly offset: number;
}

/** A head with a clock that the test moves, a store, and all that was ever committed. */
async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-merged-"));
  const clock = { now: NOON };
  const embedded = new EmbeddedHead(join(directory, "head"), () => clock.now);
  const head = new HeadService(embedded, (error) => {
    throw error;
  });
  const store = await openStore({ directory: join(directory, "store") });
  const { fence } = await head.openTask("t");
  const written: Written[] = [];
  const close = async () => {
    await head.close();
    await store.close();
    rmSync(directory, { recursive: true });
  };
  return {
    head,
    store,
    clock,
    written,
    close,
    /** One transaction with one document for each place; the journals are made when they are first written to. */
    async commit(
      ...places: readonly { collection: string; logical?: string; partition?: number; text?: string }[]
    ) {
      const specs = places.map(({ collection, logical = "", partition = 0 }) => ({
        collection,
        logical,
        partition,
      }));
      const journals = await head.ensureJournals(specs);
      const first = written.length;
      const { at, firsts } = await head.commit({
        task: "t",
        fence,
        appends: journals.map(({ id }, i) => ({
          journal: id,
          count: 1,
          lines: Buffer.from(`${JSON.stringify({ id: first + i, text: places[i]?.text })}\n`),
        })),
      });
      specs.forEach((spec, i) => {
        written.push({ ...spec, id: first + i, journal: journals[i]?.id ?? "", at, offset: firsts[i] ?? -1 });
      });
    },
    archive: () =>
      new Archiver(
        head,
        store,
        unrivalled(1),
        { targetBytes: 30, tailAfterMs: 1e9 },
        () => clock.now,
      ).round(),
  };
}

async function openWorld() {
  const w = await world();
  onTestFinished(w.close);
  return w;
}

const source = (collection: string, more: Partial<MergedSource> = {}): MergedSource => ({
  collection,
  fromTime: 0,
  untilTime: Number.POSITIVE_INFINITY,
  priority: 0,
  readDelayMs: 0,
  ...more,
});

const idsOf = (chunk: MergedChunk | undefined) =>
  chunk?.runs.flatMap(({ run }) => parseRun(run).map(({ id }) => id as number));

/** A head, and the names of what it was asked for. */
function watch(head: Head): { watched: Head; asked: string[] } {
  const asked: string[] = [];
  const watched = new Proxy(head, {
    get: (target, name) => {
      asked.push(String(name));
      return Reflect.get(target, name).bind(target);
    },
  });
  return { watched, asked };
}

describe("MergedReader", () => {
  it("merges by commit time and sees logical partitions that appear later", async () => {
    const { head, store, commit } = await openWorld();
    await commit({ collection: "a" });
    await commit({ collection: "b" });
    await commit({ collection: "a" });
    const reader = await MergedReader.open(head, store, [source("a"), source("b")], [], 1);
    expect(idsOf(await reader.poll())).toEqual([0, 1, 2]);
    expect(await reader.poll()).toBeUndefined();
    await commit({ collection: "b", logical: "country=NL", partition: 3 });
    expect(idsOf(await reader.poll())).toEqual([3]);
  });

  it("gives back the memory of a chunk when the next is asked for, and not before", async () => {
    const { head, store } = await openWorld();
    const [journal] = await head.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
    const { fence } = await head.openTask("t");
    const lines = Buffer.from(`{"id":0,"text":"${"n".repeat(1024 * 1024)}"}\n`);
    for (let n = 0; n < 3; n++) {
      await head.commit({ task: "t", fence, appends: [{ journal: journal?.id ?? "", count: 1, lines }] });
    }
    const reader = await MergedReader.open(head, store, [source("a")], [], 1);
    const chunks: MergedChunk[] = [];
    const held = () => chunks.map(({ runs }) => runs.map(({ run }) => run.lines.byteLength));
    const size = lines.byteLength;
    for (let n = 0; n < 3; n++) {
      chunks.push((await reader.poll()) as MergedChunk);
      expect(held()).toEqual([...Array.from({ length: n }, () => [0]), [size]]);
    }
    expect(await reader.poll()).toBeUndefined();
    expect(held()).toEqual([[0], [0], [0]]);
  });

  it("waits for a commit, and hands it out", async () => {
    const { head, store, commit } = await openWorld();
    const reader = await MergedReader.open(head, store, [source("a")], [], 1);
    const waiting = reader.next(new AbortController().signal);
    await commit({ collection: "b" });
    await commit({ collection: "a" });
    expect(idsOf(await waiting)).toEqual([1]);
  });

  it("does not ask the head for a document that it has waited for", async () => {
    const { head, store, commit } = await openWorld();
    const { watched, asked } = watch(head);
    await commit({ collection: "a" });
    const reader = await MergedReader.open(watched, store, [source("a")], [], 1);
    const { signal } = new AbortController();
    expect(idsOf(await reader.next(signal))).toEqual([0]);
    for (let n = 1; n < 4; n++) {
      const waiting = reader.next(signal);
      await new Promise((resolve) => setTimeout(resolve, 5));
      asked.length = 0;
      await commit({ collection: "a" });
      expect(idsOf(await waiting)).toEqual([n]);
      expect(asked).toEqual([]);
    }
  });

  it("asks the head once where it looks for what has come", async () => {
    const { head, store, commit } = await openWorld();
    const { watched, asked } = watch(head);
    await commit({ collection: "a" });
    const reader = await MergedReader.open(watched, store, [source("a")], [], 1);
    expect(idsOf(await reader.poll())).toEqual([0]);
    for (let n = 1; n < 4; n++) {
      expect(await reader.poll()).toBeUndefined();
      await commit({ collection: "a" });
      asked.length = 0;
      expect(idsOf(await reader.poll())).toEqual([n]);
      expect(asked).toEqual(["horizon"]);
    }
  });

  it("says that there are more only where the head has told so", async () => {
    const { head, store, commit } = await openWorld();
    let tell = () => {};
    let asked = 0;
    const slow: Head = new Proxy(head, {
      get: (target, name) => {
        if (name !== "horizon") return Reflect.get(target, name).bind(target);
        return async (...args: Parameters<Head["horizon"]>) => {
          if (++asked === 2) {
            await new Promise<void>((resolve) => {
              tell = resolve;
            });
          }
          return target.horizon(...args);
        };
      },
    });
    // Much, so that it asks for what comes next while this is worked on.
    await commit({ collection: "a", text: "x".repeat(20_000) });
    const reader = await MergedReader.open(slow, store, [source("a")], [], 1);
    expect(idsOf(await reader.poll())).toEqual([0]);
    await commit({ collection: "a" });
    expect(await reader.more()).toBeUndefined();
    tell();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(idsOf(await reader.more())).toEqual([1]);
  });

  it("waits with a timer for a document that only waits for its read delay", async () => {
    const { head, store, commit, clock } = await openWorld();
    await commit({ collection: "a" });
    const reader = await MergedReader.open(head, store, [source("a", { readDelayMs: 40 })], [], 1);
    expect(await reader.poll()).toBeUndefined();
    const started = performance.now();
    setTimeout(() => {
      clock.now += 40_000;
    }, 20);
    expect(idsOf(await reader.next(new AbortController().signal))).toEqual([0]);
    expect(performance.now() - started).toBeGreaterThan(35);
  });

  it("asks the head for one commit only, however often a timer is faster", async () => {
    const { head, store, commit, clock } = await openWorld();
    let asked = 0;
    const counting: Head = new Proxy(head, {
      get: (target, name) => {
        if (name === "waitPast") asked++;
        return Reflect.get(target, name).bind(target);
      },
    });
    const views = [source("a", { readDelayMs: 2 }), source("b")];
    const reader = await MergedReader.open(counting, store, views, [], 1);
    for (let i = 0; i < 3; i++) {
      await commit({ collection: "a" });
      const next = reader.next(new AbortController().signal);
      setTimeout(() => {
        clock.now += 3_000;
      }, 5);
      expect(idsOf(await next)).toEqual([i]);
    }
    expect(asked).toBeLessThanOrEqual(4);
  });

  it("stops waiting when the signal aborts, also when that happens while it asks", async () => {
    const { head, store } = await openWorld();
    const waiting = new AbortController();
    const reader = await MergedReader.open(head, store, [source("a")], [], 1);
    const before = reader.next(waiting.signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    waiting.abort();
    expect(await before).toBeUndefined();

    const asking = new AbortController();
    const slow: Head = new Proxy(head, {
      get: (target, name) =>
        name === "horizon"
          ? async (...args: Parameters<Head["horizon"]>) => {
              asking.abort();
              return target.horizon(...args);
            }
          : Reflect.get(target, name).bind(target),
    });
    const other = await MergedReader.open(slow, store, [source("a")], [], 1);
    expect(await other.next(asking.signal)).toBeUndefined();
  });

  it("does not lose what waits for its delay when the time after which it reads nothing comes", async () => {
    const { head, store, commit, clock, written } = await openWorld();
    await commit({ collection: "a" });
    clock.now += 1_000;
    await commit({ collection: "a" });
    const view = source("a", { untilTime: NOON + 1_000, readDelayMs: 5 });
    const reader = await MergedReader.open(head, store, [view], [], 1);
    expect(await reader.poll()).toBeUndefined();
    await commit({ collection: "a" });
    expect(await reader.poll()).toBeUndefined();
    clock.now += 5_000;
    expect(idsOf(await reader.poll())).toEqual([0]);
    expect(reader.positions).toEqual([{ [written[0]?.journal ?? ""]: [1, 3] }]);
  });

  it("refuses a position of another history", async () => {
    const { head, store, commit, written } = await openWorld();
    await commit({ collection: "a" });
    const journal = written[0]?.journal ?? "";
    const open = (position: Position) => MergedReader.open(head, store, [source("a")], [position], 1);
    await expect(open({ "a/p=00#0123": [1, 0] })).rejects.toThrow(HaltError);
    await expect(open({ [journal]: [1, 2] })).rejects.toThrow(/ends at 1 in this data directory/);
    expect((await open({ [journal]: [1, 1] })).positions).toEqual([{ [journal]: [1, 1] }]);
  });

  it("keeps the positions of journals that it does not read", async () => {
    const { head, store, commit, written } = await openWorld();
    await commit({ collection: "a", logical: "country=DE" }, { collection: "a", logical: "country=NL" });
    const [de, nl] = written.map(({ journal }) => journal);
    if (!de || !nl) throw new Error("no journals");
    const view = source("a", { where: { country: ["NL"] } });
    const reader = await MergedReader.open(head, store, [view], [{ [de]: [1, 1] }], 1);
    expect(idsOf(await reader.poll())).toEqual([1]);
    expect(reader.positions).toEqual([{ [de]: [1, 1], [nl]: [1, 1] }]);
  });

  it("hands out what it has taken when the store fails, and then reports the failure", async () => {
    const { head, store, commit, archive, clock } = await openWorld();
    await commit({ collection: "a" });
    clock.now += DAY_US;
    await commit({ collection: "a" });
    clock.now += DAY_US;
    await archive();
    let calls = 0;
    const failing: ObjectStore = new Proxy(store, {
      get: (target, name) =>
        name === "get" && ++calls > 1
          ? () => Promise.reject(new Error("no route"))
          : Reflect.get(target, name).bind(target),
    });
    const reader = await MergedReader.open(head, failing, [source("a")], [], 1);
    expect(idsOf(await reader.poll())).toEqual([0]);
    await expect(reader.poll()).rejects.toThrow("no route");
  });

  it("downloads no fragment of a day that is out of range, and passes over it", async () => {
    const { head, store, commit, archive, clock, written } = await openWorld();
    for (let day = 0; day < 5; day++) {
      await commit({ collection: "a" });
      clock.now += DAY_US;
    }
    await archive();
    const got: string[] = [];
    const watched: ObjectStore = new Proxy(store, {
      get: (target, name) =>
        name === "get"
          ? (key: string) => {
              got.push(key);
              return target.get(key);
            }
          : Reflect.get(target, name).bind(target),
    });
    const day2 = (written[2]?.at ?? 0) - DAY_US / 2;
    const view = source("a", { fromTime: day2, untilTime: day2 + DAY_US });
    const reader = await MergedReader.open(head, watched, [view], [], 1);
    const read: (readonly number[] | undefined)[] = [];
    for (let chunk = await reader.poll(); chunk; chunk = await reader.poll()) read.push(idsOf(chunk));
    expect(read.flat()).toEqual([2]);
    expect(got).toHaveLength(1);
    expect(Object.values(reader.positions[0] ?? {})).toEqual([[1, 5]]);
    const past = source("a", { untilTime: 1 });
    const none = await MergedReader.open(head, watched, [past], [], 1);
    expect((await none.poll())?.runs).toEqual([]);
    expect(Object.values(none.positions[0] ?? {})).toEqual([[1, 5]]);
    expect(got).toHaveLength(1);
  });
});

describe("against a plain sort", () => {
  const collection = fc.constantFrom("a", "b", "c");
  const place = fc.record({
    collection,
    logical: fc.constantFrom(...PARTITIONS),
    partition: fc.integer({ min: 0, max: 1 }),
  });
  /** Times of documents are at most this far from NOON, µs. */
  const instant = fc.integer({ min: 0, max: 40 }).map((steps) => NOON + steps * 7_000);
  const sourceOf = (priority: fc.Arbitrary<number>) =>
    fc.record({
      collection,
      where: fc.option(fc.record({ country: fc.subarray(["NL", "DE"], { minLength: 1 }) }), {
        nil: undefined,
        freq: 3,
      }),
      fromTime: fc.option(instant, { nil: 0, freq: 3 }),
      untilTime: fc.option(instant, { nil: Number.POSITIVE_INFINITY, freq: 3 }),
      priority,
      readDelayMs: fc.constantFrom(0, 0, 7, 30),
    });
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        places: fc.uniqueArray(place, { minLength: 1, maxLength: 4, selector: (p) => JSON.stringify(p) }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant("poll" as const), times: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("tick" as const),
        us: fc.constantFrom(0, 1_000, 7_000, 30_000, -5_000),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "archive" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "day" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
  );

  /** What the oracle sorts by: the contract's order, said anew. */
  function sorted(documents: readonly Written[], sources: readonly MergedSource[]) {
    const rows = sources.flatMap((view, index) =>
      documents
        .filter((d) => {
          const country = d.logical.split("=")[1];
          const wanted = view.where?.country;
          if (wanted && !(country && wanted.includes(country))) return false;
          return d.collection === view.collection && d.at >= view.fromTime && d.at < view.untilTime;
        })
        .map((d) => ({
          ...d,
          name: `${index}/${d.id}`,
          e: d.at + view.readDelayMs * 1000,
          sort: [-view.priority, d.at + view.readDelayMs * 1000, index, d.logical, d.partition, d.offset],
        })),
    );
    return rows.sort((a, b) => {
      for (let i = 0; i < a.sort.length; i++) {
        const [x, y] = [a.sort[i] ?? 0, b.sort[i] ?? 0];
        if (x !== y) return x < y ? -1 : 1;
      }
      return 0;
    });
  }

  const run = (priority: fc.Arbitrary<number>, replays: boolean) =>
    fc.assert(
      fc.asyncProperty(
        fc.array(sourceOf(priority), { minLength: 1, maxLength: 3 }),
        fc.array(step, { maxLength: 40 }),
        async (sources, steps) => {
          const w = await world();
          try {
            const handedOut: string[] = [];
            /** Clocks of rounds that have not begun, and what is left of the one that has. */
            let told: number[] = [];
            let expected: string[] = [];
            let asked = 0;
            /** The round that a reader which was restarted must end first. */
            let resumed = 0;
            const watched: Head = new Proxy(w.head, {
              get: (target, name) =>
                name === "horizon"
                  ? async (collections: readonly string[]) => {
                      asked++;
                      const horizon = await target.horizon(collections);
                      told.push(resumed || horizon.clock);
                      resumed = 0;
                      return horizon;
                    }
                  : Reflect.get(target, name).bind(target),
            });
            const nextExpected = () => {
              while (expected.length === 0 && told.length > 0) {
                const clock = told.shift() ?? 0;
                expected = sorted(w.written, sources)
                  .filter(({ name, e }) => e <= clock && !handedOut.includes(name))
                  .map(({ name }) => name);
              }
              return expected.shift();
            };
            let reader = await MergedReader.open(watched, w.store, sources, [], 1, LIMITS);
            /** As a checkpoint would hold it. */
            let handedOutOf = 0;
            const poll = async () => {
              const before = asked;
              const chunk = await reader.poll();
              for (const { source: index, run } of chunk?.runs ?? []) {
                for (const { id } of parseRun(run)) {
                  expect(`${index}/${String(id)}`).toBe(nextExpected());
                  handedOut.push(`${index}/${String(id)}`);
                }
              }
              handedOutOf = chunk?.clock ?? handedOutOf;
              if (!chunk) expect([nextExpected(), asked > before]).toEqual([undefined, true]);
              return chunk;
            };
            const restart = async () => {
              const start = JSON.parse(JSON.stringify(reader.positions)) as Position[];
              reader = await MergedReader.open(watched, w.store, sources, start, 1, LIMITS, handedOutOf);
              resumed = handedOutOf;
              told = [];
              // Whatever of its round has not been handed out comes next, in its order, and nothing else before it.
              const rest = sorted(w.written, sources).filter(
                ({ name, e }) => e <= resumed && !handedOut.includes(name),
              );
              expect(expected).toEqual(handedOutOf === 0 ? [] : rest.map(({ name }) => name));
              expected = [];
            };
            for (const s of steps) {
              if (s.kind === "commit") await w.commit(...s.places);
              else if (s.kind === "tick") w.clock.now += s.us;
              else if (s.kind === "day") w.clock.now += DAY_US;
              else if (s.kind === "archive") await w.archive();
              else if (s.kind === "restart") await restart();
              else for (let i = 0; i < s.times; i++) await poll();
            }
            w.clock.now += 10 * DAY_US;
            while (await poll()) {
              // until all is read
            }
            const all = sorted(w.written, sources).map(({ name }) => name);
            expect([...handedOut].sort()).toEqual([...all].sort());
            if (replays) expect(handedOut).toEqual(all);
            const ends = new Map((await w.head.journals()).map(({ id, next }) => [id, next]));
            sources.forEach((view, i) => {
              const wanted = w.written.filter(
                (d) =>
                  d.collection === view.collection &&
                  (!view.where || view.where.country.some((c) => d.logical === `country=${c}`)),
              );
              const position = Object.fromEntries(wanted.map((d) => [d.journal, [1, ends.get(d.journal)]]));
              expect(reader.positions[i]).toEqual(position);
            });
          } finally {
            await w.close();
          }
        },
      ),
      { numRuns: 150 },
    );

  it(
    "hands out each round in order, whatever is committed, archived and restarted between",
    { timeout: 60_000 },
    () => run(fc.integer({ min: -1, max: 1 }), false),
  );

  it("with equal priorities hands out live what a replay would, in its order", { timeout: 60_000 }, () =>
    run(fc.constant(0), true),
  );
});
