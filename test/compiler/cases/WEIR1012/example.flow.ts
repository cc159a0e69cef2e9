import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), country: z.string() }),
  key: ["id"],
  partitionBy: ["country"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
