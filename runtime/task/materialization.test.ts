import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CollectionPlan, Json, MaterializationPlan } from "../../plan/plan.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { type ObjectStore, openStore } from "../store/store.ts";
import { MemoryTarget } from "./fixtures/memory-target.ts";
import { runMaterialization } from "./materialization.ts";
import type { MaterializationTask } from "./task.ts";

let directory: string;
let head: Head & { close(): Promise<void> };
let store: ObjectStore;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "weir-materialization-"));
  head = new HeadService(new EmbeddedHead(join(directory, "head")), (error) => {
    throw error;
  });
  store = await openStore({ directory: join(directory, "store") });
});
afterEach(async () => {
  await head.close();
  await store.close();
  rmSync(directory, { recursive: true });
});

const collection: CollectionPlan = {
  schema: {
    type: "object",
    properties: { id: { type: "integer" }, n: { type: "integer" } },
    required: ["id", "n"],
  },
  key: ["id"],
  reduce: { n: "sum" },
};

interface Entry {
  readonly logical: string;
  readonly id: number;
  readonly n: number;
  readonly removed: boolean;
}

/** One transaction with these documents, each in the journal of its key. */
async function commit(fence: number, entries: readonly Entry[], name = "c"): Promise<void> {
  const places = [...new Set(entries.map(({ logical, id }) => `${logical}/${id % 2}`))];
  const journals = await head.ensureJournals(
    places.map((place) => {
      const [logical = "", partition] = place.split("/");
      return { collection: name, logical, partition: Number(partition) };
    }),
  );
  const appends = journals.map(({ id: journal }, i) => {
    const own = entries.filter(({ logical, id }) => `${logical}/${id % 2}` === places[i]);
    const lines = own.map(({ id, n, removed }) =>
      JSON.stringify(removed ? { id, _meta: { removed: true } } : { id, n }),
    );
    return { journal, count: own.length, lines: Uint8Array.from(Buffer.from(`${lines.join("\n")}\n`)) };
  });
  await head.commit({ task: "c", fence, appends });
}

/** Runs until so many documents were read since the target's position, or the target fails; true if it did not. */
async function run(
  target: MemoryTarget,
  plan: Partial<MaterializationPlan>,
  until: () => boolean,
  history: Pick<MaterializationTask, "epoch" | "restores"> & { warnings?: string[] } = { epoch: 1 },
  of: CollectionPlan = collection,
  from: Head = head,
): Promise<boolean> {
  const { warnings, ...epochs } = history;
  const stop = new AbortController();
  const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
  const full: MaterializationPlan = { connector: "memory", config: {}, guarantee, collection: "c", ...plan };
  const running = runMaterialization(
    { kind: "materialization", name: "memory:t", plan: full, config: {}, collection: of, ...epochs },
    target.driver,
    from,
    store,
    stop.signal,
    (report) => {
      if (report.kind === "progress" && until()) stop.abort();
      if (report.kind === "log" && report.level === "warn") warnings?.push(report.message);
    },
  );
  return running.then(
    () => true,
    (error: Error) => {
      if (!error.message.startsWith("lost ")) throw error;
      return false;
    },
  );
}

const entry: fc.Arbitrary<Entry> = fc.record({
  logical: fc.constantFrom("country=DE", "country=NL"),
  id: fc.nat(5),
  n: fc.integer({ min: -9, max: 9 }),
  removed: fc.nat(4).map((n) => n === 0),
});
const failure = fc.constantFrom("before", "after", "none", "none" as const);

