import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fieldAt, fieldsOf } from "./field-schema.ts";
import type { JsonSchema } from "./plan.ts";

// Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON.
const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema) as JsonSchema;

describe("fieldsOf", () => {
  it("tells types, format and requiredness as Zod writes them", () => {
    const fields = fieldsOf(
      jsonSchema(
        z.object({
          id: z.uuid(),
          n: z.int(),
          x: z.number().optional(),
          at: z.iso.datetime().nullable(),
          kind: z.enum(["a", "b"]),
          one: z.literal(1),
          any: z.union([z.string(), z.int()]),
          mixed: z.union([z.int(), z.number()]),
          list: z.array(z.string()),
          inner: z.object({ a: z.string() }),
        }),
      ),
    );
    const shown = [...fields].map(([name, f]) => [name, [...f.types].sort(), f.format, f.required]);
    expect(shown).toEqual([
      ["id", ["string"], "uuid", true],
      ["n", ["integer"], undefined, true],
      ["x", ["number"], undefined, false],
      ["at", ["null", "string"], "date-time", true],
      ["kind", ["string"], undefined, true],
      ["one", ["integer"], undefined, true],
      ["any", ["integer", "string"], undefined, true],
      ["mixed", ["number"], undefined, true],
      ["list", ["array"], undefined, true],
      ["inner", ["object"], undefined, true],
    ]);
  });

  it("takes every branch of a union, and requires what all of them require", () => {
    const fields = fieldsOf(
      jsonSchema(
        z.discriminatedUnion("kind", [
          z.object({ kind: z.literal("a"), id: z.string(), n: z.int() }),
          z.object({ kind: z.literal("b"), id: z.string(), x: z.number() }),
        ]),
      ),
    );
    expect([...fields].map(([name, f]) => [name, f.required])).toEqual([
      ["kind", true],
      ["id", true],
      ["n", false],
      ["x", false],
    ]);
  });

  it("follows $ref and allOf", () => {
    const schema: JsonSchema = {
      type: "object",
      properties: { a: { $ref: "#/$defs/text" }, b: { allOf: [{ type: "number" }, { type: "integer" }] } },
      $defs: { text: { type: "string", format: "date" } },
    };
    expect(fieldAt(schema, "a")).toEqual({ types: new Set(["string"]), format: "date", required: false });
    expect(fieldAt(schema, "b")?.types).toEqual(new Set(["integer"]));
  });
});

describe("fieldAt", () => {
  const schema = jsonSchema(
    z.object({ address: z.object({ city: z.string() }), extra: z.object({ n: z.int() }).optional() }),
  );
  it("reaches nested fields, required only if all above them are", () => {
    expect(fieldAt(schema, "address.city")?.required).toBe(true);
    expect(fieldAt(schema, "extra.n")?.required).toBe(false);
    expect(fieldAt(schema, "address.street")).toBeUndefined();
  });
});
