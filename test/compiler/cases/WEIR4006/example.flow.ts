import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

orders
  .read({ from: "2026-07-01", until: "2026-01-01" })
  .derive("shop/spend", {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    transform: (order) => ({ customer: order.customer, cents: order.cents }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
