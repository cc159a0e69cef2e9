/** A captured collection that is made again keeps its documents one by one, though it has a reduction. */
import { expect, it } from "vitest";
import { project } from "./project.ts";

const flow = (partitions: number) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";

const payments = capture("shop/payments", files({ path: "payments.ndjson" }), {
  schema: z.object({ account: z.string(), cents: z.int(), step: z.int() }),
  key: ["account"],
  reduce: { cents: "sum" },
  partitions: ${partitions},
});
payments.derive("shop/ledger", {
  schema: z.object({ account: z.string(), step: z.int(), cents: z.int() }),
  key: ["account", "step"],
  transform: ({ account, cents, step }) => ({ account, step, cents }),
});
`;

it("what reads a captured collection that is made again gets every one of its documents, in their order", async () => {
  const documents = Array.from({ length: 200 }, (_, step) => ({
    account: `a-${step % 7}`,
    cents: step,
    step,
  }));
  const { weir, write } = await project({
    "flows/payments.flow.ts": flow(1),
    "payments.ndjson": documents.map((each) => `${JSON.stringify(each)}\n`).join(""),
  });
  const run = async () => {
    const result = await weir.command("run", "--once");
    expect(result.code, result.stderr).toBe(0);
    return result.stderr;
  };
  const read = async (collection: string) => {
    const { stdout } = await weir.command("read", collection);
    const read = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as (typeof documents)[number]);
    return Map.groupBy(
      read.map(({ account, cents, step }) => ({ account, cents, step })),
      ({ account }) => account,
    );
  };
  await run();
  write("flows/payments.flow.ts", flow(4));
  expect(await run()).toContain("shop/payments: info: has been made again");
  const expected = Map.groupBy(documents, ({ account }) => account);
  for (const collection of ["shop/payments", "shop/ledger"]) expect(await read(collection)).toEqual(expected);
}, 120_000);
