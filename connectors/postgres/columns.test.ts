import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, JsonSchema, ReduceStrategy } from "../../plan/plan.ts";
import { HaltError } from "../driver.ts";
import { planColumns } from "./columns.ts";

const collection = (
  schema: z.ZodType,
  key: string[],
  reduce: Record<string, ReduceStrategy> = {},
): CollectionPlan => ({
  // Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON.
  schema: z.toJSONSchema(schema) as JsonSchema,
  key,
  reduce,
});

describe("planColumns", () => {
  it("gives each field a column of the type that holds it", () => {
    const { all, key } = planColumns(
      collection(
        z.object({
          id: z.string(),
          at: z.iso.datetime(),
          day: z.iso.date().optional(),
          ref: z.uuid(),
          n: z.int(),
          x: z.number().nullable(),
          ok: z.boolean(),
          kind: z.enum(["a", "b"]).optional(),
          list: z.array(z.int()).nullable(),
          either: z.union([z.string(), z.int()]),
          address: z.object({ city: z.string() }),
        }),
        ["address.city", "id"],
      ),
    );
    expect(all.map((c) => `${c.name} ${c.type}${c.notNull ? " NOT NULL" : ""}`)).toEqual([
      "id text NOT NULL",
      "at timestamp with time zone NOT NULL",
      "day date",
      "ref uuid NOT NULL",
      "n bigint NOT NULL",
      "x double precision",
      "ok boolean NOT NULL",
      "kind text",
      "list jsonb NOT NULL",
      "either jsonb NOT NULL",
      "address jsonb NOT NULL",
      "address_city text NOT NULL",
    ]);
    expect(key.map((c) => c.name)).toEqual(["address_city", "id"]);
  });

  it("keeps the text of date-times and UUIDs where their identity or order matters", () => {
    const schema = z.object({ at: z.iso.datetime(), id: z.uuid(), least: z.uuid() });
    const { all } = planColumns(collection(schema, ["at", "id"], { least: "min" }));
    expect(all.map((c) => c.type)).toEqual(["text", "text", "text"]);
  });

  it("refuses what a table cannot hold", () => {
    const refuse = (
      schema: z.ZodType,
      key: string[],
      reduce: Record<string, ReduceStrategy>,
      message: string,
    ) => {
      const plan = () => planColumns(collection(schema, key, reduce));
      expect(plan).toThrow(HaltError);
      expect(plan).toThrow(message);
    };
    const long = "n".repeat(64);
    refuse(
      z.object({ id: z.string(), [long]: z.int() }),
      ["id"],
      {},
      "a name of 64 bytes, and Postgres takes 63",
    );
    refuse(
      z.object({ a: z.object({ b: z.string() }), a_b: z.int() }),
      ["a.b"],
      {},
      'would both be the column "a_b"',
    );
    refuse(z.object({ id: z.string().optional() }), ["id"], {}, "must be a required string");
    refuse(z.object({ id: z.string(), weir_op: z.int() }), ["id"], {}, "a name of Weir's own");
    refuse(
      z.object({ id: z.string(), n: z.int().nullish() }),
      ["id"],
      { n: "first" },
      "may be null and may be missing",
    );
  });
});
