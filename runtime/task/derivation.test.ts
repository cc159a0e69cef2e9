import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "../head/embedded-head.ts";
import type { Head } from "../head/head.ts";
import { HeadService } from "../head/head-service.ts";
import { openStore } from "../store/store.ts";
import { runDerivation } from "./derivation.ts";
import type { DerivationTask } from "./task.ts";

it("a stop that comes while it reads never moves the checkpoint past documents that it has not transformed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-derivation-"));
  const head = new HeadService(new EmbeddedHead(join(directory, "head")), (error) => {
    throw error;
  });
  onTestFinished(async () => {
    await head.close();
    rmSync(directory, { recursive: true });
  });
  const store = await openStore({ directory: join(directory, "store") });
  const [source, target] = await head.ensureJournals([
    { collection: "a", partition: 0 },
    { collection: "b", partition: 0 },
  ]);
  if (!source || !target) throw new Error("no journals");
  const { fence } = await head.openTask("a");
  await head.commit({
    task: "a",
    fence,
    appends: [{ journal: source.id, count: 2, lines: Buffer.from('{"id":1}\n{"id":2}\n') }],
  });
  const bundleFile = join(directory, "bundle.mjs");
  writeFileSync(bundleFile, "export default (document) => document;\n");
  const task: DerivationTask = {
    kind: "derivation",
    name: "b",
    plan: { sources: [{ collection: "a" }], transform: { bundle: "", params: {} } },
    collection: { schema: { type: "object" }, key: ["id"], reduce: {} },
    sourceName: "a",
    source: { id: source.id, partition: 0, epoch: 1 },
    target: { id: target.id, partition: 0, epoch: 1 },
    bundleFile,
  };
  const stop = new AbortController();
  const stopping: Head = new Proxy(head, {
    get: (service, name) =>
      name === "read"
        ? async (...args: Parameters<Head["read"]>) => {
            stop.abort();
            return service.read(...args);
          }
        : Reflect.get(service, name).bind(service),
  });
  await runDerivation(task, stopping, store, stop.signal, () => {});
  const [checkpoint] = await head.checkpoints(["b"]);
  const position = (checkpoint as Record<string, [number, number]> | undefined)?.[source.id]?.[1] ?? 0;
  const derived = (await head.journals()).find(({ id }) => id === target.id)?.next;
  expect(derived).toBe(position);
});
