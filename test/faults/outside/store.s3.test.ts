/** What a store does to a running process: an S3 server that misbehaves, and objects that are damaged or gone. */
import { join } from "node:path";
import { startFauxqs } from "fauxqs";
import { expect, it, onTestFinished } from "vitest";
import { tellRunning } from "../../../runtime/control/client.ts";
import type { StatusReport } from "../../../runtime/status-report.ts";
import { type ObjectStore, openStore } from "../../../runtime/store/store.ts";
import { expectedSpend, ORDERS, ordersFrom } from "../../end-to-end/orders.ts";
import { post, project } from "../../end-to-end/project.ts";
import { sendAll } from "../../end-to-end/sender.ts";
import { startS3FaultProxy } from "../../servers/s3-fault-proxy.ts";
import { allCaughtUp, taskOf, type WeirProcess } from "../../servers/weir-process.ts";
import { readCollection } from "./read-collection.ts";

const WITHIN_MS = 60_000;
const FRAGMENTS = "fragments: { targetBytes: 10_000, maxAgeSeconds: 1 },";

/** The README's derivation, without a target: what it holds is read by `weir read --reduced`. */
const SPEND = `
import { z } from "zod";
import { orders } from "./orders.flow.ts";

orders.derive("shop/spend-by-customer", {
  schema: z.object({ customer: z.string(), cents: z.int(), orders: z.int(), lastOrderAt: z.iso.datetime() }),
  key: ["customer"],
  reduce: { cents: "sum", orders: "sum", lastOrderAt: "max" },
  transform: (order) => ({ customer: order.customer, cents: order.cents, orders: 1, lastOrderAt: order.placedAt }),
});
`;
const OTHER =
  ORDERS.replaceAll("orders", "returns") +
  'returns.derive("shop/returned", { schema: z.object({ id: z.string() }), key: ["id"], transform: ({ id }) => ({ id }) });\n';

async function spend(weir: WeirProcess): Promise<unknown[]> {
  const rows = await readCollection<{ customer: string }>(weir, "shop/spend-by-customer", { reduced: true });
  return rows.sort((a, b) => (a.customer < b.customer ? -1 : 1));
}

const isStored = ({ collections }: StatusReport) => collections.every(({ notInStore }) => notInStore === 0);
const isRunning = (status: StatusReport) => taskOf(status, "shop/orders")?.state === "running";

it("an S3 server that fails, lies, cuts, lists late and damages: everything is stored and read exactly once", async () => {
  const s3 = await startFauxqs({ port: 0, logger: false });
  s3.createBucket("history");
  const faults = await startS3FaultProxy(s3.port);
  onTestFinished(async () => {
    await faults.close();
    await s3.stop();
  });
  const { weir, origin, write } = await project(
    { "flows/orders.flow.ts": ORDERS },
    {},
    `store: { s3: { bucket: "history", endpoint: "${faults.endpoint}", pathStyle: true, accessKeyId: "test", secretAccessKey: "test" } }, ${FRAGMENTS}`,
  );
  weir.start();
  await weir.until(isRunning, WITHIN_MS);
  const orders = ordersFrom(0, 1_500);
  // Within the four tries of one PUT: a round that fails is repeated after a pause, and that is another test's.
  const onPut = [
    faults.inject("put", { kind: "cut-request" }, { times: 1 }),
    faults.inject("put", { kind: "lie", status: 500, code: "InternalError" }, { times: 1 }),
    faults.inject("put", { kind: "refuse", status: 503, code: "SlowDown" }, { times: 1 }),
  ];
  const onList = faults.inject("list", { kind: "cut-answer" }, { times: 1 });
  const late = faults.inject("list", { kind: "unlisted" });
  await sendAll(`${origin}/orders`, orders, 30, 10);
  // An object that the store took and does not list: the head keeps its documents, and says why.
  const waiting = await weir.until(
    ({ store }) => store.lastError?.includes("does not list it") === true,
    WITHIN_MS,
  );
  expect(waiting.collections[0]).toMatchObject({ documents: 1_500, notInStore: 1_500 });
  expect(await readCollection(weir, "shop/orders")).toEqual(orders);
  late.lift();
  await weir.until(isStored, WITHIN_MS);
  expect(await weir.stop()).toBe(0);

  write("flows/spend.flow.ts", SPEND);
  const onGet = [
    faults.inject("get", { kind: "cut-answer" }, { times: 1 }),
    faults.inject("get", { kind: "flip" }, { times: 2 }),
    // Not for a task to give up: a person puts it right in the bucket, and nothing has to be restarted.
    faults.inject("get", { kind: "refuse", status: 403, code: "AccessDenied" }, { times: 1 }),
    faults.inject("get", { kind: "refuse", status: 503, code: "SlowDown" }, { times: 1 }),
  ];
  weir.start();
  await weir.until(allCaughtUp, WITHIN_MS);
  expect(await readCollection(weir, "shop/orders")).toEqual(orders);
  expect(await spend(weir)).toEqual(expectedSpend(orders));
  expect([...onPut, onList, late, ...onGet].map(({ fired }) => fired > 0)).not.toContain(false);
}, 180_000);

