import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FencedError } from "../../connectors/driver.ts";
import { GARBAGE } from "../notes.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import type { Adoption, FragmentRecord } from "./head.ts";

let directory: string;
let head: EmbeddedHead;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weir-adoption-"));
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
const journalOf = (collection: string, logical = "") => {
  const [journal] = head.ensureJournals([{ collection, logical, partition: 0 }]);
  if (!journal) throw new Error("There is no journal.");
  return journal;
};
/** A task that has filled its collection with one document, and has a value. */
function filled(name: string) {
  const { fence } = head.openTask(name);
  const { id: journal } = journalOf(name);
  const lines = Buffer.from(`${JSON.stringify({ of: name })}\n`);
  const [outcome] = head.commit([
    {
      ...{ task: name, fence, checkpoint: { of: name }, appends: [{ journal, count: 1, lines }] },
      state: [{ space: "s", key: "k", value: JSON.stringify(name) }],
    },
  ]);
  expect(outcome).toHaveProperty("committed");
  return { fence, journal };
}
const textOf = (journal: string) =>
  head
    .readHead(journal, 0, 1e6)
    .map(({ lines }) => Buffer.from(lines).toString())
    .join("");
const swap: Adoption = {
  collections: [
    { from: "c", to: "c~1" },
    { from: "c~2", to: "c" },
  ],
  tasks: [
    { from: "c", to: "c~1" },
    { from: "c~2", to: "c" },
  ],
  notes: { done: true },
};

describe("names that are adopted", () => {
  it("change at once, with checkpoints, values and notes, over a reopening", async () => {
    const [old, made] = [filled("c"), filled("c~2")];
    head.adopt(swap);
    for (const again of [async () => {}, reopen]) {
      await again();
      const names = new Map(head.journals().map(({ id, collection }) => [id, collection]));
      expect(names).toEqual(
        new Map([
          [old.journal, "c~1"],
          [made.journal, "c"],
        ]),
      );
      expect(head.checkpoint("c")).toEqual({ of: "c~2" });
      expect(head.checkpoint("c~1")).toEqual({ of: "c" });
      expect(head.readState("c", "s", ["k"])).toEqual(['"c~2"']);
      expect(head.getNote("done")).toBe(true);
      expect(head.checkpoint("c~2")).toBeUndefined();
    }
  });

  it("leave objects where they are, and put new journals beside them", async () => {
    filled("c");
    filled("c~2");
    head.adopt(swap);
    for (const again of [async () => {}, reopen]) {
      await again();
      expect(journalOf("c", `k=${again.name.length}`).home).toBe("c~2");
      expect(journalOf("c~1").home).toBe("c");
    }
    head.renameCollection("c", "d");
    await reopen();
    expect(journalOf("d").home).toBe("c~2");
    // The name is free, and its own folder is the one of what is kept: a new collection is told another.
    head.adopt({ collections: [], tasks: [], homes: { e: "e~5" }, notes: {} });
    await reopen();
    expect(journalOf("e").home).toBe("e~5");
    expect(journalOf("d").home).toBe("c~2");
  });

  it("fence off whoever had them", () => {
    const [old, made] = [filled("c"), filled("c~2")];
    for (let i = 0; i < 3; i++) head.openTask("c");
    head.adopt(swap);
    const appends = [{ journal: made.journal, count: 1, lines: Buffer.from("{}\n") }];
    for (const fence of [old.fence, old.fence + 3, made.fence]) {
      expect(head.commit([{ task: "c", fence, appends }])[0]).toEqual({ refused: expect.any(FencedError) });
    }
    expect(head.commit([{ task: "c~2", fence: made.fence, appends }])[0]).toHaveProperty("refused");
    const { fence } = head.openTask("c");
    expect(head.commit([{ task: "c", fence, appends }])[0]).toHaveProperty("committed");
  });

  it("are refused where two would get one, and nothing changes", async () => {
    const [old] = [filled("c"), filled("c~2")];
    expect(() => head.adopt({ ...swap, collections: [{ from: "c~2", to: "c" }] })).toThrow(
      '"c~2" cannot become "c", which has documents of its own.',
    );
    expect(() => head.adopt({ ...swap, tasks: [{ from: "c~2", to: "c" }] })).toThrow(
      'The task "c~2" cannot become "c", which there is already.',
    );
    await reopen();
    expect(head.journals().find(({ id }) => id === old.journal)?.collection).toBe("c");
    expect(head.getNote("done")).toBeUndefined();
  });
});

describe("a collection that is dropped", () => {
  it("leaves nothing behind but the keys of its objects", async () => {
    const { journal } = filled("c");
    const other = filled("d");
    const fragment: FragmentRecord = { key: "c/p=00/x", first: 0, last: 0, kind: "full", storedBytes: 1 };
    head.intendFragment(journal, fragment);
    head.publishFragment(journal, fragment);
    head.dropCollection("c");
    for (const again of [async () => {}, reopen]) {
      await again();
      expect(head.journals().map(({ id }) => id)).toEqual([other.journal]);
      expect(head.survey().journals.map(({ collection }) => collection)).not.toContain("c");
      expect(head.checkpoint("c")).toBeUndefined();
      expect(head.getNote(GARBAGE)).toEqual([{ clock: expect.any(Number), keys: ["c/p=00/x"] }]);
      expect(textOf(other.journal)).toBe('{"of":"d"}\n');
      expect(head.readState("d", "s", ["k"])).toEqual(['"d"']);
    }
    head.dropCollection("c");
    // What is made under its name has nothing of it.
    const made = journalOf("c");
    expect(made).toMatchObject({ next: 0, home: "c" });
    expect(made.id).not.toBe(journal);
    head.openTask("c");
    expect(head.readState("c", "s", ["k"])).toEqual([undefined]);
  });

  it("goes in several transactions where it is large, and a repeat ends what was broken off", async () => {
    const { fence, journal } = filled("c");
    for (let i = 0; i < 1_100; i++) {
      head.commit([{ task: "c", fence, appends: [{ journal, count: 1, lines: Buffer.from("{}\n") }] }]);
    }
    head.dropCollection("c");
    await reopen();
    expect(head.journals()).toEqual([]);
    expect(textOf(filled("c").journal)).toBe('{"of":"c"}\n');
  });
});
