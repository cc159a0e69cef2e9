/** What `weir backfill` asked, carried out exactly once in a target that loses answers, in a history of several journals. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CollectionPlan, JsonObject, MaterializationPlan } from "../../plan/plan.ts";
import { requestBackfill } from "../backfill/request.ts";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { type ObjectStore, openStore } from "../store/store.ts";
import { MemoryTarget } from "./fixtures/memory-target.ts";
import { runMaterialization } from "./materialization.ts";

let directory: string;
let head: Head & { close(): Promise<void> };
let store: ObjectStore;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "weir-target-start-"));
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

const TASK = "memory:t";
/** Of these rows the newest document, the first name that it had, and the greatest number. */
const collection: CollectionPlan = {
  schema: {
    type: "object",
    properties: {
      id: { type: "integer" },
      n: { type: "integer" },
      name: { type: "string" },
      most: { type: "integer" },
    },
    required: ["id", "n"],
  },
  key: ["id"],
  reduce: { name: "first", most: "max" },
};

interface Entry {
  readonly id: number;
  readonly n: number;
  readonly name: string | undefined;
  readonly removed: boolean;
}
const PARTITIONS = 2;

async function commit(fence: number, name: string, entries: readonly Entry[]): Promise<void> {
  const specs = Array.from({ length: PARTITIONS }, (_, partition) => ({
    collection: name,
    logical: "",
    partition,
  }));
  const journals = await head.ensureJournals(specs);
  const appends = journals.map(({ id: journal }, partition) => {
    const own = entries.filter(({ id }) => id % PARTITIONS === partition);
    const lines = own.map((entry) => `${JSON.stringify(lineOf(entry))}\n`).join("");
    return { journal, count: own.length, lines: Uint8Array.from(Buffer.from(lines)) };
  });
  await head.commit({ task: "c", fence, appends: appends.filter(({ count }) => count > 0) });
}

function lineOf({ id, n, name, removed }: Entry): JsonObject {
  if (removed) return { id, _meta: { removed: true } };
  return { id, n, most: n, ...(name === undefined ? {} : { name }) };
}

/** A plain loop. */
function expectedRows(entries: readonly Entry[]): JsonObject[] {
  const rows = new Map<number, JsonObject>();
  for (const { id, n, name, removed } of entries) {
    const before = rows.get(id);
    if (removed) rows.delete(id);
    else {
      const named = before?.name ?? name;
      rows.set(id, {
        id,
        n,
        most: Math.max(n, Number(before?.most ?? n)),
        ...(named === undefined ? {} : { name: named }),
      });
    }
  }
  return [...rows.values()].sort((a, b) => Number(a.id) - Number(b.id));
}

const rowsOf = (target: MemoryTarget) =>
  [...target.rows.values()].sort((a, b) => Number(a.id) - Number(b.id));

/** Runs until the target stands at the journals' ends; opens it again whenever it fails, as the supervisor does. */
async function catchUp(
  target: MemoryTarget,
  plan: Partial<MaterializationPlan>,
  name: string,
): Promise<void> {
  const ends = (await head.journals()).filter(({ collection: of, next }) => of === name && next > 0);
  const done = () => {
    const { journals = {} } = (target.position ?? {}) as { journals?: Record<string, [number, number]> };
    return ends.every(({ id, next }) => journals[id]?.[1] === next);
  };
  while (!(await runOnce(target, { collection: name, ...plan }, done)));
}

/** False if the target failed. */
async function runOnce(
  target: MemoryTarget,
  plan: Partial<MaterializationPlan>,
  until: () => boolean,
): Promise<boolean> {
  const stop = new AbortController();
  const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
  const full: MaterializationPlan = { connector: "memory", config: {}, guarantee, collection: "c", ...plan };
  try {
    await runMaterialization(
      { kind: "materialization", name: TASK, plan: full, config: {}, collection, epoch: 1 },
      target.driver,
      head,
      store,
      stop.signal,
      (report) => {
        if (report.kind === "progress" && until()) stop.abort();
      },
    );
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("lost ")) return false;
    throw error;
  }
}

const entry: fc.Arbitrary<Entry> = fc.record({
  id: fc.nat(4),
  n: fc.integer({ min: -9, max: 9 }),
  name: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
  removed: fc.nat(5).map((n) => n === 0),
});
const batches = fc.array(fc.array(entry, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 });
const failures = fc.array(fc.constantFrom("before", "after", "none", "none" as const), { maxLength: 8 });
const round = fc.record({
  batches,
  failures,
  /** Per journal the offset that is asked for; undefined to empty the target. */
  from: fc.option(fc.tuple(fc.option(fc.nat(12)), fc.option(fc.nat(12))), { nil: undefined }),
  /** Whether the request comes after the target has caught up, or while it is behind. */
  caughtUp: fc.boolean(),
});

