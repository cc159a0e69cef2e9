/** Strategies in flows: as they stand in the plan, and told where types cannot know that they do not fit. */
import { expect, test } from "vitest";
import { project } from "./project.ts";

const HEAD = `import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
`;

test("every strategy is JSON in the plan, as the flow has it", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
capture("carts", http({ path: "/carts" }), {
  schema: z.object({
    id: z.string(),
    total: z.string(),
    log: z.array(z.string()),
    tags: z.object({ add: z.array(z.string()).optional() }),
    lines: z.array(z.object({ sku: z.string() })),
    stats: z.object({ n: z.string(), map: z.record(z.string(), z.int()) }),
  }),
  key: ["id"],
  reduce: {
    total: { sum: "decimal" }, log: "append", tags: "set", lines: { merge: { key: ["sku"] } },
    "stats.n": { sum: "int64" }, "stats.map": "merge",
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "carts" }));
`,
  });
  const { plan } = await of.build();
  expect(plan.collections.carts?.reduce).toEqual({
    total: { sum: "decimal" },
    log: "append",
    tags: "set",
    lines: { merge: { key: ["sku"] } },
    "stats.n": { sum: "int64" },
    "stats.map": "merge",
  });
});

test("a key of elements that may hold fractions, of which types know nothing, is told at its place", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
capture("carts", http({ path: "/carts" }), {
  schema: z.object({ id: z.string(), lines: z.array(z.object({ price: z.number() })) }),
  key: ["id"],
  reduce: { lines: { merge: { key: ["price"] } } },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "carts" }));
`,
  });
  const { diagnostics } = await of.compile();
  expect(diagnostics.map(({ code, line, message }) => [code, line, message])).toEqual([
    ["WEIR1002", 9, expect.stringContaining("merge by price needs a required string, integer or boolean")],
  ]);
});
