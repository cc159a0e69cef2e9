import { startFauxqs } from "fauxqs";
import { expect, it, onTestFinished } from "vitest";
import { startTcpProxy } from "../servers/tcp-proxy.ts";
import { taskOf } from "../servers/weir-process.ts";
import { ORDERS, ordersFrom } from "./orders.ts";
import { post, project } from "./project.ts";

const WITHIN_MS = 60_000;

it("captures go on while the store is out of reach, over a restart too, and it gets everything later", async () => {
  const s3 = await startFauxqs({ port: 0, logger: false });
  onTestFinished(() => s3.stop());
  s3.createBucket("history");
  const network = await startTcpProxy(s3.port);
  onTestFinished(() => network.close());
  const { weir, origin } = await project(
    { "flows/orders.flow.ts": ORDERS },
    {},
    `store: { s3: { bucket: "history", endpoint: "http://127.0.0.1:${network.port}", pathStyle: true, accessKeyId: "test", secretAccessKey: "test" } },
     fragments: { targetBytes: 10_000, maxAgeSeconds: 1 },`,
  );
  const running = async () =>
    weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  weir.start();
  await running();
  expect((await post(`${origin}/orders`, ordersFrom(0, 300))).status).toBe(200);
  await weir.until(({ collections }) => collections[0]?.notInStore === 0, WITHIN_MS);

  network.cut();
  expect((await post(`${origin}/orders`, ordersFrom(300, 600))).status).toBe(200);
  const cut = await weir.until(({ store }) => store.lastError !== null, WITHIN_MS);
  expect(cut.collections[0]).toMatchObject({ documents: 600, notInStore: 300 });
  await weir.kill();
  weir.start();
  await running();
  expect((await post(`${origin}/orders`, ordersFrom(600, 900))).status).toBe(200);

  network.mend();
  const mended = await weir.until(({ collections }) => collections[0]?.notInStore === 0, WITHIN_MS);
  expect(mended.collections[0]?.documents).toBe(900);
  const { stdout } = await weir.command("read", "shop/orders");
  const read = stdout.trimEnd().split("\n");
  expect(read.map((line) => JSON.parse(line))).toEqual(ordersFrom(0, 900));
}, 120_000);
