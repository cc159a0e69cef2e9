import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const loose = {
  "~standard": { version: 1, vendor: "homemade", validate: (value: unknown) => ({ value: value as { id: string } }) },
} satisfies { "~standard": { version: 1; vendor: string; validate(value: unknown): { value: { id: string } } } };

capture("shop/orders", http({ path: "/orders" }), {
  schema: loose as typeof loose & { "~standard": { types?: { input: { id: string }; output: { id: string } } } },
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
