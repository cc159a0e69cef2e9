/** A table of the user's own application, as its Drizzle schema declares it; flows fill it. */
import { bigint, pgTable, text, timestamp, varchar } from "drizzle-orm/pg-core";

export const customerSpend = pgTable("customer_spend", {
  customer: varchar("customer_id").primaryKey(),
  cents: bigint("total_cents", { mode: "number" }).notNull(),
  lastOrderAt: timestamp("last_order_at", { withTimezone: true }).notNull(),
  /** The application's, no field of the collection. */
  remark: text("remark"),
});
