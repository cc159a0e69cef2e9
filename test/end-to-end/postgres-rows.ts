import { withClient } from "../servers/postgres.ts";
import type { SpendRow } from "./orders.ts";

/** The table `customer_spend` as plain values, sorted by customer. */
export function spendRows(url: string): Promise<SpendRow[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ customer: string; cents: string; orders: string; lastOrderAt: Date }>(
      'SELECT * FROM customer_spend ORDER BY customer COLLATE "C"',
    );
    return rows.map(({ customer, cents, orders, lastOrderAt }) => ({
      customer,
      cents: Number(cents),
      orders: Number(orders),
      lastOrderAt: `${lastOrderAt.toISOString().slice(0, 19)}Z`,
    }));
  });
}
