/** The head's log, seen from outside: copies of the directory of a head that is not closed are what a kill leaves. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EmbeddedHead } from "./embedded-head.ts";
import type { FragmentRecord } from "./head.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "weir-log-"));
});
afterEach(() => rmSync(base, { recursive: true }));

let copies = 0;
/** Of the directory as a kill at this moment would leave it. */
function killed(directory: string): string {
  const copy = join(base, `copy-${copies++}`);
  cpSync(directory, copy, { recursive: true });
  return copy;
}

const LARGE = "x".repeat(40_000);

/** A head, and what was put into it. */
class Model {
  head: EmbeddedHead;
  directory: string;
  readonly documents: string[] = [];
  readonly state = new Map<string, string>();
  readonly notes = new Map<string, number>();
  checkpoint = 0;
  #fence: number;
  #archived = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.head = new EmbeddedHead(directory, undefined, undefined, 50);
    this.#fence = this.head.openTask("t").fence;
  }

  get journal(): string {
    return this.head.ensureJournals([{ collection: "a", logical: "", partition: 0 }])[0]?.id ?? "";
  }

  commit(count: number, isLarge: boolean, keys: readonly string[]): void {
    const documents = Array.from({ length: count }, (_, i) =>
      JSON.stringify({ n: this.documents.length + i, ...(isLarge ? { text: LARGE } : {}) }),
    );
    this.checkpoint++;
    const state = keys.map((key) => {
      const value = this.state.has(key) && this.checkpoint % 3 === 0 ? null : String(this.checkpoint);
      return { space: "s", key, value };
    });
    const lines = Buffer.from(documents.map((document) => `${document}\n`).join(""));
    const appends = [{ journal: this.journal, count, lines }];
    const [outcome] = this.head.commit([
      { task: "t", fence: this.#fence, appends, checkpoint: this.checkpoint, state },
    ]);
    expect(outcome).toMatchObject({ committed: { firsts: [this.documents.length] } });
    this.documents.push(...documents);
    for (const { key, value } of state) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
  }

  refuse(): void {
    const lines = Buffer.from("{}\n");
    const outcomes = this.head.commit([
      { task: "t", fence: 0, appends: [{ journal: this.journal, count: 1, lines }], checkpoint: -1 },
    ]);
    expect(outcomes).toMatchObject([{ refused: {} }]);
  }

  note(name: string): void {
    this.notes.set(name, this.documents.length);
    this.head.setNote(name, this.documents.length);
  }

  archive(): void {
    const [run] = this.head.readHead(this.journal, this.#archived, 1);
    if (!run) return;
    const { first, count } = run;
    const fragment: FragmentRecord = {
      key: `k/${first}`,
      first,
      last: first + count - 1,
      kind: "full",
      storedBytes: 1,
    };
    this.head.publishFragment(this.journal, fragment);
    this.#archived = first + count;
    while (this.head.trim(this.journal)) {
      // until it is gone
    }
  }

  /** `opensTask` writes to LMDB, and with that what the log has. */
  reopen(opensTask: boolean): void {
    this.directory = killed(this.directory);
    this.head = new EmbeddedHead(this.directory, undefined, undefined, 50);
    if (opensTask) this.#fence = this.head.openTask("t").fence;
  }

  check(): void {
    const { head } = this;
    const documents: string[] = [];
    for (let offset = this.#archived; offset < this.documents.length; ) {
      for (const { first, count, lines } of head.readHead(this.journal, offset, 100)) {
        expect(first).toBe(offset);
        documents.push(...Buffer.from(lines).toString().trimEnd().split("\n"));
        offset = first + count;
      }
    }
    expect(documents).toEqual(this.documents.slice(this.#archived));
    // In the midst of a batch too.
    const middle = Math.floor((this.#archived + this.documents.length) / 2);
    if (middle < this.documents.length) {
      const [run] = head.readHead(this.journal, middle, 1);
      const line = Buffer.from(run?.lines ?? [])
        .toString()
        .split("\n")[middle - (run?.first ?? 0)];
      expect(line).toBe(this.documents[middle]);
    }
    expect(head.readState("t", "s", KEYS)).toEqual(KEYS.map((key) => this.state.get(key)));
    expect(head.checkpoint("t") ?? 0).toBe(this.checkpoint);
    expect(NOTES.map((name) => head.getNote(name))).toEqual(NOTES.map((name) => this.notes.get(name)));
  }
}

const KEYS = ["a", "b", "c", "k".repeat(500), "\u0000odd"];
const NOTES = ["one", "two"];

it("is part of the head, in any order of small and large transactions, refusals, trims and kills", async () => {
  const commit = fc.tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.boolean(),
    fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 3 }),
  );
  const step = fc.oneof(
    { weight: 12, arbitrary: commit },
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        "kill" as const,
        "kill, and go on in the log" as const,
        "archive" as const,
        "refuse" as const,
        ...NOTES.map((name) => `note ${name}` as const),
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const model = new Model(join(base, `head-${copies++}`));
      const opened = [model.head];
      for (const each of steps) {
        if (typeof each !== "string") {
          const [count, isLarge, keys] = each;
          model.commit(count, isLarge && count > 0, keys);
        } else if (each === "archive") model.archive();
        else if (each === "refuse") model.refuse();
        else if (each === "kill" || each === "kill, and go on in the log") {
          model.reopen(each === "kill");
          opened.push(model.head);
          model.check();
        } else model.note(each.slice("note ".length));
      }
      model.check();
      for (const head of opened) await head.close();
    }),
    { numRuns: 60 },
  );
}, 120_000);

