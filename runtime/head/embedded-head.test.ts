import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { roomForLines } from "../../connectors/buffers.ts";
import { FencedError } from "../../connectors/driver.ts";
import type { Run } from "../journal/run.ts";
import { parseRun } from "../journal/runs.ts";
import { STATE_LOGGED } from "../notes.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import { type FragmentRecord, MAX_READ_BATCHES } from "./head.ts";
import { openBatch, sealBatch } from "./sealed.ts";
import { stateChangeOf } from "./state-log.ts";

let directory: string;
let head: EmbeddedHead;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weir-head-"));
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
const lines = (...documents: object[]) =>
  Buffer.from(documents.map((d) => `${JSON.stringify(d)}\n`).join(""));
const textOf = (runs: readonly Run[]) => runs.map((run) => Buffer.from(run.lines).toString()).join("");
const journalOf = (collection: string) =>
  head.ensureJournals([{ collection, logical: "", partition: 0 }])[0]?.id ?? "";
const full = (first: number, last: number): FragmentRecord => ({
  key: `k/${first}-${last}`,
  first,
  last,
  kind: "full",
  storedBytes: 1,
});

function append(task: string, fence: number, journal: string, ...documents: object[]) {
  return head.commit([
    { task, fence, appends: [{ journal, count: documents.length, lines: lines(...documents) }] },
  ])[0];
}

describe("a commit", () => {
  it("gives dense offsets from 0 and one commit time, which never goes back", async () => {
    let clock = 1_000_000;
    await head.close();
    head = new EmbeddedHead(directory, () => clock);
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    expect(append("t", fence, a, { n: 0 }, { n: 1 })).toEqual({ committed: { at: 1_000_000, firsts: [0] } });
    clock = 5;
    expect(append("t", fence, a, { n: 2 })).toEqual({ committed: { at: 1_000_001, firsts: [2] } });
    expect(textOf(head.readHead(a, 0, 1e6))).toBe('{"n":0}\n{"n":1}\n{"n":2}\n');
  });

  it("holds appends to several journals and the checkpoint, over a reopening", async () => {
    const [a, b] = [journalOf("a"), journalOf("b")];
    const { fence } = head.openTask("t");
    head.commit([
      {
        task: "t",
        fence,
        appends: [
          { journal: a, count: 1, lines: lines({ a: 1 }) },
          { journal: b, count: 2, lines: lines({ b: 1 }, { b: 2 }) },
        ],
        checkpoint: { at: 7 },
      },
    ]);
    await reopen();
    expect(textOf(head.readHead(b, 0, 1e6))).toBe('{"b":1}\n{"b":2}\n');
    expect(head.journals().map(({ next }) => next)).toEqual([1, 2]);
    expect(head.openTask("t")).toEqual({ fence: fence + 1, checkpoint: { at: 7 } });
  });

  it("is refused as a whole under a stale fence, and the others of its group are not", () => {
    const a = journalOf("a");
    const old = head.openTask("t");
    const other = head.openTask("u");
    const young = head.openTask("t");
    const one = (task: string, fence: number) => ({
      task,
      fence,
      appends: [{ journal: a, count: 1, lines: lines({ task, fence }) }],
      checkpoint: fence,
    });
    const outcomes = head.commit([one("t", old.fence), one("u", other.fence), one("t", young.fence)]);
    expect(outcomes[0]).toMatchObject({ refused: expect.any(FencedError) });
    expect(outcomes[1]).toMatchObject({ committed: { firsts: [0] } });
    expect(outcomes[2]).toMatchObject({ committed: { firsts: [1] } });
    expect(head.checkpoint("t")).toBe(young.fence);
  });
});

