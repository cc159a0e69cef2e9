/** Each way in which `weir run` makes again beside what stands, what that leaves, and how it is given up. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withClient } from "../servers/postgres.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { allCaughtUp } from "../servers/weir-process.ts";
import { order } from "./orders.ts";
import { type Project, project } from "./project.ts";
import { sendAll } from "./sender.ts";

/** Imports just what the flow uses. */
const headOf = (flow: string) => `
import { capture, env } from "weir";
import { ${flow.includes("http(") ? 'http } from "weir/http"' : 'files } from "weir/files"'};
import { pg } from "weir/postgres";
import { z } from "zod";
export const url = env("DATABASE_URL");
`;
interface Orders {
  readonly path?: string;
  readonly schema?: string;
  /** More of its options. */
  readonly more?: string;
}
const orders = ({
  path = "orders.ndjson",
  schema = "id: z.int(), cents: z.int(), customer: z.string()",
  more = 'key: ["id"]',
}: Orders = {}) =>
  `export const orders = capture("shop/orders", files({ path: "${path}" }), { schema: z.object({ ${schema} }), ${more} });\n`;
const ORDERS_TABLE = 'orders.materializeTo(pg({ url, table: "orders" }));\n';
const spend = (factor = 1, name = "shop/spend") => `
export const spend = orders.derive("${name}", {
  schema: z.object({ customer: z.string(), cents: z.int() }),
  key: ["customer"],
  reduce: { cents: "sum" },
  transform: ({ customer, cents }) => ({ customer, cents: cents * ${factor} }),
});
`;
const SPEND_TABLE = 'spend.materializeTo(pg({ url, table: "spend" }));\n';

const FILE = "flows/shop.flow.ts";
const documents = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, cents: (from + i) * 7, customer: `c-${i % 5}` }));
const lines = (of: readonly object[]) => of.map((each) => `${JSON.stringify(each)}\n`).join("");
const FIRST = documents(0, 40);
const ids = (of: ReturnType<typeof documents>) => of.map(({ id }) => ({ id: String(id) }));
function sums(of: ReturnType<typeof documents>, factor = 1) {
  const found = new Map<string, number>();
  for (const { customer, cents } of of) found.set(customer, (found.get(customer) ?? 0) + cents * factor);
  return [...found].sort().map(([customer, cents]) => ({ customer, cents: String(cents) }));
}

async function shop(flow: string, config = "") {
  const database = await testDatabase();
  const made: Project = await project(
    { [FILE]: headOf(flow) + flow, "orders.ndjson": lines(FIRST) },
    { DATABASE_URL: database },
    config,
  );
  const { weir, write } = made;
  const rows = (table: string, columns = "*") =>
    withClient(database, async (client) => {
      return (await client.query(`SELECT ${columns} FROM ${table} ORDER BY 1`)).rows;
    });
  const tables = async () => {
    const all = await rows("pg_tables WHERE schemaname = 'public'", "tablename");
    return all.map(({ tablename }) => tablename).filter((name) => !name.startsWith("weir_"));
  };
  const diff = async () => JSON.parse((await weir.command("diff", "--json")).stdout);
  /** Runs until all is caught up, and is as good as it says: nothing is left that another run would do. */
  const run = async (...flags: string[]) => {
    const { code, stderr } = await weir.command("run", "--once", ...flags);
    expect(code, stderr).toBe(0);
    expect(await diff()).toMatchObject({ verdict: "none", changes: [] });
    return stderr;
  };
  const fails = async (...flags: string[]) => {
    const { code, stderr } = await weir.command("run", "--once", ...flags);
    expect(code, stderr).toBe(1);
    return stderr;
  };
  const read = async (...args: string[]): Promise<{ id?: number; cents: number }[]> => {
    const { stdout, stderr, code } = await weir.command("read", ...args);
    expect(code, stderr).toBe(0);
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  };
  const kept = async () => JSON.parse((await weir.command("drop", "--json")).stdout).kept;
  const status = async () => JSON.parse((await weir.command("status", "--json")).stdout);
  const flowIs = (next: string) => write(FILE, headOf(next) + next);
  return { ...made, rows, tables, diff, run, fails, read, kept, status, flowIs };
}

