import { z } from "zod";
import { capture, derive, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

const customers = capture("shop/customers", http({ path: "/customers" }), {
  schema: z.object({ id: z.int(), name: z.string() }),
  key: ["id"],
});

derive("shop/named-orders", {
  from: { orders: orders.by("customer"), customers: customers.by("id") },
  schema: z.object({ id: z.string(), name: z.string() }),
  key: ["id"],
  state: { schema: z.object({ name: z.string() }), initial: { name: "" } },
  on: {
    orders: (order, { state }) => ({ id: order.id, name: state.name }),
    customers(customer, { state }) {
      state.name = customer.name;
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "named_orders" }));
