import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { JsonSchema } from "../../plan/plan.ts";
import { reduceComplaint } from "./reduction.ts";

const item = z.object({
  sku: z.string(),
  n: z.int().optional(),
  x: z.number(),
  place: z.object({ row: z.int() }),
});
const schema = z.toJSONSchema(
  z.object({
    n: z.int().nullable(),
    text: z.string().optional(),
    list: z.array(z.string()).nullish(),
    items: z.array(item).optional(),
    mixed: z.array(z.union([item, z.string()])),
    set: z
      .object({ add: z.array(z.union([z.string(), z.int()])).optional(), remove: z.array(z.string()) })
      .nullish(),
    things: z.object({ add: z.array(item) }),
    more: z.object({ add: z.array(z.string()), note: z.string() }),
    none: z.object({ remove: z.array(z.string()) }),
    either: z.union([z.string(), z.int()]),
    inside: z.object({ set: z.object({ add: z.array(z.boolean()) }) }).optional(),
  }),
  // Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON.
) as JsonSchema;
const byKey = (...key: string[]) => ({ merge: { key } });

describe("reduceComplaint", () => {
  it.each<[string, unknown]>([
    ["n", "sum"],
    ["text", { sum: "decimal" }],
    ["text", { sum: "int64" }],
    ["list", "append"],
    ["items", "append"],
    ["items", byKey("sku", "place.row")],
    ["set", "set"],
    ["inside.set", "set"],
    ["more", "merge"],
    ["either", "last"],
  ])("takes %s: %j", (path, strategy) => {
    expect(reduceComplaint(schema, path, strategy)).toBeUndefined();
  });
  it.each<[string, unknown, string]>([
    ["n", "add", "add is no strategy"],
    ["n", { sum: "float" }, '{"sum":"float"} is no strategy'],
    ["n", { sum: "decimal", merge: {} }, "is no strategy"],
    ["items", { merge: {} }, "is no strategy"],
    ["m", "sum", "the schema has no such field"],
    ["n", { sum: "decimal" }, '{"sum":"decimal"} needs strings of digits, and the field is of type'],
    ["text", "append", "append needs arrays, and the field is of type string"],
    ["either", "max", "max needs numbers or strings"],
    ["list", "merge", "merge of arrays needs to know which elements belong together"],
    ["text", "merge", "merge needs objects"],
    ["list", byKey("sku"), "needs arrays of objects, and the elements may be something else"],
    ["mixed", byKey("sku"), "the elements may be something else"],
    ["more", byKey("sku"), "needs arrays of objects, and the field is of type object"],
    ["items", byKey(), "merge has an empty key"],
    ["items", byKey("sku", "n"), "merge by n needs a required string, integer or boolean"],
    ["items", byKey("x"), "merge by x needs"],
    ["list", "set", "set needs { add, remove }, and the field is of type"],
    ["more", "set", "the field also has note"],
    ["none", "set", "the field has no add"],
    ["things", "set", "things.add is none"],
  ])("refuses %s: %j", (path, strategy, what) => {
    const complaint = reduceComplaint(schema, path, strategy);
    expect(complaint?.what).toContain(what);
    expect(complaint?.fix).toMatch(/^[A-Z].*\.$/);
  });
});
