import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const tables: Record<string, string> = { orders: "orders" };
const table = tables.order;
if (table === undefined) throw new Error("There is no table for orders");

capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string() }),
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table }));
