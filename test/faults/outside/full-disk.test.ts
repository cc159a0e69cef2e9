/** The disk is full: that of the head, that of a store in a directory. */
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "../../../runtime/head/embedded-head.ts";
import { HeadService } from "../../../runtime/head/head-service.ts";
import { openStore, StoreError } from "../../../runtime/store/store.ts";
import { ORDERS, type Order, order, ordersFrom } from "../../end-to-end/orders.ts";
import { post, project } from "../../end-to-end/project.ts";
import { type SmallDisk, startSmallDisk } from "../../servers/small-disk.ts";
import { taskOf } from "../../servers/weir-process.ts";
import { readCollection } from "./read-collection.ts";

const WITHIN_MS = 60_000;
const MB = 1 << 20;
const FRAGMENTS = "fragments: { targetBytes: 10_000_000, maxAgeSeconds: 1 },";
const WITHOUT_RESERVE = fileURLToPath(new URL("fixtures/without-reserve.ts", import.meta.url));

async function disk(bytes: number): Promise<SmallDisk> {
  const small = await startSmallDisk(bytes);
  onTestFinished(() => small.close());
  return small;
}

it("the head refuses what its disk has no reserve for, says when to come again, and goes on by itself", async () => {
  const small = await disk(300 * MB);
  const { weir, origin } = await project({ "flows/orders.flow.ts": ORDERS }, {}, FRAGMENTS);
  putHeadOn(small, weir.dataDir);
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  expect((await post(`${origin}/orders`, ordersFrom(0, 10))).status).toBe(200);
  small.fill(200 * MB);
  await expect
    .poll(async () => (await post(`${origin}/orders`, [order(10)])).status, { timeout: WITHIN_MS })
    .toBe(503);
  const refused = await fetch(`${origin}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order(11)),
  });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    error: { message: expect.stringContaining("send it again") },
  });
  // What is there still goes to the store.
  await weir.until(({ collections }) => collections[0]?.notInStore === 0, WITHIN_MS);
  small.clear();
  await expect
    .poll(async () => (await post(`${origin}/orders`, [order(12)])).status, { timeout: WITHIN_MS })
    .toBe(200);
  const ids = (await readCollection<Order>(weir, "shop/orders")).map(({ id }) => id);
  expect(ids.slice(0, 10)).toEqual(ordersFrom(0, 10).map(({ id }) => id));
  expect(ids).not.toContain("o-11");
  expect(ids.at(-1)).toBe("o-12");
}, 120_000);

it("a write that fails in LMDB ends the process with a message, and a restart has all that was answered", async () => {
  const small = await disk(64 * MB);
  // The reserve is what keeps this from happening; here it is told that there is always room.
  const env = { NODE_OPTIONS: `--import=${WITHOUT_RESERVE}` };
  const { weir, origin } = await project({ "flows/orders.flow.ts": ORDERS }, env, FRAGMENTS);
  putHeadOn(small, weir.dataDir);
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  small.fill(512 * 1024);
  const answered: string[] = [];
  const asked: string[] = [];
  for (let i = 0; weir.running && i < 1_000; i++) {
    const bulky = { ...order(i), customer: "c".repeat(100_000) };
    asked.push(bulky.id);
    const answer = await post(`${origin}/orders`, [bulky]).catch(() => undefined);
    if (answer?.status === 200) answered.push(bulky.id);
  }
  expect(weir.exitCode).toBe(1);
  expect(weir.log()).toMatch(
    /ended: The head failed: The head could not write to .*: .*Its disk has 0 MB left/,
  );
  small.clear();
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  const read = (await readCollection<Order>(weir, "shop/orders")).map(({ id }) => id);
  expect(read.slice(0, answered.length)).toEqual(answered);
  // The one whose answer was lost may be there.
  expect(asked.slice(0, read.length)).toEqual(read);
  expect(read.length).toBeLessThanOrEqual(answered.length + 1);
}, 120_000);

it("any transaction of the head that the disk has no room for is told to the process, and leaves the others whole", async () => {
  const small = await disk(4 * MB);
  const directory = join(small.path, "head");
  const failures: Error[] = [];
  const service = new HeadService(new EmbeddedHead(directory), (error) => failures.push(error));
  const [journal] = await service.ensureJournals([{ collection: "a", logical: "", partition: 0 }]);
  const { fence } = await service.openTask("a");
  let told = 0;
  const commit = (n: number) => {
    const lines = Buffer.from(`${JSON.stringify({ n, text: "x".repeat(30_000) })}\n`);
    const appends = [{ journal: journal?.id ?? "", count: 1, lines }];
    return service.commit({ task: "a", fence, appends, checkpoint: n });
  };
  await expect(
    (async () => {
      for (;;) await commit(++told);
    })(),
  ).rejects.toThrow(/could not write to .*Its disk has 0 MB left/);
  expect(failures).toHaveLength(1);
  await expect(service.setNote("large", "y".repeat(200_000))).rejects.toThrow(/could not write/);
  expect(failures).toHaveLength(2);
  await service.close();
  const head = new EmbeddedHead(directory);
  expect(head.journals()).toMatchObject([{ next: told - 1 }]);
  expect(head.checkpoint("a")).toBe(told - 1);
  await head.close();
});

it("a store in a directory without room keeps no part of an object, and goes on when there is some", async () => {
  const small = await disk(2 * MB);
  const store = await openStore({ directory: join(small.path, "store") });
  await store.put("a/first", Buffer.alloc(100_000, 1));
  small.fill(50_000);
  const failed = store.put("a/second", Buffer.alloc(500_000, 2));
  await expect(failed).rejects.toThrow(/the disk is full \(ENOSPC\); free space, and it goes on by itself/);
  await expect(failed).rejects.toMatchObject({ transient: true });
  await expect(failed).rejects.toThrow(StoreError);
  // Not even the temporary file, which would keep the disk full.
  expect(readdirSync(join(small.path, "store", "a"))).toEqual(["first"]);
  // An object that is there keeps what it has.
  await expect(store.put("a/first", Buffer.alloc(500_000, 3))).rejects.toThrow(StoreError);
  expect(Buffer.compare(await store.get("a/first"), Buffer.alloc(100_000, 1))).toBe(0);
  small.clear();
  await store.put("a/second", Buffer.alloc(500_000, 2));
  expect((await store.get("a/second")).length).toBe(500_000);
});

/** The head alone is on the small disk: SQLite, whose lock the data directory has, does not follow a path through /proc. */
function putHeadOn(small: SmallDisk, dataDir: string): void {
  const head = join(small.path, "head");
  mkdirSync(head);
  mkdirSync(dataDir);
  symlinkSync(head, join(dataDir, "head"));
}
