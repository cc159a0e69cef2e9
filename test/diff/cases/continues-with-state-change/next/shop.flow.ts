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
  continues: "cbb627b44fe3",
  from: { orders: orders.by("customer"), customers: customers.by("id") },
  schema: z.object({ country: z.string(), id: z.string(), cents: z.int(), name: z.string() }),
  key: ["country", "id"],
  state: { schema: z.object({ name: z.string().max(100) }), initial: { name: "unknown" } },
  on: {
    orders: (order, { state }) => ({
      country: order.country,
      id: order.id,
      cents: order.cents,
      name: state.name.trim(),
    }),
    customers: (customer, { state }) => {
      state.name = customer.name;
    },
  },
});

enriched.materializeTo(pg({ url: env("DATABASE_URL"), table: "enriched" }));
