import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

const purchases = orders
  .derive("shop/purchases", {
    schema: z.object({ id: z.string(), cents: z.int() }),
    key: ["id"],
    transform: ({ id, cents }) => ({ id, cents }),
  })
  .renamedFrom("shop/orders");

purchases.materializeTo(pg({ url: env("DATABASE_URL"), table: "purchases" }));
