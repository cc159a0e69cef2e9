import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FencedError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import type { JournalId, Position } from "./head.ts";
import { entryName, entryNames, mergeCheckpoints, splitCheckpoint } from "./task-layout.ts";

let directory: string;
let head: EmbeddedHead;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weir-layout-"));
  head = new EmbeddedHead(directory);
});
afterEach(async () => {
  await head.close();
  rmSync(directory, { recursive: true });
});

const reopen = async () => {
  await head.close();
  head = new EmbeddedHead(directory);
};

const journals = (collection: string, partitions: number): JournalId[] =>
  head
    .ensureJournals(
      Array.from({ length: partitions }, (_, partition) => ({ collection, logical: "", partition })),
    )
    .map(({ id }) => id);

const commit = (task: string, fence: number, checkpoint: Json) =>
  head.commit([{ task, fence, appends: [], checkpoint }])[0];

const at = (offset: number) => [1, offset] as const;

describe("a layout", () => {
  it("gives each shard the positions of its partitions, and back, over reopenings", async () => {
    const [a = "", b = "", c = ""] = journals("c", 3);
    const { fence } = head.openTask("t");
    commit("t", fence, { s: { [a]: at(1), [b]: at(2), [c]: at(3) } });
    head.layOutTask("t", 2);
    await reopen();
    expect(head.openTask("t#0/2").checkpoint).toEqual({ s: { [a]: at(1), [c]: at(3) } });
    expect(head.openTask("t#1/2").checkpoint).toEqual({ s: { [b]: at(2) } });
    expect(head.checkpoint("t")).toEqual({ s: { [a]: at(1), [b]: at(2), [c]: at(3) } });
    head.layOutTask("t", 1);
    await reopen();
    expect(head.openTask("t").checkpoint).toEqual({ s: { [a]: at(1), [b]: at(2), [c]: at(3) } });
  });

  it("refuses whatever an instance of an earlier layout tries, also where that layout comes back", () => {
    const whole = head.openTask("t");
    head.layOutTask("t", 2);
    expect(commit("t", whole.fence, {})).toMatchObject({ refused: expect.any(FencedError) });
    expect(() => head.openTask("t")).toThrow(FencedError);
    const shard = head.openTask("t#1/2");
    head.layOutTask("t", 3);
    expect(commit("t#1/2", shard.fence, {})).toMatchObject({ refused: expect.any(FencedError) });
    expect(() => head.openTask("t#1/2")).toThrow(
      /"t" has been laid out in 3 shards since "t#1\/2" was opened/,
    );
    head.layOutTask("t", 2);
    expect(commit("t#1/2", shard.fence, {})).toMatchObject({ refused: expect.any(FencedError) });
    expect(commit("t#1/2", head.openTask("t#1/2").fence, {})).toHaveProperty("committed");
    head.layOutTask("t", 1);
    expect(commit("t", whole.fence, {})).toMatchObject({ refused: expect.any(FencedError) });
  });

  it("leaves fences as they are where it stands already", () => {
    head.layOutTask("t", 2);
    const { fence } = head.openTask("t#0/2");
    head.layOutTask("t", 2);
    expect(commit("t#0/2", fence, {})).toHaveProperty("committed");
  });

  it("must stand before a shard is opened", () => {
    expect(() => head.openTask("t#0/2")).toThrow(/no shard "t#0\/2": lay the task out first/);
  });

  it("shares the task's state among its shards, whatever their number", () => {
    const { fence } = head.openTask("t");
    const write = (task: string, fence: number, key: string) =>
      head.commit([{ task, fence, appends: [], state: [{ space: "s", key, value: key }] }]);
    write("t", fence, "a");
    head.layOutTask("t", 2);
    write("t#1/2", head.openTask("t#1/2").fence, "b");
    expect(head.readState("t#0/2", "s", ["a", "b"])).toEqual(["a", "b"]);
    expect(head.readState("t", "s", ["a", "b"])).toEqual(["a", "b"]);
    head.layOutTask("other", 2);
    write("other#0/2", head.openTask("other#0/2").fence, "c");
    head.layOutTask("t", 1);
    expect(head.readState("t", "s", ["a", "b", "c"])).toEqual(["a", "b", undefined]);
  });

  it("is renamed with its collection", async () => {
    const [a = "", b = ""] = journals("c", 2);
    head.layOutTask("t", 2);
    commit("t#0/2", head.openTask("t#0/2").fence, { s: { [a]: at(1) } });
    const { fence } = head.openTask("t#1/2");
    head.commit([
      {
        task: "t#1/2",
        fence,
        appends: [],
        checkpoint: { s: { [b]: at(2) } },
        state: [{ space: "s", key: "k", value: "1" }],
      },
    ]);
    head.renameCollection("t", "u");
    await reopen();
    expect(head.checkpoint("t")).toBeUndefined();
    expect(head.checkpoint("u")).toEqual({ s: { [a]: at(1), [b]: at(2) } });
    expect(head.readState("u#0/2", "s", ["k"])).toEqual(["1"]);
    expect(commit("u#1/2", fence, {})).toHaveProperty("committed");
    head.layOutTask("v", 2);
    expect(() => head.renameCollection("v", "u")).toThrow(/has documents of both/);
  });
});

