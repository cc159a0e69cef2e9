import { capture, derive, env } from "weir";
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

export const enriched = derive("shop/enriched", {
  from: { orders: orders.by("customer") },
  schema: z.object({ country: z.string(), id: z.string(), cents: z.int(), name: z.string() }),
  key: ["country", "id"],
  state: { schema: z.object({ name: z.string() }), initial: { name: "" } },
  on: {
    orders: (order, { state }) => ({
      country: order.country,
      id: order.id,
      cents: order.cents,
      name: state.name,
    }),
  },
});

enriched.materializeTo(pg({ url: env("DATABASE_URL"), table: "enriched" }));