describe("the commit clock", () => {
  const NOW = 1_000_000;
  const restartAt = async (now: () => number, monotonic: () => number = () => 0) => {
    await head.close();
    head = new EmbeddedHead(directory, now, monotonic);
  };
  const at = (task: string, fence: number, journal: string) => {
    const outcome = append(task, fence, journal, {});
    return outcome && "committed" in outcome ? outcome.committed.at : undefined;
  };

  it("rises with every transaction, whatever journal it is of", async () => {
    await restartAt(() => NOW);
    const [a, b] = [journalOf("a"), journalOf("b")];
    const { fence } = head.openTask("t");
    expect([at("t", fence, a), at("t", fence, b), at("t", fence, a)]).toEqual([NOW, NOW + 1, NOW + 2]);
  });

  it("gives no commit a time that it has told, and tells the wall clock where that is later", async () => {
    let now = NOW;
    await restartAt(() => now);
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    expect(head.horizon(["a"])).toMatchObject({ clock: NOW, journals: [{ id: a, next: 0 }] });
    expect(at("t", fence, a)).toBe(NOW + 1);
    now += 50;
    expect(head.horizon(["a", "a"])).toMatchObject({ clock: NOW + 50, journals: [{ id: a, next: 1 }] });
    now -= 1_000;
    expect(head.horizon(["b"])).toEqual({ clock: NOW + 50, journals: [] });
    expect(at("t", fence, a)).toBe(NOW + 51);
  });

  it("does not fall behind a told time that a commit followed, over a restart with the clock set back", async () => {
    await restartAt(() => 9 * NOW);
    journalOf("a");
    const { fence } = head.openTask("t");
    const { clock } = head.horizon(["a"]);
    // A checkpoint made because of what was told: no journal knows that time.
    head.commit([{ task: "t", fence, appends: [], checkpoint: { clock } }]);
    await restartAt(() => NOW);
    expect(at("t", head.openTask("t").fence, journalOf("a"))).toBeGreaterThan(clock);
  });

  it("goes on more slowly while the wall clock is behind it, until they meet", async () => {
    let now = 9 * NOW;
    let monotonic = 0;
    await restartAt(
      () => now,
      () => monotonic,
    );
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    expect(at("t", fence, a)).toBe(9 * NOW);
    now -= NOW;
    const told = [0, 1, 2, 3].map(() => {
      const { clock } = head.horizon(["a"]);
      now += NOW;
      monotonic += NOW;
      return clock;
    });
    // After twice the time that it was set back, the wall clock leads again.
    expect(told).toEqual([9 * NOW, 9.5 * NOW, 10 * NOW, 11 * NOW]);
    expect(at("t", fence, a)).toBe(12 * NOW);
  });

  it("goes on after the journals' times where no clock was stored", async () => {
    await restartAt(() => 9 * NOW);
    const a = journalOf("a");
    append("t", head.openTask("t").fence, a, {});
    await restartAt(() => NOW);
    expect(head.horizon(["a"]).clock).toBeGreaterThanOrEqual(9 * NOW);
  });
});

