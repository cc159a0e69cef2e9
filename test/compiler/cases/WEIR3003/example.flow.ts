import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

for (const currency of ["eur", "usd"]) {
  orders
    .derive(`shop/spend-${currency}`, {
      schema: z.object({ customer: z.string(), currency: z.string(), cents: z.int() }),
      key: ["customer"],
      transform: (order) => ({ customer: order.customer, currency, cents: order.cents }),
    })
    .materializeTo(pg({ url: env("DATABASE_URL"), table: `spend_${currency}` }));
}
