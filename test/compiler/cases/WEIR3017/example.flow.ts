import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), cents: z.int() }),
  key: ["id"],
});

orders
  .derive("shop/large-orders", {
    schema: z.object({ id: z.string(), cents: z.int() }),
    key: ["id"],
    onError: "skip",
    transform: (order) => (order.cents > 100_00 ? order : undefined),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "large_orders" }));