describe("a captured collection", () => {
  it("is made again of its own documents, under another key and in more partitions", async () => {
    const all = orders() + ORDERS_TABLE + spend() + SPEND_TABLE;
    const { run, write, rows, read, kept, flowIs, weir, diff } = await shop(all);
    await run();
    // The file is gone by then: what was captured is its history.
    const more = [...FIRST, ...documents(100, 10)];
    write("orders.ndjson", lines(more));
    flowIs(orders({ more: 'key: ["customer", "id"], partitions: 3' }) + ORDERS_TABLE + spend() + SPEND_TABLE);
    expect(
      (await diff()).changes.map(({ name, action }: { name: string; action: string }) => [action, name]),
    ).toEqual(
      expect.arrayContaining([
        ["rebuild", "shop/orders"],
        ["rebuild", "postgres:orders"],
      ]),
    );
    expect(await run()).toContain("shop/orders: info: has been made again, and serves");
    expect(await rows("orders", "id")).toEqual(ids(more));
    expect(await rows("spend", "customer, cents")).toEqual(sums(more));
    expect((await read("shop/orders")).map(({ id }) => id).sort((a = 0, b = 0) => a - b)).toEqual(
      more.map(({ id }) => id),
    );
    // Each document once, in the journal of its key.
    const parts: unknown[][] = [];
    for (const each of ["p=00", "p=01", "p=02"]) parts.push(await read("shop/orders", "--partition", each));
    expect(parts.flat()).toHaveLength(more.length);
    expect(parts.every((part) => part.length > 0)).toBe(true);
    const names = ["shop/orders~1", "shop/spend~1", "postgres:orders~1", "postgres:spend~1"];
    expect(await kept()).toEqual(names);
    // Its capture goes on from its cursor.
    const then = [...more, ...documents(200, 5)];
    write("orders.ndjson", lines(then));
    await run();
    expect(await rows("orders", "id")).toEqual(ids(then));
    expect(await weir.command("drop", "shop/orders")).toMatchObject({ code: 0 });
    expect(await kept()).toEqual(names.slice(1));
    await run();
    expect(await read("shop/orders")).toHaveLength(then.length);
  }, 240_000);

  it("of which a document does not fit what is asked of it serves on, and the rebuild is given up with the plan", async () => {
    const base = orders() + ORDERS_TABLE;
    const { run, fails, write, rows, tables, read, kept, flowIs, status, diff } = await shop(base);
    await run();
    const narrow =
      orders({ schema: "id: z.int(), cents: z.int().max(200), customer: z.string()" }) + ORDERS_TABLE;
    flowIs(narrow);
    const stderr = await fails();
    expect(stderr).toMatch(
      /shop\/orders~2: halted: .*document at offset 29 of "shop\/orders".*\/cents must be <= 200/,
    );
    expect(await diff()).toMatchObject({ changes: [] });
    expect(await status()).toMatchObject({ rebuild: { names: ["shop/orders", "postgres:orders"] } });
    expect(await tables()).toEqual(["orders", "orders__weir_2"]);

    // What stands goes on, under its own schema.
    const more = [...FIRST, ...documents(100, 10)];
    write("orders.ndjson", lines(more));
    await fails();
    expect(await rows("orders", "id")).toEqual(ids(more));
    expect(await read("shop/orders")).toHaveLength(more.length);

    // Another plan takes its place: it begins anew, and what was given up goes.
    const wider =
      orders({ schema: "id: z.int(), cents: z.int().max(1000), customer: z.string()" }) + ORDERS_TABLE;
    flowIs(wider);
    expect(await run()).toContain("shop/orders: info: has been made again");
    expect(await rows("orders", "id")).toEqual(ids(more));
    expect(await tables()).toEqual(["orders", "orders__weir_1"]);
    expect(await kept()).toEqual(["shop/orders~1", "postgres:orders~1"]);

    // And back to what stood, without anything made again.
    flowIs(narrow);
    await fails();
    flowIs(wider);
    expect(await run()).not.toContain("made again");
    expect(await status()).toMatchObject({ rebuild: null });
    expect(await tables()).toEqual(["orders", "orders__weir_1"]);
    expect(await kept()).toEqual(["shop/orders~1", "postgres:orders~1"]);
    expect(await rows("orders", "id")).toEqual(ids(more));
  }, 240_000);

  it("of another source is read from that one's beginning, and asks for a flag; so does deriving it", async () => {
    const { run, fails, write, rows, read, flowIs } = await shop(orders() + ORDERS_TABLE);
    await run();
    const others = documents(500, 30);
    write("others.ndjson", lines(others));
    flowIs(orders({ path: "others.ndjson" }) + ORDERS_TABLE);
    const refused = await fails();
    expect(refused).toMatch(
      /shop\/orders: the path of its source has changed.*\nNothing was started.*--allow destructive/,
    );
    expect(await rows("orders", "id")).toEqual(ids(FIRST));
    await run("--allow", "destructive");
    expect(await rows("orders", "id")).toEqual(ids(others));
    const more = [...others, ...documents(600, 5)];
    write("others.ndjson", lines(more));
    await run();
    expect(await rows("orders", "id")).toEqual(ids(more));

    const derived = `
export const raw = capture("shop/raw", files({ path: "orders.ndjson" }), {
  schema: z.object({ id: z.int(), cents: z.int(), customer: z.string() }),
  key: ["id"],
});
export const orders = raw.derive("shop/orders", {
  schema: z.object({ id: z.int(), cents: z.int(), customer: z.string() }),
  key: ["id"],
  transform: (order) => order,
});
`;
    flowIs(derived + ORDERS_TABLE);
    expect(await fails()).toContain("shop/orders: it was captured and is now derived");
    await run("--allow", "destructive");
    expect(await rows("orders", "id")).toEqual(ids(FIRST));
    expect(await read("shop/orders")).toHaveLength(FIRST.length);
  }, 240_000);
});

