import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

export const orders = capture("shop/orders", files({ path: "orders/*.ndjson", watch: true }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
  onError: "deadLetter",
});

export const spend = orders.derive("shop/spend", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum" },
  onError: "deadLetter",
  transform: ({ customer, cents }) => ({ customer, cents }),
});

export const largest = orders.derive("shop/largest", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "max" },
  transform: ({ customer, cents }) => ({ customer, cents }),
});

spend.materializeTo(pg({ url: env("DATABASE_URL"), table: "spend" }));
largest.materializeTo(pg({ url: env("DATABASE_URL"), table: "largest" }));
