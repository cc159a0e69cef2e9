import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ address: z.object({ zip: z.string().optional() }) }),
  key: ["address.zip"] as never,
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
