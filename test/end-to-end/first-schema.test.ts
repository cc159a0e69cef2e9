import { expect, test } from "vitest";
import { project } from "./project.ts";

const flow = (type: string) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
export const orders = capture("shop/orders", files({ path: "orders.ndjson" }), {
  schema: z.object({ id: z.string(), cents: ${type} }),
  key: ["id"],
});
orders.derive("shop/totals", {
  schema: z.object({ id: z.string(), cents: z.number() }),
  key: ["id"],
  transform: ({ id }) => ({ id, cents: ${type === "z.string()" ? "0" : "1"} }),
});
`;

/** A schema that fits no document has made nothing: it must be possible to write another one. */
test("a collection that has never had a document may change", { timeout: 120_000 }, async () => {
  const { weir, write } = await project({
    "flows/orders.flow.ts": flow("z.string()"),
    "orders.ndjson": '{"id":"a","cents":1.5}\n{"id":"b","cents":2}\n',
  });
  const halted = await weir.command("run", "--once");
  expect(halted.stderr).toMatch(/orders\.ndjson:1: \/cents: .*Correct the file, or widen the schema/);
  expect(halted.code).toBe(1);
  write("flows/orders.flow.ts", flow("z.number()"));
  const run = await weir.command("run", "--once");
  expect(run.stderr).not.toMatch(/Nothing was started/);
  expect(run.code).toBe(0);
  const { stdout } = await weir.command("read", "shop/totals");
  expect(stdout).toBe('{"id":"a","cents":1}\n{"id":"b","cents":1}\n');
  // Now that there are documents, these are held against it: what stands stays.
  write("flows/orders.flow.ts", flow("z.string()"));
  const narrower = await weir.command("run", "--once");
  expect(narrower.stderr).toMatch(
    /shop\/orders~2: halted: .*offset 0 of "shop\/orders".*\/cents must be string/,
  );
  expect(narrower.code).toBe(1);
  expect((await weir.command("read", "shop/totals")).stdout).toBe(stdout);
});
