import { fullFormats } from "ajv-formats/dist/formats.js";
import fc from "fast-check";
import { expect, it } from "vitest";
import { z } from "zod";
import type { JsonSchema } from "../plan/plan.ts";
import { ZOD_DATE_TIME } from "./date-time.ts";
import { compileValidator } from "./validation.ts";

/** As the package has it, in full. */
const { validate: isDateTime } = fullFormats["date-time"] as { validate: (text: string) => boolean };

it("of every text, what is a date-time is what the format's package says", () => {
  const validate = compileValidator({ type: "string", format: "date-time" });
  const validateZod = compileValidator(z.toJSONSchema(z.iso.datetime()) as JsonSchema);
  const pattern = new RegExp(ZOD_DATE_TIME, "u");
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
      expect(validateZod(text) === undefined).toBe(isDateTime(text) && pattern.test(text));
    }),
    { numRuns: 20_000 },
  );
});

it("names the first rule that a document breaks", () => {
  const validate = compileValidator({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { id: { type: "integer" }, at: { type: "string", format: "date-time" } },
    required: ["id"],
    additionalProperties: false,
  });
  expect(validate({ id: 1, at: "2026-01-01T00:00:00Z" })).toBeUndefined();
  expect(validate({ id: 1.5 })).toEqual({ path: "/id", rule: "must be integer" });
  expect(validate({})).toEqual({ path: "/id", rule: "is required and is missing" });
  expect(validate({ id: 1, at: "noon" })).toEqual({ path: "/at", rule: 'must match format "date-time"' });
  expect(validate({ id: 1, more: 1 })).toEqual({ path: "/more", rule: "is not a field of the schema" });
  expect(validate({ id: 1, _meta: {} })?.path).toBe("/_meta");
});

it("takes a schema that speaks of schemas", () => {
  const validate = compileValidator({
    type: "object",
    properties: { form: { $ref: "https://json-schema.org/draft/2020-12/schema" } },
  });
  expect(validate({ form: { type: "string" } })).toBeUndefined();
  expect(validate({ form: { type: "text" } })?.path).toBe("/form/type");
});

it.each([
  { type: "text" },
  { properties: { id: { minLength: "1" } } },
  { properties: { id: { pattern: "(" } } },
  { required: "id" },
  { enum: [] },
  { $ref: "#/$defs/Missing" },
])("refuses what is no schema: %j", (schema) => {
  expect(() => compileValidator(schema)).toThrow();
});
