import { expect, it } from "vitest";
import { WorkCell } from "./work-cell.ts";

it("tells another thread which document a function has, and nothing once it has returned", () => {
  const cell = new WorkCell();
  const seen = new WorkCell(cell.buffer);
  expect(seen.look()).toBeUndefined();
  const place = { collection: "shop/é", journal: "shop/é/p=01#abc", offset: 2 ** 40 + 2 ** 31 + 7 };
  cell.enter('The transform of "x"', place);
  const first = seen.look();
  expect(first).toEqual({ step: first?.step, title: 'The transform of "x"', place });
  cell.leave();
  expect(seen.look()).toBeUndefined();
  cell.enter('The handler "b" of "x"', { ...place, offset: 0 });
  const second = seen.look();
  expect(second).toMatchObject({ title: 'The handler "b" of "x"', place: { ...place, offset: 0 } });
  expect(second?.step).not.toBe(first?.step);
  cell.leave();
  cell.enter('The handler "b" of "x"', { ...place, journal: "other" });
  expect(seen.look()?.place.journal).toBe("other");
});

it("cuts texts that have no room", () => {
  const cell = new WorkCell();
  cell.enter("t", { collection: "c", journal: "j".repeat(20_000), offset: 1 });
  const look = cell.look();
  expect(look).toMatchObject({ title: "t", place: { collection: "c", offset: 1 } });
  expect(look?.place.journal).toMatch(/^j{8000,}$/);
});
