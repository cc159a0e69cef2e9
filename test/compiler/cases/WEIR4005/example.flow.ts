import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ country: z.string(), id: z.string() }),
  key: ["country", "id"],
  partitionBy: ["country"],
});

orders.where({ country: 31 }).materializeTo(pg({ url: env("DATABASE_URL"), table: "dutch_orders" }));
