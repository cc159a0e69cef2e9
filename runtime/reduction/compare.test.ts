import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareCodePoints, compareScalars } from "./compare.ts";
import { compareInstants } from "./instant.ts";

describe("compareCodePoints", () => {
  it("is the order of the UTF-8 bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });
  it("puts U+1F600 after U+FFFD, which UTF-16 units do not", () => {
    expect("\u{1f600}" < "\ufffd").toBe(true);
    expect(compareCodePoints("\u{1f600}", "\ufffd")).toBeGreaterThan(0);
  });
});

describe("compareScalars", () => {
  it("orders booleans, numbers, strings", () => {
    const sorted = [false, true, -1, 0, 2, 10, "", "10", "2"];
    expect(sorted.toReversed().sort(compareScalars)).toEqual(sorted);
  });
});

describe("compareInstants", () => {
  it("knows fractions and offsets", () => {
    expect(compareInstants("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z")).toBeLessThan(0);
    expect(compareInstants("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:01Z")).toBeLessThan(0);
    expect(compareInstants("2026-01-01T00:00Z", "2025-12-31T23:59:59.999999999Z")).toBeGreaterThan(0);
    expect(compareInstants("0001-01-01T00:00:00Z", "1901-01-01T00:00:00+00:00")).toBeLessThan(0);
  });
  it("is total: 0 for equal text only", () => {
    expect(compareInstants("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.0Z")).not.toBe(0);
    expect(compareInstants("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")).toBe(0);
    expect(compareInstants("not a date", "2026-01-01T00:00:00Z")).toBeGreaterThan(0);
  });
  it("agrees with Date for what Date can hold", () => {
    const instant = fc
      .tuple(
        fc.date({ noInvalidDate: true, min: new Date("0001-01-02"), max: new Date("9999-12-30") }),
        fc.integer({ min: -719, max: 719 }),
      )
      .map(([date, minutes]) => ({ date, text: withOffset(date, minutes) }));
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        const byDate = Math.sign(a.date.getTime() - b.date.getTime());
        if (byDate !== 0) expect(Math.sign(compareInstants(a.text, b.text))).toBe(byDate);
      }),
      { numRuns: 1000 },
    );
  });
});

function withOffset(date: Date, minutes: number): string {
  if (minutes === 0) return date.toISOString();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
  const at = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${local}${minutes < 0 ? "-" : "+"}${two(Math.floor(at / 60))}:${two(at % 60)}`;
}
