import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import type { TaskStatus } from "../runtime/task-status.ts";
import { cut, duration, number, renderStatus } from "./render-status.ts";

const task: TaskStatus = {
  name: "postgres:customer_spend",
  kind: "materialization",
  state: "running",
  position: 1_200_000,
  documents: 1_200_000,
  documentsBehind: 800_000,
  secondsBehind: 12,
  rate: 100_000,
  backfill: { percent: 60, etaSeconds: 8 },
  lastError: null,
  restarts: 0,
  shards: { running: 1, of: 1 },
};

it("shows each task's state, lag, rate, back-fill and ETA, then errors, collections and the store", () => {
  const text = renderStatus({
    running: true,
    pid: 7,
    tasks: [
      task,
      {
        ...task,
        name: "redis:spend:{customer}",
        state: "halted",
        lastError: "No room.",
        backfill: null,
        documentsBehind: 0,
      },
    ],
    collections: [{ name: "shop/orders", folder: "shop/orders", documents: 2_000_000, notInStore: 5 }],
    deadLetters: [
      { task: "shop/spend", letters: 1 },
      { task: "shop/routes", letters: 1_200 },
    ],
    rebuild: { names: ["shop/spend", "postgres:spend"], stuck: "postgres:spend~2 has halted" },
    store: {
      location: "the directory /data/store",
      lastError: null,
      restorableTo: "2026-11-23T08:00:00.000000Z",
    },
  });
  expect(stripVTControlCharacters(text)).toBe(`running (process 7)

task                     kind             state    documents  behind   age   rate       history
postgres:customer_spend  materialization  running  1,200,000  800,000  12 s  100,000/s  60 %, 8 s left
redis:spend:{customer}   materialization  halted   1,200,000  0              100,000/s

halted redis:spend:{customer}: No room.

collection   documents  lost with the disk
shop/orders  2,000,000  5

shop/spend: 1 dead letter (weir deadletters list shop/spend)
shop/routes: 1,200 dead letters (weir deadletters list shop/routes)

made again, beside what goes on serving: shop/spend, postgres:spend
  postgres:spend~2 has halted

store: the directory /data/store
the store alone would bring back 2026-11-23T08:00:00.000000Z
`);
});

it("cuts lines to a terminal's width, where it is known", () => {
  expect(cut("abcdef", 4)).toBe("abc…");
  expect(cut("\u001b[2mabcd\u001b[22m", 4)).toBe("\u001b[2mabcd\u001b[22m");
  expect(cut("abcdef", 0)).toBe("abcdef");
  expect(cut("abcdef", undefined)).toBe("abcdef");
});

it("says durations as people do", () => {
  expect([5, 65, 3_700].map(duration)).toEqual(["5 s", "1 min 5 s", "1 h 1 min"]);
});

it("tells how many shards run where there are several", () => {
  const text = renderStatus({
    running: true,
    tasks: [{ ...task, kind: "derivation", state: "halted", shards: { running: 3, of: 4 } }],
    collections: [],
    deadLetters: [],
    rebuild: null,
    store: { location: "directory store", lastError: null, restorableTo: null },
  });
  expect(stripVTControlCharacters(text)).toContain("halted (3 of 4 shards)");
});

it.each([
  [0, "0"],
  [999, "999"],
  [1_000, "1,000"],
  [-12_345, "-12,345"],
  [123_456_789, "123,456,789"],
])("groups the digits of %d", (value, text) => {
  expect(number(value)).toBe(text);
});