describe("checkpoints", () => {
  it("go to the first shard whole where they were not written by a derivation, and stay undefined where there is none", () => {
    expect(splitCheckpoint({ "old/p=00#1": [1, 5] }, 2, () => 1)).toEqual([{ "old/p=00#1": [1, 5] }, {}]);
    expect(splitCheckpoint("cursor", 2, () => 1)).toEqual(["cursor", undefined]);
    expect(splitCheckpoint(undefined, 2, () => 1)).toEqual([undefined, undefined]);
    expect(mergeCheckpoints([undefined, undefined])).toBeUndefined();
  });

  it("keep the position of a journal that is not known any more", () => {
    const known = new Map([["a", 1]]);
    const parts = splitCheckpoint({ s: { a: at(1), gone: at(2) } }, 2, (id) => known.get(id));
    expect(parts).toEqual([{ s: { gone: at(2) } }, { s: { a: at(1) } }]);
    expect(mergeCheckpoints(parts)).toEqual({ s: { a: at(1), gone: at(2) } });
  });
});

it("through any layouts, commits and reopenings every journal keeps the newest position that was committed for it", async () => {
  type Step =
    | { readonly kind: "layout"; readonly shards: number }
    | { readonly kind: "open"; readonly shard: number }
    /** Of an instance that was opened at some time, for one of the journals that it reads. */
    | { readonly kind: "commit"; readonly instance: number; readonly journal: number }
    | { readonly kind: "reopen" };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("layout" as const), shards: fc.integer({ min: 1, max: 5 }) }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("open" as const), shard: fc.nat(4) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("commit" as const),
        instance: fc.nat(20),
        journal: fc.nat(4),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
  );
  let tasks = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const task = `t${++tasks}`;
      const ids = journals(task, 5);
      const committed: Record<JournalId, readonly [number, number]> = {};
      let layout = { shards: 1, change: 0 };
      interface Instance {
        readonly entry: string;
        readonly index: number;
        readonly of: number;
        readonly fence: number;
        readonly change: number;
        position: Position;
      }
      const opened: Instance[] = [];
      let offset = 0;
      for (const each of steps) {
        if (each.kind === "reopen") await reopen();
        else if (each.kind === "layout") {
          if (each.shards !== layout.shards) layout = { shards: each.shards, change: layout.change + 1 };
          head.layOutTask(task, each.shards);
        } else if (each.kind === "open") {
          const index = each.shard % layout.shards;
          const entry = entryName(task, { index, of: layout.shards });
          const { fence, checkpoint } = head.openTask(entry);
          const position = ((checkpoint as { s?: Position } | undefined)?.s ?? {}) satisfies Position;
          const expected = Object.entries(committed).filter(
            ([id]) => ids.indexOf(id) % layout.shards === index,
          );
          expect(position).toEqual(Object.fromEntries(expected));
          opened.push({ entry, index, of: layout.shards, fence, change: layout.change, position });
        } else {
          const instance = opened[each.instance % Math.max(1, opened.length)];
          if (!instance) continue;
          const own = ids.filter((_, partition) => partition % instance.of === instance.index);
          const id = own[each.journal % Math.max(1, own.length)];
          if (id === undefined) continue;
          const position = { ...instance.position, [id]: at(++offset) };
          const outcome = commit(instance.entry, instance.fence, { s: position });
          const newest = opened.findLast(({ entry }) => entry === instance.entry);
          if (instance.change === layout.change && newest === instance) {
            expect(outcome).toHaveProperty("committed");
            instance.position = position;
            committed[id] = at(offset);
          } else expect(outcome).toMatchObject({ refused: expect.any(FencedError) });
        }
        const whole = head.checkpoint(task) as { s: Position } | undefined;
        expect(whole?.s ?? {}).toEqual(committed);
      }
      expect(entryNames(task, layout.shards).map((name) => head.openTask(name))).toHaveLength(layout.shards);
    }),
    { numRuns: 60 },
  );
}, 60_000);
