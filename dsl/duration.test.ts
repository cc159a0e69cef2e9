import fc from "fast-check";
import { expect, test } from "vitest";
import { milliseconds } from "./duration.ts";

test.for([
  ["0ms", 0],
  ["500ms", 500],
  ["90s", 90_000],
  ["10m", 600_000],
  ["36h", 129_600_000],
  ["7d", 604_800_000],
  ["007s", 7000],
] as const)("%s", ([duration, ms]) => {
  expect(milliseconds(duration)).toBe(ms);
});

test.for([
  "",
  "10",
  "m",
  "10 m",
  " 10m",
  "10m\n",
  "1.5h",
  "-1s",
  "+1s",
  "1e3s",
  "10M",
  "10min",
  "1h30m",
  "9007199254740992ms",
])("%j is none", (text) => {
  expect(milliseconds(text)).toBeUndefined();
});

test("a larger unit is so many of the smaller", () => {
  fc.assert(
    fc.property(fc.nat(), (n) => {
      expect(milliseconds(`${n}d`)).toBe(milliseconds(`${n * 24}h`));
      expect(milliseconds(`${n}h`)).toBe(milliseconds(`${n * 60}m`));
      expect(milliseconds(`${n}m`)).toBe(milliseconds(`${n * 60}s`));
      expect(milliseconds(`${n}s`)).toBe(milliseconds(`${n * 1000}ms`));
    }),
  );
});