const overHttp = (partitions: number) => `
export const orders = capture("shop/orders", http({ path: "/orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int(), placedAt: z.string() }),
  key: ["id"],
  partitions: ${partitions},
});
// Keeps the port open while nothing is taken in for the orders.
capture("shop/others", http({ path: "/others" }), { schema: z.object({ id: z.string() }), key: ["id"] });
`;

describe("a captured collection over HTTP", () => {
  it("is made again while documents come, and each counts once", async () => {
    const { flowIs, weir, origin, rows, read, kept } = await shop(overHttp(1) + ORDERS_TABLE);
    const all = Array.from({ length: 400 }, (_, i) => order(i));
    weir.start();
    await sendAll(`${origin}/orders`, all.slice(0, 100), 10, 0);
    await weir.stop();
    flowIs(overHttp(3) + ORDERS_TABLE);
    weir.start();
    const sending = sendAll(`${origin}/orders`, all.slice(100), 5, 20);
    await weir.until(({ rebuild }) => rebuild !== null, 60_000);
    await sending;
    await weir.until(allCaughtUp, 60_000);
    await weir.stop();
    const ids = all.map(({ id }) => ({ id }));
    expect(await rows("orders", "id")).toEqual(ids.sort((one, other) => (one.id < other.id ? -1 : 1)));
    expect(await read("shop/orders")).toHaveLength(all.length);
    expect(await kept()).toEqual(["shop/orders~1", "postgres:orders~1"]);
  }, 240_000);
});

