import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { redis } from "weir/redis";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

const template: string = "order:{customer}";
orders.materializeTo(redis({ url: env("REDIS_URL"), key: template }));
