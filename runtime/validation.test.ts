import { fullFormats } from "ajv-formats/dist/formats.js";
import fc from "fast-check";
import { expect, it } from "vitest";
import { compileValidator } from "./validation.ts";

/** As the package has it, in full. */
const { validate: isDateTime } = fullFormats["date-time"] as { validate: (text: string) => boolean };

it("of every text, what is a date-time is what the format's package says", () => {
  const validate = compileValidator({ type: "string", format: "date-time" });
  const two = (least: number, most: number) =>
    fc.integer({ min: least, max: most }).map((n) => String(n).padStart(2, "0"));
  const near = fc
    .tuple(
      ...[fc.constantFrom("2000", "1900", "2023", "20", "02024"), two(0, 13), two(0, 32), two(0, 24)],
      ...[two(0, 60), two(0, 61), fc.constantFrom("", ".5", ".123456789", ".")],
      ...[fc.constantFrom("Z", "z", "", "+05:30", "-23:59", "+24:00"), fc.constantFrom("T", "t", " ", "")],
    )
    .map(([year, month, day, hour, minute, second, fraction, zone, between]) => {
      return `${year}-${month}-${day}${between}${hour}:${minute}:${second}${fraction}${zone}`;
    });
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (text) => {
      expect(validate(text) === undefined).toBe(isDateTime(text));
    }),
    { numRuns: 20_000 },
  );
});