describe("for every history, every request, at any moment, however answers are lost", () => {
  it.each(["standard", "delta"] as const)(
    "the target holds what it should: %s",
    { timeout: 120_000 },
    async (mode) => {
      let worlds = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), fc.nat(4), async (rounds, rows) => {
          const name = `c${++worlds}`;
          const { fence } = await head.openTask("c");
          const target = new MemoryTarget();
          target.maxRows = rows + 1;
          const plan = mode === "delta" ? { mode } : {};
          const all: Entry[] = [];
          for (const { batches: more, failures: lost, from, caughtUp } of rounds) {
            for (const entries of more) {
              await commit(fence, name, entries);
              all.push(...entries);
            }
            target.failures = [...lost];
            // Once, or until it fails: it may stand anywhere then.
            if (caughtUp) await catchUp(target, plan, name);
            else await runOnce(target, { collection: name, ...plan }, () => true);
            const journals = (await head.journals()).filter(({ collection: of }) => of === name);
            const offsets = from?.flatMap((offset, partition) => {
              const journal = journals.find((each) => each.partition === partition);
              return offset === null || !journal
                ? []
                : [[journal.id, Math.min(offset, journal.next)] as const];
            });
            const { id } = await requestBackfill(head, TASK, offsets && Object.fromEntries(offsets));
            const clears = target.clears;
            await catchUp(target, plan, name);
            expect(target.position).toMatchObject({ request: id });
            expect(target.clears - clears).toBeLessThanOrEqual(1);
          }
          if (mode === "standard") {
            expect(rowsOf(target)).toEqual(expectedRows(all));
            return;
          }
          const journals = (await head.journals()).filter(({ collection: of }) => of === name);
          for (const { id, partition } of journals) {
            const own = target.log.filter(({ journal }) => journal === id);
            expect(own.map(({ offset }) => offset)).toEqual(own.map((_, i) => i));
            const expected = all.filter((each) => each.id % PARTITIONS === partition);
            expect(own.map(({ document }) => document)).toEqual(
              expected.map((each) => (each.removed ? { id: each.id } : lineOf(each))),
            );
          }
          expect(target.log).toHaveLength(all.length);
        }),
        { numRuns: 60 },
      );
    },
  );
});

describe("a target that is to be filled again", () => {
  const entries = [0, 1, 2, 3].map((id): Entry => ({ id, n: id, name: "x", removed: false }));
  const filled = async () => {
    const { fence } = await head.openTask("c");
    await commit(fence, "c", entries);
    const target = new MemoryTarget();
    await catchUp(target, {}, "c");
    return { target, fence };
  };

  it("is emptied once, however often its task is opened", async () => {
    const { target } = await filled();
    target.rows.set("stale", { id: 9, n: 9 });
    await requestBackfill(head, TASK, undefined);
    for (let i = 0; i < 3; i++) await catchUp(target, {}, "c");
    expect(target.clears).toBe(1);
    expect(rowsOf(target)).toEqual(expectedRows(entries));
  });

  it("is emptied once where the request and the flow's counter ask for it together", async () => {
    const { target } = await filled();
    await requestBackfill(head, TASK, undefined);
    await catchUp(target, { backfill: 1 }, "c");
    await catchUp(target, { backfill: 1 }, "c");
    expect(target.clears).toBe(1);
  });

  it.each([
    ["unreadable", "damaged", "was not written by this version of Weir; run weir backfill memory:t"],
    ["of another history", { journals: { gone: [1, 5] }, backfill: 0 }, "belongs to another history"],
  ])("is emptied though its checkpoint is %s", async (_, position, halt) => {
    const { target } = await filled();
    target.position = position;
    await expect(runOnce(target, {}, () => true)).rejects.toThrow(halt);
    await requestBackfill(head, TASK, undefined);
    await catchUp(target, {}, "c");
    expect(rowsOf(target)).toEqual(expectedRows(entries));
  });

  it("obeys the newest of several requests", async () => {
    const { target } = await filled();
    await requestBackfill(head, TASK, undefined);
    await requestBackfill(head, TASK, {});
    await catchUp(target, {}, "c");
    expect(target.clears).toBe(0);
  });

  it("may be made anew by its driver only for a request that is still to be carried out, and empties it", async () => {
    const { target } = await filled();
    const may = async () => {
      await runOnce(target, {}, () => true);
      return target.contexts.at(-1)?.mayRemake(filledAt);
    };
    const filledAt = target.position;
    expect(await may()).toBe(false);
    await requestBackfill(head, TASK, {});
    expect(await may()).toBe(false);
    await requestBackfill(head, TASK, undefined);
    expect(await may()).toBe(true);
    await catchUp(target, {}, "c");
    expect(target.contexts.at(-1)?.mayRemake(target.position)).toBe(false);
  });
});
