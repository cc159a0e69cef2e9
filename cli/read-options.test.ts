import { expect, it } from "vitest";
import { parseFrom, parseLimit } from "./read-options.ts";

it("--from is an offset or a time", () => {
  expect(parseFrom("1200")).toEqual({ offset: 1200 });
  expect(parseFrom("2026-11-23T08:00:00Z")).toEqual({ time: 1_795_420_800_000_000 });
  expect(() => parseFrom("yesterday")).toThrow(/offset such as 1200, or an ISO 8601 time/);
});

it("--limit is a whole number from 1 on", () => {
  expect(parseLimit("3")).toBe(3);
  for (const text of ["0", "-1", "1.5", "many"]) expect(() => parseLimit(text)).toThrow(/whole number/);
});
