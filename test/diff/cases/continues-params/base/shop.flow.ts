import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";

export const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({
    id: z.string(),
    customer: z.string(),
    cents: z.int(),
    status: z.enum(["open", "paid"]),
    placedAt: z.iso.datetime(),
    note: z.string().max(100).optional(),
  }),
  key: ["id"],
});

export const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum", orders: "sum" },
  params: { factor: 1 },
  transform: (order, { params }) => ({ customer: order.customer, cents: order.cents * params.factor, orders: 1 }),
});

orders.materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
spend
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }))
  .materializeTo(redis({ url: env("REDIS_URL"), key: "spend:{customer}" }));
