import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

orders
  .derive("shop/spend", {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    transform: (async (order: { customer: string; cents: number }) => ({ customer: order.customer, cents: order.cents })) as never,
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
