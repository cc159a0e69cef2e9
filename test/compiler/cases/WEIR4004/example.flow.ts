import { z } from "zod";
import { capture } from "weir";
import { http } from "weir/http";

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});
