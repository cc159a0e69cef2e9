import {
  bigint,
  bigserial,
  integer,
  numeric,
  pgSchema,
  pgTable,
  primaryKey,
  text,
  timestamp,
  varchar,
} from "drizzle-orm/pg-core";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { collectionOf } from "../fixtures/target.ts";
import { targetMisfits } from "./fit.ts";
import { pg } from "./index.ts";

const url = "postgres://localhost/weir";
const orders = collectionOf(
  z.object({
    id: z.string(),
    no: z.int(),
    at: z.iso.datetime(),
    cents: z.int().optional(),
    kind: z.string().max(10),
  }),
  ["id", "no"],
);
const columns = {
  id: varchar("order_id").notNull(),
  no: integer("no").notNull(),
  at: timestamp("placed_at", { withTimezone: true }).notNull(),
  cents: bigint({ mode: "number" }),
  kind: varchar("kind", { length: 10 }).notNull(),
  serial: bigserial("serial", { mode: "bigint" }),
};
/** What types cannot see is seen at the value. */
const misfits = (table: unknown, more: object = {}) => {
  const { config, mode } = (pg as (options: object) => ReturnType<typeof pg>)({ url, table, ...more });
  return targetMisfits(orders, JSON.parse(JSON.stringify(config)), mode ?? "standard").map(
    ({ at, message }) => [at.join("."), message],
  );
};

describe("a table that is declared with Drizzle", () => {
  it("becomes plain JSON: names, types and the primary key", () => {
    const table = pgSchema("shop").table("orders", columns, (t) => [primaryKey({ columns: [t.id, t.no] })]);
    const given = (pg as (options: object) => ReturnType<typeof pg>)({
      url,
      table,
      columns: { cents: false },
    });
    expect(given.resource).toBe("shop.orders");
    expect(given.config).toEqual({
      url,
      table: "orders",
      schema: "shop",
      columns: {
        id: { name: "order_id", type: "varchar" },
        no: { name: "no", type: "integer" },
        at: { name: "placed_at", type: "timestamptz" },
        cents: false,
        kind: { name: "kind", type: "varchar(10)" },
        serial: { name: "serial", type: "bigint" },
      },
      primaryKey: ["order_id", "no"],
    });
  });

  const keyed = (more: object) =>
    pgTable("orders", { ...columns, no: bigint("no", { mode: "number" }).notNull(), ...more }, (t) => [
      primaryKey({ columns: [t.id, t.no] }),
    ]);
  it("fits", () => {
    expect(misfits(keyed({}))).toEqual([]);
    // The older form of the third argument.
    const table = pgTable("orders", { ...columns, no: bigint("no", { mode: "number" }) }, (t) => ({
      key: primaryKey({ columns: [t.no, t.id] }),
    }));
    expect(misfits(table)).toEqual([]);
  });

  it.each<[object, string]>([
    [{ no: integer("no") }, 'A column of type integer cannot hold the field "no"'],
    [{ at: timestamp("at") }, 'A column of type timestamp cannot hold the field "at"'],
    [{ at: timestamp({ withTimezone: true, precision: 3 }) }, "type timestamp (3) with time zone"],
    [{ cents: numeric({ precision: 10, scale: 2 }) }, "A column of type numeric(10, 2)"],
    [{ kind: varchar({ length: 5 }) }, "A column of type varchar(5) cannot hold every text"],
  ])("does not fit: %#", (more, message) => {
    expect(misfits(keyed(more))).toEqual([["table", expect.stringContaining(message)]]);
  });

  it("does not fit: a field without a column, unless it is left out", () => {
    const { cents: _, ...fewer } = columns;
    const table = pgTable("orders", { ...fewer, no: bigint("no", { mode: "number" }) }, (t) => [
      primaryKey({ columns: [t.id, t.no] }),
    ]);
    expect(misfits(table)).toEqual([
      [
        "table",
        'The table has no column for the field "cents"; add one, or leave the field out: columns: { cents: false }.',
      ],
    ]);
    expect(misfits(table, { columns: { cents: false } })).toEqual([]);
  });

  it("does not fit: another primary key", () => {
    const table = pgTable("orders", {
      ...columns,
      no: bigint("no", { mode: "number" }),
      id: text("order_id").primaryKey(),
    });
    expect(misfits(table)).toEqual([
      [
        "table",
        expect.stringContaining(
          "The table has the primary key (order_id), but the columns of the collection's key are (order_id, no)",
        ),
      ],
    ]);
  });

  it("says its schema itself, and is no log", () => {
    expect(() => misfits(keyed({}), { schema: "raw" })).toThrow(
      "pg: schema cannot stand beside a Drizzle table",
    );
    expect(() => misfits(keyed({}), { mode: "delta" })).toThrow('pg: mode: "delta" cannot stand beside');
  });
});

describe("columns that an untyped caller gives", () => {
  it.each<[object, string]>([
    [{ columns: "all" }, "pg: columns is no object"],
    [{ columns: { a: "b" } }, "pg: the column of a is not one. Give { name, type }, or false"],
    [{ columns: { a: { name: "" } } }, "pg: the column of a is empty"],
    [{ mode: "log" }, 'pg: "log" is not a mode. Use "standard" or "delta".'],
  ])("%j are refused", (more, message) => {
    expect(() => misfits("orders", more)).toThrow(message);
  });
});
