import { z } from "zod";
import { capture, derive, env, remove } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const url = env("DATABASE_URL");

const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), city: z.string() }),
  key: ["id"],
  partitions: 4,
});

orders
  .derive("shop/spend", {
    schema: z.object({ customer: z.string(), cents: z.int(), city: z.string() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    shards: 4,
    transform: ({ customer, cents, city }) => ({ customer, cents, city }),
  })
  .materializeTo(pg({ url, table: "spend" }));

orders
  .derive("shop/open-sums", {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    shards: 4,
    transform: ({ customer, cents }) => (cents === 0 ? remove({ customer }) : { customer, cents }),
  })
  .materializeTo(pg({ url, table: "open_sums" }));

derive("shop/firsts", {
  from: { orders: orders.by("customer") },
  schema: z.object({ customer: z.string(), orders: z.int() }),
  key: ["customer"],
  reduce: { orders: "sum" },
  shards: 2,
  state: { schema: z.object({ seen: z.boolean() }), initial: { seen: false } },
  on: {
    orders({ customer }, { state }) {
      if (state.seen) return undefined;
      state.seen = true;
      return { customer, orders: 1 };
    },
  },
}).materializeTo(pg({ url, table: "firsts" }));