it("a damaged or lost fragment halts who reads it, by name, and no one else; put back, it goes on exactly", async () => {
  const { weir, origin, write, directory } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/returns.flow.ts": OTHER },
    {},
    FRAGMENTS,
  );
  weir.start();
  await weir.until(isRunning, WITHIN_MS);
  const orders = ordersFrom(0, 600);
  await sendAll(`${origin}/orders`, orders, 100, 0);
  await weir.until(isStored, WITHIN_MS);
  await weir.stop();

  const store = await openStore({ directory: join(directory, ".weir", "store") });
  onTestFinished(() => store.close());
  const full = (await keysOf(store)).filter((key) => key.startsWith("shop/orders/p=00/date="));
  const second = full[1] ?? "";
  expect(full.length).toBeGreaterThan(2);
  const whole = Buffer.from(await store.get(second));
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 1;

  write("flows/spend.flow.ts", SPEND);
  const spoilt: readonly [() => Promise<void>, RegExp][] = [
    [() => store.put(second, flipped), /is damaged: /],
    [() => store.put(second, whole.subarray(0, whole.length - 7)), /is damaged: unexpected end/],
    [() => store.put(second, Buffer.alloc(0)), /is damaged: it is not a zstd frame/],
    [() => store.delete([second]), /There is no object .* put it back/],
  ];
  for (const [i, [spoil, reason]] of spoilt.entries()) {
    await spoil();
    if (i === 0) weir.start();
    else await tellRunning(weir.dataDir, { kind: "reopen", task: "shop/spend-by-customer" });
    const halted = await weir.until(
      (status) => reason.test(taskOf(status, "shop/spend-by-customer")?.lastError ?? ""),
      WITHIN_MS,
      "allowed",
    );
    expect(taskOf(halted, "shop/spend-by-customer")).toMatchObject({
      state: "halted",
      lastError: expect.stringContaining(second),
    });
  }
  // `weir read` serves what is before it, names it, and fails.
  const read = await weir.command("read", "shop/orders");
  expect(read).toMatchObject({ code: 1, stderr: expect.stringContaining(second) });
  const served = read.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(served).toEqual(orders.slice(0, served.length));
  // The others go on.
  expect((await post(`${origin}/returns`, ordersFrom(0, 10))).status).toBe(200);
  await weir.until((status) => documentsOf(status, "shop/returned") === 10, WITHIN_MS, "allowed");

  await store.put(second, whole);
  await tellRunning(weir.dataDir, { kind: "reopen", task: "shop/spend-by-customer" });
  // The status shows what it was until the task is open.
  await weir.until(allCaughtUp, WITHIN_MS, "allowed");
  expect(await spend(weir)).toEqual(expectedSpend(orders));
  expect(await readCollection(weir, "shop/orders")).toEqual(orders);
}, 180_000);

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  return keys;
}

function documentsOf({ collections }: StatusReport, name: string): number | undefined {
  return collections.find((collection) => collection.name === name)?.documents;
}