describe("state", () => {
  const value = fc.option(fc.json({ maxDepth: 1 }), { freq: 4 });
  const key = fc.oneof(
    fc.constantFrom("[1]", "", "\0", "a\u0004\0".padEnd(64, "x"), "a\0".padEnd(63, "x"), "\ud800", "\ud801"),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc
      .tuple(fc.constantFrom("x".repeat(390), "é".repeat(3_000)), fc.string({ maxLength: 20 }))
      .map((parts) => parts.join("")),
  );
  const change = fc.record({
    task: fc.constantFrom("t", "u"),
    space: fc.constantFrom("s", "state"),
    key,
    value,
  });

  it("is a map of each task, over restarts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 8 }), async (groups) => {
        const prefix = String(Math.random());
        const expected = new Map<string, string>();
        const asked = new Map<string, { task: string; space: string; key: string }>();
        for (const [i, group] of groups.entries()) {
          if (i % 3 === 2) await reopen();
          for (const { task, ...one } of group) {
            const name = prefix + task;
            const { fence } = head.openTask(name);
            const place = JSON.stringify([task, one.space, one.key]);
            head.commit([{ task: name, fence, appends: [], state: [one] }]);
            asked.set(place, { task: name, space: one.space, key: one.key });
            if (one.value === null) expected.delete(place);
            else expected.set(place, one.value);
          }
        }
        for (const [place, { task, space, key }] of asked) {
          expect(head.readState(task, space, ["none", key])).toEqual([undefined, expected.get(place)]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is logged where it was stored before there were logs, also under long and odd keys", async () => {
    const keys = ["a", "odd \u0000 key", "\ud800", "x".repeat(500), ""];
    const { fence } = head.openTask("t");
    const state = keys.map((key, i) => ({ space: "s", key, value: `{"v":${i}}` }));
    head.commit([{ task: "t", fence, appends: [], state }]);
    head.setNote(STATE_LOGGED, false);
    await reopen();
    const log = head.survey().journals.find(({ collection }) => collection === "_weir/state/1");
    const logged = head
      .readHead(log?.id ?? "", keys.length, 1_000_000)
      .flatMap(parseRun)
      .map(stateChangeOf);
    const byKey = (a: { readonly key: string }, b: { readonly key: string }) => (a.key < b.key ? -1 : 1);
    expect([...logged].sort(byKey)).toEqual([...state].sort(byKey));
  });

  it("is stored with its transaction or not at all", () => {
    const old = head.openTask("t");
    head.openTask("t");
    const state = [{ space: "s", key: "k", value: "1" }];
    const [outcome] = head.commit([{ task: "t", fence: old.fence, appends: [], state }]);
    expect(outcome).toMatchObject({ refused: expect.any(FencedError) });
    expect(head.readState("t", "s", ["k"])).toEqual([undefined]);
    expect(head.commit([{ task: "never opened", fence: 0, appends: [], state }])[0]).toMatchObject({
      refused: { message: expect.stringContaining("open it first") },
    });
  });

  it("is never served where its bytes have changed", async () => {
    const { fence } = head.openTask("t");
    const long = "x".repeat(3_000);
    const state = ["k", long].map((key) => ({ space: "s", key, value: '"needle-in-the-state"' }));
    head.commit([{ task: "t", fence, appends: [], state }]);
    await head.close();
    const file = join(directory, "head.lmdb");
    const bytes = readFileSync(file);
    for (let place = bytes.indexOf("needle"); place >= 0; place = bytes.indexOf("needle", place + 1))
      bytes[place] = 0x4e;
    writeFileSync(file, bytes);
    head = new EmbeddedHead(directory);
    for (const key of ["k", long])
      expect(() => head.readState("t", "s", [key])).toThrow(/fails its checksum/);
  });
});

describe("renaming a collection", () => {
  it("moves journals, checkpoint, fence and state, once, and keeps the journals' ids", async () => {
    const a = journalOf("a");
    const { fence } = head.openTask("a");
    head.commit([
      {
        task: "a",
        fence,
        appends: [{ journal: a, count: 1, lines: lines({}) }],
        checkpoint: 7,
        state: [{ space: "s", key: "k", value: "1" }],
      },
    ]);
    head.renameCollection("a", "b");
    const check = () => {
      expect(head.journals()).toMatchObject([{ id: a, collection: "b", next: 1 }]);
      expect(head.horizon(["a"]).journals).toEqual([]);
      expect(head.readState("b", "s", ["k"])).toEqual(["1"]);
      expect(head.checkpoint("b")).toBe(7);
      expect(journalOf("b")).toBe(a);
    };
    check();
    await reopen();
    head.renameCollection("a", "b");
    check();
    expect(head.openTask("b")).toEqual({ fence: fence + 1, checkpoint: 7 });
    // Other data under the old name is no reason to do it again, and has nothing of the old state.
    const anew = journalOf("a");
    expect(anew).not.toBe(a);
    expect(head.openTask("a")).toEqual({ fence: 1, checkpoint: undefined });
    expect(head.readState("a", "s", ["k"])).toEqual([undefined]);
    head.renameCollection("a", "b");
    expect(head.journals()).toMatchObject([
      { id: a, collection: "b" },
      { id: anew, collection: "a" },
    ]);
  });

  it("does nothing where there is nothing of the old name", () => {
    head.renameCollection("a", "b");
    expect(head.journals()).toEqual([]);
    const b = journalOf("b");
    head.renameCollection("a", "b");
    expect(head.journals()).toMatchObject([{ id: b, collection: "b" }]);
  });

  it("refuses to make one of two", () => {
    journalOf("a");
    journalOf("b");
    expect(() => head.renameCollection("a", "b")).toThrow(/has documents of both/);
  });
});

describe("reading", () => {
  it("keeps the journals of a collection apart by logical partition", async () => {
    const specs = ["", "country=NL"].flatMap((logical) =>
      [0, 1].map((partition) => ({ collection: "a", logical, partition })),
    );
    const made = head.ensureJournals(specs);
    expect(new Set(made.map(({ id }) => id)).size).toBe(4);
    expect(made[3]?.id).toMatch(/^a\/country=NL\/p=01#[0-9a-f]{12}$/);
    await reopen();
    expect(head.ensureJournals(specs)).toEqual(made);
  });

  it("serves the fragment that covers an offset, else the head, else says that this is the end", () => {
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    append("t", fence, a, { n: 0 }, { n: 1 });
    append("t", fence, a, { n: 2 });
    head.intendFragment(a, full(0, 1));
    expect(head.read(a, 0, 1e6).kind).toBe("runs");
    head.publishFragment(a, full(0, 1));
    expect(head.read(a, 1, 1e6)).toEqual({ kind: "fragment", fragment: { key: "k/0-1", first: 0, last: 1 } });
    expect(head.trim(a)).toBe(false);
    expect(head.read(a, 2, 1e6)).toMatchObject({ kind: "runs", runs: [{ first: 2, count: 1 }] });
    expect(head.read(a, 3, 1e6)).toEqual({ kind: "end" });
    expect(() => head.read(a, 4, 1e6)).toThrow(/past the end/);
    expect(() => head.readHead(a, 0, 1e6)).toThrow(/gap at offset 0/);
  });

  it("gives a bounded number of batches at a time, however small they are, and the rest when asked on", () => {
    const id = journalOf("many");
    const { fence } = head.openTask("many");
    const count = 2 * MAX_READ_BATCHES + 3;
    for (let n = 0; n < count; n++) append("many", fence, id, { n });
    const lengths: number[] = [];
    for (let offset = 0; offset < count; ) {
      const batches = head.readSealed(id, offset, 1e9);
      expect(batches[0]?.first).toBe(offset);
      lengths.push(batches.length);
      offset += batches.length;
    }
    expect(lengths).toEqual([MAX_READ_BATCHES, MAX_READ_BATCHES, 3]);
  });

  it("knows after a reopening what is archived, intended and stored, and how much the head must keep", async () => {
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    append("t", fence, a, { n: 0 });
    append("t", fence, a, { n: 1 });
    append("t", fence, a, { n: 2 });
    head.publishFragment(a, full(0, 0));
    head.publishFragment(a, { ...full(1, 1), kind: "tail" });
    head.intendFragment(a, full(1, 2));
    await reopen();
    expect(head.journals()).toMatchObject([{ next: 3, archived: 1, stored: 2, headBytes: 16 }]);
    expect(head.intendedFragments(a)).toEqual([full(1, 2)]);
  });

  it("never serves a batch whose bytes have changed: it names the place", async () => {
    const a = journalOf("a");
    const { fence } = head.openTask("t");
    append("t", fence, a, { n: "needle-in-the-head" });
    await head.close();
    const file = join(directory, "head.lmdb");
    const bytes = readFileSync(file);
    for (let at = bytes.indexOf("needle"); at >= 0; at = bytes.indexOf("needle", at + 1)) bytes[at] = 0x4e;
    writeFileSync(file, bytes);
    head = new EmbeddedHead(directory);
    expect(() => head.readHead(a, 0, 1e6)).toThrow(/journal 1, offset 0 fails its checksum/);
  });
});

it("does not open without its newest transaction, and says how to go on without it", async () => {
  const a = journalOf("a");
  const { fence } = head.openTask("t");
  append("t", fence, a, { n: 0 });
  await head.close();
  const file = join(directory, "head.lmdb");
  // What damage in one of LMDB's two first pages leaves: the state before, whole.
  const before = readFileSync(file);
  head = new EmbeddedHead(directory);
  append("t", fence, a, { n: 1, text: "too much for the log".repeat(2_000) });
  await head.close();
  writeFileSync(file, before);
  expect(() => new EmbeddedHead(directory)).toThrow(
    /The head's newest transactions are missing: it has 4, and had 5. To go on without them, delete the file .*commits/,
  );
  rmSync(join(directory, "commits"));
  head = new EmbeddedHead(directory);
  expect(head.journals()).toMatchObject([{ next: 1 }]);
});

it("opens a directory that was written before there was a census", async () => {
  const a = journalOf("a");
  const { fence } = head.openTask("t");
  append("t", fence, a, { n: 0 });
  await head.close();
  rmSync(join(directory, "commits"));
  const root = open<Buffer, string>({ path: join(directory, "head.lmdb"), encoding: "binary", maxDbs: 16 });
  await root.openDB("census", {}).drop();
  await root.close();
  head = new EmbeddedHead(directory);
  expect(head.journals()).toMatchObject([{ next: 1 }]);
  append("t", fence, a, { n: 1 });
  await reopen();
  expect(head.journals()).toMatchObject([{ next: 2 }]);
});

it("a sealed batch opens only at its own place and only unchanged", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.nat({ max: 1e6 }),
      fc.nat(),
      fc.nat(7),
      (bytes, first, position, bit) => {
        const sealed = sealBatch(3, first, { count: 2, at: 1.7e15, lines: bytes });
        expect(openBatch(3, first, sealed)).toMatchObject({ count: 2, at: 1.7e15 });
        expect(() => openBatch(3, first + 1, sealed)).toThrow(/checksum/);
        expect(() => openBatch(4, first, sealed)).toThrow(/checksum/);
        const index = position % sealed.length;
        sealed[index] = (sealed[index] ?? 0) ^ (1 << bit);
        expect(() => openBatch(3, first, sealed)).toThrow(/checksum/);
      },
    ),
  );
});

