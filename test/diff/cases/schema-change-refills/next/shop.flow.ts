import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";

const url = env("DATABASE_URL");
const fields = { id: z.string(), customer: z.string(), cents: z.int(), coupon: z.string().optional() };

export const orders = capture("shop/orders", http({ path: "/orders" }), { schema: z.object(fields), key: ["id"] });

orders
  .materializeTo(pg({ url, table: "as_it_says" }), { onSchemaChange: "backfill" })
  .materializeTo(pg({ url, table: "as_raised" }), { backfill: 1 })
  .materializeTo(pg({ url, table: "without", columns: { coupon: false } }), { onSchemaChange: "backfill" })
  .materializeTo(redis({ url: env("REDIS_URL"), key: "orders:{id}" }), { onSchemaChange: "backfill" });
