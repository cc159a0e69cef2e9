import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

const side = (type: string) => () => ({
  type: "object",
  properties: { id: { type } },
  required: ["id"],
});
const numeric = {
  "~standard": {
    version: 1,
    vendor: "homemade",
    validate: (value: unknown) => ({ value: value as { id: string } }),
    jsonSchema: { input: side("integer"), output: side("string") },
  },
};

capture("shop/orders", http({ path: "/orders" }), {
  schema: numeric as typeof numeric & { "~standard": { types?: { input: { id: string }; output: { id: string } } } },
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
