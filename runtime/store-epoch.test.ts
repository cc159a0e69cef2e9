import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "./head/embedded-head.ts";
import type { Head } from "./head/head.ts";
import { HeadService } from "./head/head-service.ts";
import { openStore } from "./store/store.ts";
import { storeEpoch } from "./store-epoch.ts";

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-epoch-"));
  const heads: Head[] = [];
  const head = (name: string) => {
    const service = new HeadService(new EmbeddedHead(join(directory, name)), (error) => {
      throw error;
    });
    heads.push(service);
    onTestFinished(() => service.close());
    return service;
  };
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return { head, store: await openStore({ directory: join(directory, "store") }) };
}

it("is taken once and kept", async () => {
  const { head, store } = await world();
  const mine = head("a");
  expect(await storeEpoch(mine, store)).toBe(1);
  expect(await storeEpoch(mine, store)).toBe(1);
});

it("is refused where another data directory writes its history", async () => {
  const { head, store } = await world();
  await storeEpoch(head("a"), store);
  await expect(storeEpoch(head("b"), store)).rejects.toThrow(
    /holds the history of another data directory .*_weir\/epochs\/00000001-/,
  );
});

it("is completed after a crash between claiming it in the store and knowing it", async () => {
  const { head, store } = await world();
  const mine = head("a");
  const cut = {
    ...store,
    description: store.description,
    list: store.list.bind(store),
    put: async (key: string, bytes: Uint8Array) => {
      await store.put(key, bytes);
      throw new Error("killed");
    },
  };
  await expect(storeEpoch(mine, cut as typeof store)).rejects.toThrow("killed");
  expect(await storeEpoch(mine, store)).toBe(1);
});
