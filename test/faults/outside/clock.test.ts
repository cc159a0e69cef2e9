/** The wall clock is set back and forward, while it runs and between runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { ORDERS, type Order, ordersFrom } from "../../end-to-end/orders.ts";
import { project } from "../../end-to-end/project.ts";
import { sendAll } from "../../end-to-end/sender.ts";
import { allCaughtUp, taskOf, type WeirProcess } from "../../servers/weir-process.ts";
import { readCollection } from "./read-collection.ts";

const WITHIN_MS = 60_000;
const DAY_MS = 86_400_000;
const SET_CLOCK = fileURLToPath(new URL("fixtures/set-clock.ts", import.meta.url));

/** Each order a second later, numbered by the state of its customer. */
const DELAYED = `
import { derive } from "weir";
import { z } from "zod";
import { orders } from "./orders.flow.ts";

derive("shop/delayed", {
  schema: z.object({ id: z.string(), place: z.int() }),
  key: ["id"],
  from: { orders: orders.read({ readDelay: "1s" }).by("customer") },
  state: { schema: z.object({ count: z.int() }), initial: { count: 0 } },
  on: { orders: ({ id }, { state }) => ({ id, place: ++state.count }) },
});
`;

it("a clock that is set back by a day and forward by two loses nothing, reorders nothing, and lets nothing wait", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-clock-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "offset");
  const setClock = (ms: number) => writeFileSync(file, String(ms));
  setClock(0);
  const { weir, origin } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/delayed.flow.ts": DELAYED },
    { WEIR_CLOCK: file, NODE_OPTIONS: `--import=${SET_CLOCK}` },
    "fragments: { targetBytes: 20_000, maxAgeSeconds: 1 },",
  );
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  let sent = 0;
  const send = async (count: number) => {
    await sendAll(`${origin}/orders`, ordersFrom(sent, sent + count), 20, 5);
    sent += count;
    await settled(weir, sent);
  };
  await send(100);
  setClock(-DAY_MS);
  await send(100);
  await weir.kill();
  setClock(-2 * DAY_MS);
  weir.start();
  await send(100);
  setClock(2 * DAY_MS);
  await send(100);
  setClock(0);
  await send(100);

  const expected = ordersFrom(0, sent);
  const orders = await readCollection<Order & { _meta: { offset: number; at: string } }>(
    weir,
    "shop/orders",
    { meta: true },
  );
  expect(orders.map(({ _meta, ...order }) => order)).toEqual(expected);
  expect(orders.map(({ _meta }) => _meta.offset)).toEqual(expected.map((_, i) => i));
  const times = orders.map(({ _meta }) => _meta.at);
  expect(times).toEqual(times.toSorted());
  // The fault did happen: some were taken in when the clock was two days ahead.
  expect(times.at(-1)?.slice(0, 10)).toBe(new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10));
  const places = new Map<string, number>();
  const byCustomer = expected.map(({ id, customer }) => {
    places.set(customer, (places.get(customer) ?? 0) + 1);
    return { id, place: places.get(customer) };
  });
  expect(await readCollection(weir, "shop/delayed")).toEqual(byCustomer);
}, 180_000);

/** All is taken in, derived, and in the store. */
async function settled(weir: WeirProcess, documents: number): Promise<void> {
  await weir.until(
    (status) =>
      allCaughtUp(status) &&
      status.collections.every(
        (collection) => collection.documents === documents && collection.notInStore === 0,
      ),
    WITHIN_MS,
  );
}