it("holds more transactions than there is room for in the log", async () => {
  const model = new Model(join(base, "head"));
  for (let i = 0; i < 700; i++) model.commit(1, false, i % 10 === 0 ? ["a"] : []);
  model.check();
  const before = model.head;
  model.reopen(false);
  model.check();
  await before.close();
  await model.head.close();
});

it("takes a transaction whose checkpoint has no room in the log", async () => {
  const head = new EmbeddedHead(join(base, "head"));
  const { fence } = head.openTask("t");
  const checkpoint = { files: Array.from({ length: 200_000 }, (_, i) => i) };
  head.commit([{ task: "t", fence, appends: [], checkpoint }]);
  const copy = new EmbeddedHead(killed(join(base, "head")));
  expect(copy.checkpoint("t")).toEqual(checkpoint);
  await head.close();
  await copy.close();
});

it("opens with all that was told, or says what is wrong, whichever bit of it is another", async () => {
  const model = new Model(join(base, "head"));
  for (let i = 0; i < 12; i++) model.commit(2, false, ["a", "b"]);
  const left = killed(model.directory);
  await model.head.close();
  const log = readFileSync(join(left, "head.log"));
  const used = 13 * 4096;
  await fc.assert(
    fc.asyncProperty(fc.nat(used - 1), fc.nat(7), async (at, bit) => {
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const copy = killed(left);
      writeFileSync(join(copy, "head.log"), bytes);
      let head: EmbeddedHead;
      try {
        head = new EmbeddedHead(copy);
      } catch (error) {
        expect((error as Error).message).toMatch(/has lost record|newest transactions are missing/);
        return;
      }
      expect(head.checkpoint("t")).toBe(model.checkpoint);
      expect(head.horizon(["a"]).journals).toMatchObject([{ next: model.documents.length }]);
      await head.close();
    }),
    { numRuns: 300 },
  );
}, 60_000);

it("does without a newest record that was torn: nobody was told of it", async () => {
  const model = new Model(join(base, "head"));
  for (let i = 0; i < 3; i++) model.commit(1, false, []);
  const counted = readFileSync(join(model.directory, "commits"));
  const { checkpoint } = model;
  model.commit(1, false, []);
  const left = killed(model.directory);
  await model.head.close();
  const log = readFileSync(join(left, "head.log"));
  const newest = log.lastIndexOf(Buffer.from('{"n":3'));
  log.fill(0, newest, newest + 3);
  writeFileSync(join(left, "head.log"), log);
  // What counts the records follows their flush.
  writeFileSync(join(left, "commits"), counted);
  const head = new EmbeddedHead(left);
  expect(head.checkpoint("t")).toBe(checkpoint);
  expect(head.horizon(["a"]).journals).toMatchObject([{ next: 3 }]);
  await head.close();
});
