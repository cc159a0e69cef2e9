import fc from "fast-check";
import { expect, test } from "vitest";
import { instantMilliseconds } from "./instant.ts";

test.for([
  ["1970-01-01", 0],
  ["2026-01-01", 1_767_225_600_000],
  ["2026-01-01T00:00:00Z", 1_767_225_600_000],
  ["2026-01-01T01:00:00+01:00", 1_767_225_600_000],
  ["2025-12-31T19:30:00-04:30", 1_767_225_600_000],
  ["2026-01-01T00:00:00.25Z", 1_767_225_600_250],
  ["2026-01-01T00:00:00.250999Z", 1_767_225_600_250],
  ["2024-02-29", 1_709_164_800_000],
] as const)("%s", ([instant, ms]) => {
  expect(instantMilliseconds(instant)).toBe(ms);
});

test.for([
  "",
  "2026",
  "2026-01",
  "2026-1-1",
  "2026-02-29",
  "2026-02-30T00:00:00Z",
  "2026-00-10",
  "2026-13-10",
  "2026-01-01T00:00Z",
  "2026-01-01T00:00:00",
  "2026-01-01 00:00:00Z",
  "2026-01-01T25:00:00Z",
  "2026-01-01T00:60:00Z",
  "2026-01-01T00:00:00+0100",
  "+002026-01-01",
  "2026-01-01\n",
])("%j is none", (text) => {
  expect(instantMilliseconds(text)).toBeUndefined();
});

test("every time that a Date writes, and its day", () => {
  // RFC 3339 has years of four digits.
  const dates = fc.date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(dates, (date) => {
      const text = date.toISOString();
      expect(instantMilliseconds(text)).toBe(date.getTime());
      expect(instantMilliseconds(text.slice(0, 10))).toBe(
        Math.floor(date.getTime() / 86_400_000) * 86_400_000,
      );
    }),
  );
});
