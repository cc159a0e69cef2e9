import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

/** What an untyped caller, or another version of Weir, could report. */
const collector = Reflect.get(globalThis, Symbol.for("weir.collector"));

collector?.declare({
  kind: "derive",
  collection: {
    name: "shop/spend",
    schema: z.object({ customer: z.string() }),
    key: ["customer"],
    reduce: {},
    partitionBy: [],
    partitions: 1,
  },
  sources: [
    { collection: "shop/orders", where: {}, priority: 0, reduced: false, transform: (order: { customer: string }) => order },
  ],
  params: {},
  stack: new Error().stack,
});

capture("shop/refunds", http({ path: "/refunds" }), {
  schema: z.object({ id: z.string() }),
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "refunds" }));
