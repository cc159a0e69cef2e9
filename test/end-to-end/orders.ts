/** The flow of the README, as the end-to-end tests run it. */

export const ORDERS = `
import { capture } from "weir";
import { http } from "weir/http";
import { z } from "zod";

export const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), placedAt: z.iso.datetime() }),
  key: ["id"],
});
`;

export const SPEND = `
import { env } from "weir";
import { pg } from "weir/postgres";
import { z } from "zod";
import { orders } from "./orders.flow.ts";

orders
  .derive("shop/spend-by-customer", {
    schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int(), lastOrderAt: z.iso.datetime() }),
    key: ["customer"],
    reduce: { cents: "sum", orders: "sum", lastOrderAt: "max" },
    transform: (order) => ({ customer: order.customer, cents: order.cents, orders: 1, lastOrderAt: order.placedAt }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "customer_spend" }));
`;

export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly cents: number;
  readonly placedAt: string;
}

/** Orders in a fixed pattern: the same index, the same order. */
export function order(i: number): Order {
  const second = String(i % 60).padStart(2, "0");
  const minute = String(Math.floor(i / 60) % 60).padStart(2, "0");
  return {
    id: `o-${i}`,
    customer: `c-${(i * 7919) % 23}`,
    cents: ((i * 104_729) % 10_000) - 2_000,
    placedAt: `2026-11-23T08:${minute}:${second}Z`,
  };
}

export function ordersFrom(from: number, to: number): Order[] {
  return Array.from({ length: to - from }, (_, i) => order(from + i));
}

export interface SpendRow {
  readonly customer: string;
  readonly cents: number;
  readonly orders: number;
  readonly lastOrderAt: string;
}

/** A plain loop: what the table must hold, sorted by customer. */
export function expectedSpend(orders: readonly Order[]): SpendRow[] {
  const rows = new Map<string, SpendRow>();
  for (const { customer, cents, placedAt } of orders) {
    const row = rows.get(customer) ?? { customer, cents: 0, orders: 0, lastOrderAt: placedAt };
    rows.set(customer, {
      customer,
      cents: row.cents + cents,
      orders: row.orders + 1,
      lastOrderAt: [placedAt, row.lastOrderAt].sort().at(-1) ?? placedAt,
    });
  }
  return [...rows.values()].sort((a, b) => (a.customer < b.customer ? -1 : 1));
}
