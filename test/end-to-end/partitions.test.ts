/** Partitioned collections as a user sees them: what is read, where it is stored, what a new name leaves as it is. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { project } from "./project.ts";

const COUNTRIES = ["NL", "DE", "", "a/b"];
const order = (id: number) => ({ country: COUNTRIES[id % 4] ?? "", id, cents: id % 10 });
const ORDERS = Array.from({ length: 400 }, (_, id) => order(id));
const ndjson = (documents: readonly object[]) => documents.map((d) => `${JSON.stringify(d)}\n`).join("");
const parse = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const flow = (name: string, renamed: string) => `
import { z } from "zod";
import { capture } from "weir";
import { files } from "weir/files";

const orders = capture("shop/orders", files({ path: "data/*.ndjson" }), {
  schema: z.object({ country: z.string(), id: z.int(), cents: z.int() }),
  key: ["country", "id"],
  partitionBy: ["country"],
  partitions: 2,
});

const totals = orders.derive("${name}", {
  schema: z.object({ country: z.string(), cents: z.int() }),
  key: ["country"],
  partitions: 3,
  reduce: { cents: "sum" },
  transform: (order) => ({ country: order.country, cents: order.cents }),
});
void totals${renamed};

orders.where({ country: ["NL", "a/b"] }).derive("shop/some", {
  schema: z.object({ country: z.string(), id: z.int() }),
  key: ["country", "id"],
  transform: (order) => ({ country: order.country, id: order.id }),
});
`;

it("reads, stores and renames collections with partitions", async () => {
  const { weir, directory, write } = await project({
    "flows/orders.flow.ts": flow("shop/totals", ""),
    "data/a.ndjson": ndjson(ORDERS),
  });
  const once = async () => {
    const { code, stderr } = await weir.command("run", "--once");
    expect(code, stderr).toBe(0);
  };
  const read = async (...args: string[]) => {
    const { code, stdout, stderr } = await weir.command("read", ...args);
    expect(code, stderr).toBe(0);
    return parse(stdout);
  };
  const totals = async (name: string) =>
    Object.fromEntries((await read(name, "--reduced")).map(({ country, cents }) => [country, cents]));
  const expected = (documents: readonly ReturnType<typeof order>[]) =>
    Object.fromEntries(
      COUNTRIES.map((country) => [
        country,
        documents.filter((d) => d.country === country).reduce((sum, { cents }) => sum + cents, 0),
      ]),
    );

  await once();
  expect(await totals("shop/totals")).toEqual(expected(ORDERS));
  expect(new Set((await read("shop/some")).map(({ country }) => country))).toEqual(new Set(["NL", "a/b"]));

  const stored = readdirSync(join(directory, ".weir/store/shop/orders"));
  expect(stored.sort()).toEqual(["country=", "country=DE", "country=NL", "country=a%2Fb"]);

  const [third] = await read(
    "shop/orders",
    "--partition",
    "country=/p=01",
    "--from",
    "2",
    "--limit",
    "1",
    "--meta",
  );
  expect(third).toMatchObject({ country: "", _meta: { offset: 2, partition: "country=/p=01" } });
  const several = await weir.command("read", "shop/orders", "--from", "2");
  expect(several).toMatchObject({ code: 1, stderr: expect.stringContaining("choose one with --partition") });

  const more = Array.from({ length: 40 }, (_, i) => order(400 + i));
  write("data/b.ndjson", ndjson(more));
  write("flows/orders.flow.ts", flow("shop/sums", '; totals.renamedFrom("shop/totals")'));
  await once();
  expect(await totals("shop/sums")).toEqual(expected([...ORDERS, ...more]));
  // Not made anew from history: what was appended under the old name is there once. Each shard (of four at most) appends a
  // document for each country.
  expect((await read("shop/sums")).length).toBeLessThanOrEqual(8 * 4);
}, 240_000);
