import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

orders.materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
orders.materializeTo(pg({ url: env("DATABASE_URL"), table: "all_orders" }), { renamedFrom: "orders" });
