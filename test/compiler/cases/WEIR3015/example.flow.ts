import { z } from "zod";
import { capture, derive, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

derive("shop/open-orders", {
  from: { orders: orders.by("customer") },
  schema: z.object({ customer: z.string(), open: z.int() }),
  key: ["customer"],
  state: { schema: z.object({ open: z.int() }), initial: { open: 0 } },
  on: {
    orders(order, { state }) {
      state.open += 1;
      return { customer: order.customer, open: state.open };
    },
  },
  removed: {
    orders(_key, { state }) {
      state.open -= 1;
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "open_orders" }));
