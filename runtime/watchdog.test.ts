import { expect, it } from "vitest";
import { WorkCell } from "./task/work-cell.ts";
import { LOOK_MS, Watchdog } from "./watchdog.ts";

const place = { collection: "c", journal: "c/p=00#1", offset: 3 };

function watched(seconds: number) {
  const cell = new WorkCell();
  return { cell, watchdog: new Watchdog(new WorkCell(cell.buffer), seconds) };
}

it("names the call that lasts, once it has lasted that long", () => {
  const { cell, watchdog } = watched((3 * LOOK_MS) / 1000);
  cell.enter("f", place);
  expect([1, 2, 3].map(() => watchdog.look())).toEqual([undefined, undefined, undefined]);
  expect(watchdog.look()).toMatchObject({ title: "f", place });
});

it("begins anew with each call, also of the same document, and waits for nothing between two of them", () => {
  const { cell, watchdog } = watched((2 * LOOK_MS) / 1000);
  for (let i = 0; i < 5; i++) {
    cell.enter("f", place);
    expect(watchdog.look()).toBeUndefined();
    expect(watchdog.look()).toBeUndefined();
    cell.leave();
  }
  for (let i = 0; i < 5; i++) expect(watchdog.look()).toBeUndefined();
});
