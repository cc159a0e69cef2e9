import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { openStore } from "../store/store.ts";
import { JournalReader } from "./reader.ts";

async function world() {
  const directory = mkdtempSync(join(tmpdir(), "weir-reader-"));
  const head: Head & { close(): Promise<void> } = new HeadService(
    new EmbeddedHead(join(directory, "head")),
    (error) => {
      throw error;
    },
  );
  const store = await openStore({ directory: join(directory, "store") });
  onTestFinished(async () => {
    await head.close();
    rmSync(directory, { recursive: true });
  });
  const [journal] = await head.ensureJournals([{ collection: "a", partition: 0 }]);
  const { fence } = await head.openTask("a");
  const id = journal?.id ?? "";
  const append = (n: number) =>
    head.commit({
      task: "a",
      fence,
      appends: [{ journal: id, count: 1, lines: Buffer.from(`{"n":${n}}\n`) }],
    });
  return { head, store, id, append };
}

it("waits at the end for the next document, and gets it", async () => {
  const { head, store, id, append } = await world();
  await append(0);
  const reader = new JournalReader(head, store, id, 0);
  const never = new AbortController().signal;
  expect(await reader.next(never)).toMatchObject({ next: 1, history: false });
  const waiting = reader.next(never);
  await append(1);
  expect(await waiting).toMatchObject({ next: 2, runs: [{ first: 1, count: 1 }] });
});

it("stops waiting when the signal aborts, also when that happens while it asks", async () => {
  const { head, store, id } = await world();
  const waiting = new AbortController();
  const before = new JournalReader(head, store, id, 0).next(waiting.signal);
  await new Promise((resolve) => setTimeout(resolve, 20));
  waiting.abort();
  expect(await before).toBeUndefined();

  const asking = new AbortController();
  const slow: Head = new Proxy(head, {
    get: (target, name) =>
      name === "read"
        ? async (...args: Parameters<Head["read"]>) => {
            asking.abort();
            return target.read(...args);
          }
        : Reflect.get(target, name).bind(target),
  });
  expect(await new JournalReader(slow, store, id, 0).next(asking.signal)).toBeUndefined();
});
