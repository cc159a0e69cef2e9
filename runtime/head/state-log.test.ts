import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { parseRun } from "../journal/runs.ts";
import { STATE_LOGGED } from "../notes.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import type { StateChange } from "./head.ts";
import { openJson } from "./sealed.ts";
import { loggedTask, stateChangeOf } from "./state-log.ts";
import { HeadTables } from "./tables.ts";

const KEYS = ["a", "b", "c", '["quoted"]', "odd \u0000", "lone \ud800", "x".repeat(700), "y".repeat(700)];
const LEAST = 20;

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "weir-log-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const change = (key: string, value: number | null): StateChange => ({
  space: "s",
  key,
  value: value === null ? null : `{"v":${value},"_meta":{"removed":true}}`,
});

/** What the logs say, from their starts on: of each task's number, its values. */
function replayed(head: EmbeddedHead): Map<number, Map<string, string>> {
  const all = new Map<number, Map<string, string>>();
  for (const { id, collection, start, next } of head.survey().journals) {
    const task = loggedTask(collection);
    if (task === undefined) continue;
    const values = new Map<string, string>();
    for (let offset = start; offset < next; ) {
      for (const run of head.readHead(id, offset, 1 << 20)) {
        parseRun(run).forEach((document, i) => {
          if (run.first + i < start) return;
          const { key, value } = stateChangeOf(document);
          if (value === null) values.delete(key);
          else values.set(key, value);
        });
        offset = run.first + run.count;
      }
    }
    all.set(task, values);
  }
  return all;
}

function stored(head: EmbeddedHead, task: string): Map<string, string> {
  const values = head.readState(task, "s", KEYS);
  return new Map(KEYS.flatMap((key, i) => (values[i] === undefined ? [] : [[key, values[i]] as const])));
}

it("says from its start on what the values are, through restarts, and stays short", async () => {
  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.array(fc.tuple(fc.nat(KEYS.length - 1), fc.option(fc.nat(99))), {
        minLength: 1,
        maxLength: 6,
      }),
    },
    { weight: 1, arbitrary: fc.constant("restart" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const path = join(directory(), "head");
      let head = new EmbeddedHead(path, undefined, undefined, LEAST);
      let { fence } = head.openTask("t");
      let start = 0;
      /** Since a sweep has ended: each restart may have lost one. */
      let restarts = 0;
      for (const s of steps) {
        if (s === "restart") {
          restarts++;
          await head.close();
          head = new EmbeddedHead(path, undefined, undefined, LEAST);
          fence = head.openTask("t").fence;
          continue;
        }
        // Two transactions of one group: the second sees what the first has stored.
        const halves = [s.slice(0, 3), s.slice(3)].filter(({ length }) => length > 0);
        head.commit(
          halves.map((half) => ({
            task: "t",
            fence,
            appends: [],
            state: [...new Map(half)].map(([key, value]) => change(KEYS[key] ?? "", value)),
          })),
        );
        expect(replayed(head).get(1)).toEqual(stored(head, "t"));
        const log = head.survey().journals.find(({ collection }) => loggedTask(collection) === 1);
        const length = (log?.next ?? 0) - (log?.start ?? 0);
        if (log && log.start > start) {
          start = log.start;
          restarts = 0;
        }
        // Grown to four times its values, or to the least; then a sweep of all keys, beside the changes that pace it, and
        // those that were not gone through with.
        expect(length).toBeLessThan(Math.max(LEAST, 4 * KEYS.length) + (3 + 2 * restarts) * KEYS.length);
      }
      await head.close();
    }),
    { numRuns: 30 },
  );
}, 120_000);

it("is made of what was stored before there were logs, when such a head is opened", async () => {
  const path = join(directory(), "head");
  const before = new EmbeddedHead(path);
  for (const task of ["t", "u"]) {
    const { fence } = before.openTask(task);
    const state = KEYS.map((key, i) => change(key, task === "t" ? i : 100 + i));
    before.commit([{ task, fence, appends: [], state }]);
  }
  const values = { t: stored(before, "t"), u: stored(before, "u") };
  await before.close();
  // As the version before left it: values, and neither logs nor the note.
  const tables = new HeadTables(path);
  tables.transact(() => {
    tables.notes.removeSync(STATE_LOGGED);
    for (const { key, value } of tables.journals.getAll()) {
      const { collection } = openJson(`journal ${key}`, value) as { collection: string };
      tables.batches.remove(tables.batches.below(key, Number.MAX_SAFE_INTEGER, 1_000));
      if (loggedTask(collection) !== undefined) tables.journals.removeSync(key);
    }
  });
  await tables.close();
  const head = new EmbeddedHead(path);
  expect(stored(head, "t")).toEqual(values.t);
  expect([...replayed(head).values()]).toEqual([values.t, values.u]);
  await head.close();
});