describe("a target", () => {
  it("is filled beside where it holds another part, form, columns or collection", async () => {
    const keyed = { more: 'key: ["id", "customer"], partitionBy: ["customer"]' };
    const table = (of: string, options = "", settings = "") =>
      `${of}.materializeTo(pg({ url, table: "t"${options} })${settings});\n`;
    const { run, fails, rows, tables, flowIs, weir, kept } = await shop(
      orders(keyed) + spend() + table("orders"),
    );
    await run();
    const at = 'orders.where({ customer: "c-1" })';
    flowIs(orders(keyed) + spend() + table(at));
    await run();
    const part = FIRST.filter(({ customer }) => customer === "c-1");
    expect(await rows("t", "id")).toEqual(ids(part));
    flowIs(orders(keyed) + spend() + table(at, ', columns: { cents: { name: "total" } }'));
    await run();
    expect(await rows("t", "id, total")).toEqual(
      part.map(({ id, cents }) => ({ id: String(id), total: String(cents) })),
    );
    flowIs(orders(keyed) + spend() + table(at, ', mode: "delta"'));
    expect(await fails()).toContain("postgres:t: it holds a row for each document");
    await run("--allow", "destructive");
    expect(await rows("t", "weir_offset, id")).toHaveLength(part.length);
    flowIs(orders(keyed) + spend() + table("spend"));
    expect(await fails()).toContain("postgres:t: it holds shop/spend instead of shop/orders");
    await run("--allow", "destructive");
    expect(await rows("t", "customer, cents")).toEqual(sums(FIRST));
    expect(await kept()).toEqual([1, 2, 3, 4].map((each) => `postgres:t~${each}`));
    expect(await weir.command("drop", "postgres:t")).toMatchObject({ code: 0 });
    expect(await tables()).toEqual(["t"]);
  }, 300_000);

  it("that was not declared while its collection was made again is filled again, and not gone on from", async () => {
    const { run, fails, rows, write, flowIs, kept } = await shop(
      orders() + ORDERS_TABLE + spend() + SPEND_TABLE,
    );
    await run();
    flowIs(orders() + ORDERS_TABLE + spend());
    expect(await fails()).toContain("postgres:spend: it is no longer declared");
    await run("--allow", "destructive");
    flowIs(orders() + ORDERS_TABLE + spend(3));
    await run();
    expect(await rows("spend", "customer, cents")).toEqual(sums(FIRST));
    const more = [...FIRST, ...documents(100, 10)];
    write("orders.ndjson", lines(more));
    flowIs(orders() + ORDERS_TABLE + spend(3) + SPEND_TABLE);
    expect(await run()).toContain("postgres:spend: info: has been made again");
    expect(await rows("spend", "customer, cents")).toEqual(sums(more, 3));
    expect(await kept()).toEqual(["shop/spend~1", "postgres:spend~1"]);
    expect(await rows("spend__weir_1", "customer, cents")).toEqual(sums(FIRST));
  }, 240_000);

  it("that has another name, as its collection has, is made again under it where they have changed too", async () => {
    const { run, rows, tables, read, flowIs, kept } = await shop(orders() + spend() + SPEND_TABLE);
    await run();
    flowIs(
      `${orders() + spend(2, "shop/totals")}spend.renamedFrom("shop/spend");
spend.materializeTo(pg({ url, table: "totals" }), { renamedFrom: "spend" });\n`,
    );
    await run();
    expect(await tables()).toEqual(["totals", "totals__weir_1"]);
    expect(await rows("totals", "customer, cents")).toEqual(sums(FIRST, 2));
    expect(await rows("totals__weir_1", "customer, cents")).toEqual(sums(FIRST));
    expect(await read("shop/totals", "--reduced")).toHaveLength(5);
    expect(await kept()).toEqual(["shop/totals~1", "postgres:totals~1"]);
  }, 240_000);
});

describe("the store", () => {
  it("brings the new generation back by itself, also once the old one was dropped", async () => {
    const config = 'store: { directory: "lake" }, fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },';
    const made = await shop(orders() + spend() + SPEND_TABLE, config);
    const { run, rows, read, write, flowIs, weir, directory, kept } = made;
    const folders = () => readdirSync(join(directory, "lake", "shop")).sort();
    await run();
    expect(folders()).toEqual(["orders", "spend"]);
    flowIs(orders() + spend(5) + SPEND_TABLE);
    await run();
    expect(folders()).toEqual(["orders", "spend", "spend~2"]);
    const lose = async () => {
      rmSync(weir.dataDir, { recursive: true });
      expect(await weir.command("restore")).toMatchObject({ code: 0 });
    };
    const total = async () =>
      (await read("shop/spend", "--reduced")).reduce((sum, { cents }) => sum + cents, 0);
    const expected = (of: ReturnType<typeof documents>) => of.reduce((sum, { cents }) => sum + cents * 5, 0);
    await lose();
    expect(await total()).toBe(expected(FIRST));
    expect(await kept()).toEqual(["shop/spend~1", "postgres:spend~1"]);
    const more = [...FIRST, ...documents(100, 10)];
    write("orders.ndjson", lines(more));
    expect(await run()).not.toContain("made again");
    expect(await rows("spend", "customer, cents")).toEqual(sums(more, 5));

    for (const name of ["shop/spend", "postgres:spend"])
      expect(await weir.command("drop", name)).toMatchObject({ code: 0 });
    // Objects go once a cut was put that does not need them.
    const objects = () =>
      readdirSync(join(directory, "lake", "shop", "spend"), { recursive: true }).filter((name) =>
        String(name).endsWith(".zst"),
      );
    expect(objects()).not.toEqual([]);
    weir.start();
    await expect.poll(objects, { timeout: 60_000, interval: 500 }).toEqual([]);
    await weir.stop();
    await lose();
    expect(await kept()).toEqual([]);
    expect(await total()).toBe(expected(more));
    // The functions of the plan that ran are not in the store: what served stands still until it is replaced.
    const then = [...more, ...documents(200, 5)];
    write("orders.ndjson", lines(then));
    flowIs(orders() + spend(7) + SPEND_TABLE);
    expect(await run()).toContain("shop/spend: info: has been made again");
    expect(await rows("spend", "customer, cents")).toEqual(sums(then, 7));
  }, 300_000);
});
