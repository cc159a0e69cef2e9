import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), placedAt: z.string() }),
  key: ["id"],
}).materializeTo(
  pg({ url: env("DATABASE_URL"), table: "orders", columns: { placedAt: { name: "placed_at", type: "timestamptz" } } }),
);
