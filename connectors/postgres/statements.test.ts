import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { CollectionPlan, JsonSchema, ReduceStrategy } from "../../plan/plan.ts";
import { planColumns } from "./columns.ts";
import { reductionsInSql } from "./reductions.ts";
import { applyChanges, createBatch, createTable, loadRows } from "./statements.ts";

const name = { schema: "public", table: "customer_spend" };
const collection = (
  fields: z.ZodRawShape,
  reduce: Record<string, ReduceStrategy>,
  key = ["customer"],
): CollectionPlan => ({
  // Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON.
  schema: z.toJSONSchema(z.object({ customer: z.string(), ...fields })) as JsonSchema,
  key,
  reduce,
});
const spend = collection(
  { cents: z.int(), top: z.string().optional(), note: z.string().optional(), at: z.iso.datetime() },
  { cents: "sum", top: "max", at: "max" },
);
const columns = planColumns(spend);
const reductions = reductionsInSql(spend, columns);

describe("statements", () => {
  it("create the table and the batch", () => {
    expect(createTable(name, columns)).toMatchInlineSnapshot(`
      "CREATE TABLE "public"."customer_spend" (
        "customer" text COLLATE "C" NOT NULL,
        "cents" bigint NOT NULL,
        "top" text,
        "note" text,
        "at" timestamp with time zone NOT NULL,
        PRIMARY KEY ("customer")
      )"
    `);
    expect(createBatch(columns)).toMatchInlineSnapshot(`
      "CREATE TEMPORARY TABLE weir_batch (
        weir_op text DEFAULT 'put',
        "customer" text,
        "cents" bigint,
        "top" text,
        "note" text,
        "at" timestamp with time zone
      ) ON COMMIT DELETE ROWS"
    `);
  });
  it("apply changes from arrays, each op only if it occurs", () => {
    expect(
      applyChanges(name, columns, reductions, "arrays", new Set(["add", "put", "remove"])),
    ).toMatchInlineSnapshot(`
      "WITH checkpoint AS (
        UPDATE "public"."weir_checkpoints" SET position = $4, updated_at = now()
        WHERE task = $1 AND fence = $2 AND position IS NOT DISTINCT FROM $3 RETURNING 1
      ), source AS (
        SELECT * FROM unnest($5::text[], $6::text[], $7::bigint[], $8::text[], $9::text[], $10::timestamp with time zone[]) AS s (weir_op, "customer", "cents", "top", "note", "at")
      ), removed AS (
        DELETE FROM "public"."customer_spend" AS t USING source AS s WHERE s.weir_op = 'remove' AND t."customer" = s."customer" AND EXISTS (SELECT FROM checkpoint)
      ), put AS (
        INSERT INTO "public"."customer_spend" AS t ("customer", "cents", "top", "note", "at")
        SELECT "customer", "cents", "top", "note", "at" FROM source AS s WHERE s.weir_op = 'put' AND EXISTS (SELECT FROM checkpoint)
        ON CONFLICT ("customer") DO UPDATE SET
          "cents" = excluded."cents",
          "top" = excluded."top",
          "note" = excluded."note",
          "at" = excluded."at"
      ), added AS (
        INSERT INTO "public"."customer_spend" AS t ("customer", "cents", "top", "note", "at")
        SELECT "customer", "cents", "top", "note", "at" FROM source AS s WHERE s.weir_op = 'add' AND EXISTS (SELECT FROM checkpoint)
        ON CONFLICT ("customer") DO UPDATE SET
          "cents" = CASE WHEN t."cents" + excluded."cents" BETWEEN -9007199254740991 AND 9007199254740991 THEN t."cents" + excluded."cents" ELSE ('weir-sum-overflow cents ' || jsonb_build_array(t."customer")::text)::bigint END,
          "top" = greatest(t."top" COLLATE "C", excluded."top" COLLATE "C"),
          "note" = excluded."note",
          "at" = greatest(t."at", excluded."at")
      )
      SELECT count(*)::int AS moved FROM checkpoint"
    `);
    expect(applyChanges(name, columns, reductions, "arrays", new Set())).toMatchInlineSnapshot(`
      "WITH checkpoint AS (
        UPDATE "public"."weir_checkpoints" SET position = $4, updated_at = now()
        WHERE task = $1 AND fence = $2 AND position IS NOT DISTINCT FROM $3 RETURNING 1
      )
      SELECT count(*)::int AS moved FROM checkpoint"
    `);
  });
  it("apply changes from the batch", () => {
    expect(applyChanges(name, columns, undefined, "batch", new Set(["put"]))).toMatchInlineSnapshot(`
      "WITH checkpoint AS (
        UPDATE "public"."weir_checkpoints" SET position = $4, updated_at = now()
        WHERE task = $1 AND fence = $2 AND position IS NOT DISTINCT FROM $3 RETURNING 1
      ), put AS (
        INSERT INTO "public"."customer_spend" AS t ("customer", "cents", "top", "note", "at")
        SELECT "customer", "cents", "top", "note", "at" FROM pg_temp.weir_batch AS s WHERE s.weir_op = 'put' AND EXISTS (SELECT FROM checkpoint)
        ON CONFLICT ("customer") DO UPDATE SET
          "cents" = excluded."cents",
          "top" = excluded."top",
          "note" = excluded."note",
          "at" = excluded."at"
      )
      SELECT count(*)::int AS moved FROM checkpoint"
    `);
  });
  it("load rows by key", () => {
    expect(loadRows(name, columns)).toMatchInlineSnapshot(`
      "SELECT k.place, t."customer", t."cents", t."top", t."note", t."at"
      FROM unnest($1::text[]) WITH ORDINALITY AS k (k0, place)
      JOIN "public"."customer_spend" AS t ON t."customer" = k.k0"
    `);
  });
  it("quote whatever a name holds", () => {
    const odd = collection({ 'a"b': z.int() }, { 'a"b': "sum" });
    const oddColumns = planColumns(odd);
    expect(
      applyChanges(name, oddColumns, reductionsInSql(odd, oddColumns), "batch", new Set(["add"])),
    ).toContain(`t."a""b" + excluded."a""b" BETWEEN`);
  });
});