describe("for every history in several journals, and every way to lose the target's answers", () => {
  const histories = fc.array(fc.array(entry, { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 6 });

  it.each(["standard", "delta"] as const)(
    "each document counts once: %s",
    { timeout: 120_000 },
    async (mode) => {
      let worlds = 0;
      await fc.assert(
        fc.asyncProperty(
          histories,
          fc.array(failure),
          fc.integer({ min: 1, max: 5 }),
          async (history, failures, maxRows) => {
            const name = `c${++worlds}`;
            const { fence } = await head.openTask("c");
            // A key is in one logical partition.
            const placed = history.map((entries) =>
              entries.map((each) => ({ ...each, logical: each.id < 3 ? "country=DE" : "country=NL" })),
            );
            for (const entries of placed) await commit(fence, entries, name);
            const journals = (await head.journals()).filter((each) => each.collection === name);
            const ends = journals.map(({ id, next }) => [id, next]);
            const target = new MemoryTarget();
            target.maxRows = maxRows;
            target.failures = [...failures];
            const done = () => {
              const { journals: at = {} } = (target.position ?? {}) as {
                journals?: Record<string, [number, number]>;
              };
              return ends.every(([id, next]) => at[String(id)]?.[1] === next);
            };
            while (!(await run(target, { collection: name, ...(mode === "delta" ? { mode } : {}) }, done)));
            expect(done()).toBe(true);
            const all = placed.flat();
            if (mode === "delta") {
              const ids = journals.map(({ id, logical, partition }) => ({
                id,
                place: `${logical}/${partition}`,
              }));
              for (const { id, place } of ids) {
                const own = target.log.filter(({ journal }) => journal === id);
                expect(own.map(({ offset }) => offset)).toEqual(own.map((_, i) => i));
                const expected = all.filter((each) => `${each.logical}/${each.id % 2}` === place);
                expect(own.map(({ document, removed }) => ({ document, removed }))).toEqual(
                  expected.map(({ id: key, n, removed }) => ({
                    document: removed ? { id: key } : { id: key, n },
                    removed,
                  })),
                );
              }
              expect(target.log).toHaveLength(all.length);
            } else {
              const sums = new Map<number, number>();
              for (const { id, n, removed } of all) {
                if (removed) sums.delete(id);
                else sums.set(id, (sums.get(id) ?? 0) + n);
              }
              const rows = [...target.rows.values()].map(({ id, n }) => [id, n]);
              expect(new Map(rows as [number, number][])).toEqual(sums);
            }
          },
        ),
        { numRuns: 50 },
      );
    },
  );
});

describe("a materialization", () => {
  const entries = [0, 1, 2, 3].map((id): Entry => {
    return { logical: id < 2 ? "country=DE" : "country=NL", id, n: 1, removed: false };
  });

  it("empties the target for a back-fill, once", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    const full = () => target.rows.size === 4;
    await run(target, {}, full);
    target.rows.set("stale", { id: 9, n: 9 });
    await run(target, {}, () => true);
    expect(target.clears).toBe(0);
    for (const _ of ["at first", "and again"]) {
      await run(target, { backfill: 1 }, full);
      expect(target.clears).toBe(1);
      expect([...target.rows.values()].map(({ n }) => n)).toEqual([1, 1, 1, 1]);
      expect(target.position).toMatchObject({ backfill: 1 });
    }
  });

  it("begins again where a crash came between emptying and filling", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    await run(target, {}, () => target.rows.size === 4);
    target.failures = ["after"];
    expect(await run(target, { backfill: 2 }, () => true)).toBe(false);
    expect(target.rows.size).toBe(0);
    await run(target, { backfill: 2 }, () => target.rows.size === 4);
    expect(target.clears).toBe(1);
  });

  it("empties and fills the target where it holds what a restore has cut off, once, and else goes on", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    const full = () => target.rows.size === 4;
    await run(target, {}, full);
    const ends = Object.fromEntries((await head.journals()).map(({ id, next }) => [id, next]));
    const warnings: string[] = [];
    const exactly = { epoch: 2, restores: [{ epoch: 2, ends }], warnings };
    await run(target, {}, () => true, exactly);
    expect([target.clears, warnings]).toEqual([0, []]);
    const [first = ""] = Object.keys(ends);
    const shorter = { epoch: 3, restores: [{ epoch: 3, ends: { ...ends, [first]: 0 } }], warnings };
    for (const _ of ["at first", "and again"]) {
      await run(target, {}, full, shorter);
      expect(target.clears).toBe(1);
      expect([...target.rows.values()].map(({ n }) => n)).toEqual([1, 1, 1, 1]);
    }
    expect(warnings).toEqual([expect.stringMatching(/lost when the history was restored/)]);
  });

  it("reads the logical partitions that `where` names", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    await run(target, { where: { country: ["NL"] } }, () => target.rows.size === 2);
    expect([...target.rows.values()].map(({ id }) => id).sort()).toEqual([2, 3]);
  });

  it.each(["standard", "delta"] as const)(
    "holds some megabytes of long documents at a time: %s",
    async (mode) => {
      const { fence } = await head.openTask("c");
      const [journal] = await head.ensureJournals([{ collection: "c", logical: "", partition: 0 }]);
      const documents = 48;
      for (let id = 0; id < documents; id++) {
        const lines = Buffer.from(`${JSON.stringify({ id, n: 1, text: "x".repeat(2 ** 20) })}\n`);
        await head.commit({
          task: "c",
          fence,
          appends: [{ journal: journal?.id ?? "", count: 1, lines: Uint8Array.from(lines) }],
        });
      }
      const target = new MemoryTarget();
      target.maxRows = 1_000;
      const stored = () => target.sizes.reduce((sum, size) => sum + size, 0);
      await run(target, mode === "delta" ? { mode } : {}, () => stored() === documents);
      expect(stored()).toBe(documents);
      expect(Math.max(...target.sizes)).toBeLessThan(40);
      expect(target.sizes.length).toBeLessThan(20);
    },
  );

  it.each([true, false])(
    "has two transactions under way where the target takes them in order: %s",
    async (pipelines) => {
      const { fence } = await head.openTask("c");
      const all = Array.from({ length: 40 }, (_, i) => ({
        logical: "country=DE",
        id: i % 10,
        n: i,
        removed: i % 7 === 0,
      }));
      for (const each of all) await commit(fence, [each]);
      const expected = new Map<unknown, unknown>();
      for (const { id, n, removed } of all) {
        if (removed) expected.delete(id);
        else expected.set(id, n);
      }
      for (const failure of ["none", "before", "after"] as const) {
        const target = new MemoryTarget();
        target.pipelines = pipelines;
        target.maxRows = 2;
        target.failures = ["none", "none", failure];
        const isDone = () => {
          const { journals = {} } = (target.position ?? {}) as {
            journals?: Record<string, [number, number]>;
          };
          return Object.values(journals).reduce((sum, [, next]) => sum + next, 0) === all.length;
        };
        while (!(await run(target, {}, isDone, { epoch: 1 }, { ...collection, reduce: {} })));
        expect(new Map([...target.rows.values()].map(({ id, n }) => [id, n]))).toEqual(expected);
        expect(target.mostUnderWay).toBe(pipelines ? 2 : 1);
      }
    },
  );

  it("takes a backlog while the transaction before is being stored", async () => {
    const { fence } = await head.openTask("c");
    const commitMany = (from: number) =>
      commit(
        fence,
        Array.from({ length: 3_000 }, (_, i) => ({
          logical: "country=DE",
          id: 2 * (from + i),
          n: 1,
          removed: false,
        })),
      );
    await commitMany(0);
    const target = new MemoryTarget();
    target.maxRows = 1_000_000;
    const events: string[] = [];
    let isSecond = false;
    target.storing = async () => {
      events.push("storing");
      if (isSecond) return;
      isSecond = true;
      await commitMany(3_000);
      await setTimeout(100);
      await commitMany(6_000);
      await setTimeout(100);
      events.push("stored");
    };
    const watched: Head = new Proxy(head, {
      get: (service, name) => {
        if (name !== "read" && name !== "horizon") return Reflect.get(service, name).bind(service);
        events.push(String(name));
        return Reflect.get(service, name).bind(service);
      },
    });
    await run(target, {}, () => target.rows.size === 9_000, { epoch: 1 }, collection, watched);
    const storing = events.slice(events.indexOf("storing"), events.indexOf("stored"));
    // The first ends the wait; the others were asked for without one.
    expect(storing.filter((event) => event === "horizon").length).toBeGreaterThanOrEqual(2);
    expect(target.sizes[0]).toBe(3_000);
    expect(target.sizes[1]).toBeGreaterThanOrEqual(3_000);
  });

  it("does not begin a transaction that reads before the one before has ended", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    target.pipelines = true;
    target.maxRows = 1;
    await run(target, {}, () => target.rows.size === 4);
    expect(target.mostUnderWay).toBe(1);
  });

  it("learns that a transaction failed though no document follows", async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, entries);
    const target = new MemoryTarget();
    target.maxRows = 10;
    target.failures = ["before"];
    expect(await run(target, {}, () => target.rows.size === 4)).toBe(false);
  });

  it("halts on a checkpoint that is none of its own", async () => {
    const target = new MemoryTarget();
    target.position = { "journal-1": [1, 5] };
    await expect(run(target, {}, () => true)).rejects.toThrow("was not written by this version of Weir");
  });

  it("lets its driver reshape the target where the flow says so, or has raised its back-fill", async () => {
    const may = async (plan: Partial<MaterializationPlan>, position: Json | undefined) => {
      const target = new MemoryTarget();
      await run(target, plan, () => true);
      return target.contexts[0]?.mayReshape(position);
    };
    const filled = { journals: {}, backfill: 1 };
    expect(await may({}, undefined)).toBe(false);
    expect(await may({}, filled)).toBe(true);
    expect(await may({ backfill: 1 }, filled)).toBe(false);
    expect(await may({ backfill: 2 }, filled)).toBe(true);
    expect(await may({ backfill: 1, onSchemaChange: "backfill" }, filled)).toBe(true);
    // Nothing was stored: the counter under which the target was made is taken to be the first.
    expect(await may({ backfill: 1 }, undefined)).toBe(true);
    expect(await may({ onSchemaChange: "backfill" }, undefined)).toBe(true);
    // What wrote it is unknown, and so are its rows.
    expect(await may({ onSchemaChange: "backfill" }, { "journal-1": [1, 5] })).toBe(false);
  });

  it("tells its driver of mode and former name", async () => {
    const target = new MemoryTarget();
    await run(target, { mode: "delta", renamedFrom: "old" }, () => true);
    expect(target.contexts[0]).toMatchObject({ mode: "delta", renamedFrom: "memory:old", task: "memory:t" });
  });
});
