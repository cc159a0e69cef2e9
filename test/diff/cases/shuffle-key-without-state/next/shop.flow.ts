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

export const names = derive("shop/names", {
  from: { orders: orders.by("id"), customers: customers.by("id") },
  schema: z.object({ customer: z.string(), orders: z.int(), name: z.string().optional() }),
  key: ["customer"],
  reduce: { orders: "sum", name: "last" },
  on: {
    orders: (order) => ({ customer: order.customer, orders: 1 }),
    customers: (customer) => ({ customer: customer.id, orders: 0, name: customer.name }),
  },
});

names.materializeTo(pg({ url: env("DATABASE_URL"), table: "names" }));