describe("reductionsInSql", () => {
  const sql = (field: z.ZodType, strategy: ReduceStrategy) => {
    const plan = collection({ v: field }, { v: strategy });
    return reductionsInSql(plan, planColumns(plan))?.get("v");
  };
  it("writes a strategy as SQL where that is exact", () => {
    expect(sql(z.number(), "sum")).toBe('t."v" + excluded."v"');
    expect(sql(z.number().optional(), "sum")).toBe(
      'CASE WHEN t."v" IS NULL THEN excluded."v" WHEN excluded."v" IS NULL THEN t."v" ELSE t."v" + excluded."v" END',
    );
    expect(sql(z.string(), "min")).toBe('least(t."v" COLLATE "C", excluded."v" COLLATE "C")');
    expect(sql(z.iso.date().nullish(), "max")).toBe('greatest(t."v", excluded."v")');
    expect(sql(z.string(), "first")).toBe('t."v"');
    expect(sql(z.array(z.int()).optional(), "first")).toBe('coalesce(t."v", excluded."v")');
    expect(sql(z.string().optional(), "last")).toBe('coalesce(excluded."v", t."v")');
    expect(sql(z.string().nullable(), "last")).toBe('excluded."v"');
    expect(sql(z.string(), { sum: "decimal" })).toBe('t."v" + excluded."v"');
    expect(sql(z.string(), { sum: "int64" })).toContain(
      't."v"::numeric + excluded."v" BETWEEN -9223372036854775808',
    );
    expect(sql(z.array(z.int()), "append")).toBe('t."v" || excluded."v"');
    expect(sql(z.array(z.int()).optional(), "append")).toBe(
      'coalesce(t."v" || excluded."v", excluded."v", t."v")',
    );
  });
  it("leaves to the runtime what SQL would get wrong", () => {
    expect(sql(z.string().nullish(), "last")).toBeUndefined();
    expect(sql(z.union([z.string(), z.int()]), "max")).toBeUndefined();
    expect(sql(z.array(z.int()).nullable(), "append")).toBeUndefined();
    expect(sql(z.object({ add: z.array(z.string()) }), "set")).toBeUndefined();
    expect(sql(z.object({ a: z.int() }), "merge")).toBeUndefined();
    expect(sql(z.array(z.object({ a: z.int() })), { merge: { key: ["a"] } })).toBeUndefined();
    const nested = collection({ stats: z.object({ n: z.int() }) }, { "stats.n": "sum" });
    expect(reductionsInSql(nested, planColumns(nested))).toBeUndefined();
  });
});
