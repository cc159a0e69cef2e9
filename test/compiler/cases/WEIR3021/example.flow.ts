import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
  partitions: 2,
});

orders
  .derive("shop/spend", {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    shards: 4,
    transform: ({ customer, cents }) => ({ customer, cents }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
