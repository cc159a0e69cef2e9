/** What types do not know of a target is told by its connector, at the option that is wrong. */
import { expect, test } from "vitest";
import { project } from "./project.ts";

const FLOW = `import { integer, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";
const url = env("DATABASE_URL");
const orders = capture("orders", http({ path: "/orders" }), {
  schema: z.object({ country: z.string(), id: z.string(), at: z.string(), cents: z.int() }),
  key: ["country", "id"],
});
const columns = { country: text().notNull(), id: text().notNull(), cents: integer(), at: text() };
const right = pgTable("right", columns, (table) => [primaryKey({ columns: [table.country, table.id] })]);
const wrong = pgTable("wrong", columns, (table) => [primaryKey({ columns: [table.id, table.at] })]);
`;

async function told(flow: string): Promise<readonly (readonly [string, string, string])[]> {
  const text = FLOW + flow;
  using of = project({ "main.flow.ts": text });
  return (await of.compile()).diagnostics.map(({ code, line, column, endColumn = column, message }) => [
    code,
    (text.split("\n")[line - 1] ?? "").slice(column - 1, endColumn - 1),
    message,
  ]);
}

test("a declared table's primary key of several columns is that of the collection", async () => {
  const found = await told(
    `orders.materializeTo(pg({ url, table: right })).materializeTo(pg({ url, table: wrong }));`,
  );
  const keys = found.filter(([, , message]) => message.includes("primary key"));
  expect(keys).toEqual([["WEIR2005", "wrong", expect.stringMatching(/primary key/)]]);
});

test("a type that formats and bounds forbid is told at its place", async () => {
  const found = await told(
    `orders.materializeTo(pg({ url, table: "orders", columns: { at: { type: "timestamptz" } } }));`,
  );
  expect(found).toEqual([
    ["WEIR2005", '"timestamptz"', expect.stringContaining('cannot hold the field "at"')],
  ]);
});
