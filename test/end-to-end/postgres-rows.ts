import { withClient } from "../servers/postgres.ts";
import type { SpendRow } from "./orders.ts";

/** The table `customer_spend` as plain values, sorted by customer. */
export function spendRows(url: string): Promise<SpendRow[]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ [Name in keyof SpendRow]: string }>(
      `SELECT customer, cents, orders, to_char("lastOrderAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "lastOrderAt"
         FROM customer_spend ORDER BY customer COLLATE "C"`,
    );
    return rows.map((row) => ({ ...row, cents: Number(row.cents), orders: Number(row.orders) }));
  });
}
