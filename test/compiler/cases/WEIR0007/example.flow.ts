import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const table = process.env.ORDERS_TABLE ?? "orders";

capture(`shop/orders-${new Date().getFullYear()}`, http({ path: "/orders" }), {
  schema: z.object({ id: z.string() }),
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table }));
