import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({
    id: z.string().trim(),
    cents: z.int().refine((cents) => cents % 5 === 0),
    note: z.string().default("none"),
  }),
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
