import { z } from "zod";
import { capture, env } from "weir";
import { pg } from "weir/postgres";
import { files } from "weir/files";

capture("shop/orders", files({ path: "data/*.ndjson" }), {
  schema: z.object({ file: z.string(), line: z.string() }),
  key: ["file", "line"],
  provenance: { file: "file", row: "line" },
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "orders" }));
