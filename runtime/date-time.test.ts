import fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import { isPlainDateTime, ZOD_DATE_TIME } from "./date-time.ts";

const pattern = new RegExp(ZOD_DATE_TIME, "u");

it("has the pattern that zod gives", () => {
  expect(z.toJSONSchema(z.iso.datetime()).pattern).toBe(ZOD_DATE_TIME);
});

it("of every day that there may be, says what the pattern says, but for leap days", () => {
  const two = (n: number) => String(n).padStart(2, "0");
  for (const year of ["0000", "1900", "2000", "2023", "9999"]) {
    for (let month = 0; month <= 19; month++) {
      for (let day = 0; day <= 39; day++) {
        const text = `${year}-${two(month)}-${two(day)}T00:00:00Z`;
        expect([text, isPlainDateTime(text)]).toEqual([
          text,
          pattern.test(text) && !text.includes("-02-29T"),
        ]);
      }
    }
  }
});

it("says what the pattern says of texts that are nearly date-times, but for leap days", () => {
  const time = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true });
  const fraction = fc.constantFrom("", ".5", ".000", ".123456789123456789");
  const plain = fc.tuple(time, fraction).map(([date, part]) => `${date.toISOString().slice(0, 19)}${part}Z`);
  const near = fc
    .tuple(plain, fc.nat(40), fc.constantFrom(..."0123456789-:.TZtz+ /;é"), fc.nat(1))
    .map(([text, at, other, without]) => text.slice(0, at) + other + text.slice(at + without));
  fc.assert(
    fc.property(plain, fc.oneof(near, fc.string()), (text, other) => {
      expect(isPlainDateTime(text)).toBe(!text.includes("-02-29T"));
      expect(isPlainDateTime(other)).toBe(pattern.test(other) && !other.includes("-02-29T"));
    }),
    { numRuns: 20_000 },
  );
});
