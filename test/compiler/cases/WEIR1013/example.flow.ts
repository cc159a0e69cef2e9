import { z } from "zod";
import { capture, derive, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

derive("shop/numbered", {
  from: { orders: orders.by("customer") },
  schema: z.object({ id: z.string(), n: z.int() }),
  key: ["id"],
  state: { schema: z.object({ n: z.int().min(1) }), initial: { n: 0 } },
  on: {
    orders(order, { state }) {
      state.n += 1;
      return { id: order.id, n: state.n };
    },
  },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "numbered" }));
