import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FencedError } from "../../connectors/driver.ts";
import type { Run } from "../journal/run.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import type { FragmentRecord } from "./head.ts";
import { openBatch, sealBatch } from "./sealed.ts";

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
const journalOf = (collection: string) => head.ensureJournals([{ collection, partition: 0 }])[0]?.id ?? "";
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

describe("reading", () => {
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
