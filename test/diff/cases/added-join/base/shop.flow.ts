import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";

export const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), country: z.string(), customer: z.string(), cents: z.int() }),
  key: ["country", "id"],
  partitionBy: ["country"],
});

export const customers = capture("shop/customers", http({ path: "/customers" }), {
  schema: z.object({ id: z.string(), name: z.string() }),
  key: ["id"],
});

orders.materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