it("a batch is sealed alike in its own buffer and in a copy, and in its own only once", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat({ max: 1e6 }), (bytes, first) => {
      const lines = roomForLines(bytes.length);
      lines.set(bytes);
      const batch = { count: 2, at: 1.7e15, lines };
      const sealed = sealBatch(3, first, batch);
      expect(sealed.buffer).toBe(lines.buffer);
      expect(sealed).toEqual(sealBatch(3, first, { ...batch, lines: bytes }));
      const again = sealBatch(3, first + 1, batch);
      expect(again.buffer).not.toBe(lines.buffer);
      expect(openBatch(3, first, sealed)).toMatchObject({ lines: Buffer.from(bytes) });
    }),
  );
});

it("any sequence of appends, fragments, trims and reopenings reads back as one dense sequence", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom("archive", "trim", "reopen")), {
        maxLength: 25,
      }),
      async (steps) => {
        const name = `p${Math.random()}`;
        const id = journalOf(name);
        const { fence } = head.openTask(name);
        const expected: string[] = [];
        const archived = new Map<string, string>();
        for (const step of steps) {
          if (step === "reopen") await reopen();
          else if (step === "trim") head.trim(id);
          else if (step === "archive") {
            const state = head.journals().find((journal) => journal.id === id);
            if (!state || state.archived === state.next) continue;
            const [run] = head.readHead(id, state.archived, 1);
            if (!run) throw new Error("the head does not have what is not archived");
            const fragment = { ...full(run.first, run.first + run.count - 1), key: `${name}/${run.first}` };
            archived.set(fragment.key, Buffer.from(run.lines).toString());
            head.publishFragment(id, fragment);
          } else {
            const fenceNow = step === 1 ? head.openTask(name).fence : undefined;
            const documents = Array.from({ length: step }, (_, i) => ({ n: expected.length + i }));
            const grant = fenceNow ?? currentFence(name) ?? fence;
            append(name, grant, id, ...documents);
            expected.push(...documents.map((d) => JSON.stringify(d)));
          }
        }
        const read: string[] = [];
        for (let offset = 0; ; ) {
          const answer = head.read(id, offset, 10);
          if (answer.kind === "end") break;
          if (answer.kind === "fragment") {
            read.push(...(archived.get(answer.fragment.key) ?? "").trimEnd().split("\n"));
            offset = answer.fragment.last + 1;
          } else {
            for (const run of answer.runs) {
              read.push(...Buffer.from(run.lines).toString().trimEnd().split("\n"));
              offset = run.first + run.count;
            }
          }
        }
        expect(read).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
  function currentFence(task: string): number {
    return head.openTask(task).fence;
  }
});
