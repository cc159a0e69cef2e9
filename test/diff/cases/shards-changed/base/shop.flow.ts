import { z } from "zod";
import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", files({ path: "orders/*.ndjson" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
  partitions: 4,
});

const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents }),
});

orders.derive("shop/orders-by-customer", {
  schema: z.object({ customer: z.string(), orders: z.int() }),
  key: ["customer"],
  reduce: { orders: "sum" },
  shards: 2,
  transform: ({ customer }) => ({ customer, orders: 1 }),
});

spend.materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
