import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";

capture("shop/prices", http({ path: "/prices" }), {
  schema: z.array(z.int()),
  key: ["length"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "prices" }));
