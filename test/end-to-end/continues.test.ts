/** A flow that says of a changed derivation that it `continues`: what was derived stays, and the rest is by the new code. */
import { expect, test } from "vitest";
import { project } from "./project.ts";

interface Changed {
  readonly transform?: string;
  readonly continues?: string;
  readonly more?: boolean;
}

const flow = ({ transform = "cents", continues, more = false }: Changed) => `
import { capture, derive } from "weir";
import { files } from "weir/files";
import { z } from "zod";
const schema = z.object({ id: z.string(), cents: z.int() });
const orders = capture("shop/orders", files({ path: "orders.ndjson" }), { schema, key: ["id"] });
export const returns = capture("shop/returns", files({ path: "returns.ndjson" }), { schema, key: ["id"] });
const totals = derive("shop/totals", {
  from: { orders: orders.by("id")${more ? ', returns: returns.by("id")' : ""} },
  schema: z.object({ id: z.string(), cents: z.int() }),
  key: ["id"],
  ${continues === undefined ? "" : `continues: "${continues}",`}
  on: {
    orders: ({ id, cents }) => ({ id, cents: ${transform} }),
    ${more ? "returns: ({ id, cents }) => ({ id, cents: -cents })," : ""}
  },
});
totals.derive("shop/copies", { schema, key: ["id"], transform: (total) => total });
`;

test("new code and a new source from here on; what was derived stays, once", {
  timeout: 180_000,
}, async () => {
  const { weir, write } = await project({
    "flows/shop.flow.ts": flow({}),
    "orders.ndjson": '{"id":"a","cents":1}\n{"id":"b","cents":2}\n',
    "returns.ndjson": '{"id":"r","cents":5}\n',
  });
  const run = async () => {
    const { code, stderr } = await weir.command("run", "--once");
    expect(code, stderr).toBe(0);
  };
  const diff = async () => JSON.parse((await weir.command("diff", "--json")).stdout);
  const read = async (name: string) => {
    const lines = (await weir.command("read", name)).stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line)).map(({ id, cents }) => `${id}${cents}`);
  };
  /** The line that the diff tells to write. */
  const hashIn = (caution: string) => caution.match(/write continues: "([0-9a-f]{12})" in it/)?.[1];
  await run();
  write("flows/shop.flow.ts", flow({ transform: "cents * 10" }));
  const rebuild = (await diff()).changes.find(({ name }: { name: string }) => name === "shop/totals");
  expect(rebuild.action).toBe("rebuild");
  const first = hashIn(rebuild.caution);

  const changed = flow({ transform: "cents * 10", continues: first });
  write("flows/shop.flow.ts", changed);
  write("orders.ndjson", '{"id":"a","cents":1}\n{"id":"b","cents":2}\n{"id":"c","cents":3}\n');
  expect(await diff()).toMatchObject({
    verdict: "safe",
    changes: [{ name: "shop/totals", action: "code-only" }],
  });
  await run();
  const expected = ["a1", "b2", "c30"];
  expect(await read("shop/totals")).toEqual(expected);
  expect(await read("shop/copies")).toEqual(expected);
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
  await run();
  expect(await read("shop/totals")).toEqual(expected);

  // It names what ran before the last change: of no effect on another one.
  write("flows/shop.flow.ts", flow({ transform: "cents * 100", continues: first }));
  const stale = (await diff()).changes[0];
  expect(stale).toMatchObject({ name: "shop/totals", action: "rebuild" });
  const second = hashIn(stale.caution);
  expect(stale.caution).toContain(`continues names ${first}, and what ran last is ${second}`);

  write("flows/shop.flow.ts", flow({ transform: "cents * 100", continues: second, more: true }));
  expect((await diff()).changes).toMatchObject([{ name: "shop/totals", action: "resume" }]);
  await run();
  expect(await read("shop/totals")).toEqual([...expected, "r-5"]);
  expect(await read("shop/copies")).toEqual([...expected, "r-5"]);
  expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
});
