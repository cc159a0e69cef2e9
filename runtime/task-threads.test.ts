import { once } from "node:events";
import { tmpdir } from "node:os";
import type { Worker } from "node:worker_threads";
import { expect, it, onTestFinished } from "vitest";
import type { PlannedTask } from "./task/task.ts";
import { TaskThreads } from "./task-threads.ts";

const parts = {
  settings: { baseDir: tmpdir(), http: { host: "127.0.0.1", port: 0 } },
  store: { directory: tmpdir() },
  threadMemoryMb: 100,
};
const derivation = (name: string) => [{ kind: "derivation", name } as PlannedTask];

it("gives a thread that waits once, and ends those that nobody takes", async () => {
  const threads = new TaskThreads(parts);
  threads.prepare([derivation("a"), derivation("b")]);
  const [first, second] = [threads.take(derivation("a")), threads.take(derivation("a"))];
  onTestFinished(async () => void (await Promise.all([first.terminate(), second.terminate()])));
  expect(second).not.toBe(first);
  expect([first.threadName, second.threadName]).toEqual(["a", "a"]);
  const ends: string[] = [];
  for (const worker of [first, second]) worker.once("exit", () => ends.push("taken"));
  await threads.endWaiting();
  expect(ends).toEqual([]);
});

it("gives no thread that has ended while it waited", async () => {
  const threads = new TaskThreads(parts);
  const started = once(process, "worker") as Promise<[Worker]>;
  threads.prepare([derivation("a")]);
  const [waiting] = await started;
  await waiting.terminate();
  const taken = threads.take(derivation("a"));
  onTestFinished(async () => void (await taken.terminate()));
  expect(taken).not.toBe(waiting);
  expect(taken.threadId).toBeGreaterThan(0);
});

it("survives what happens to a thread that waits", async () => {
  const threads = new TaskThreads(parts);
  const started = once(process, "worker") as Promise<[Worker]>;
  threads.prepare([derivation("a")]);
  const [waiting] = await started;
  waiting.emit("error", new Error("Its memory is used up.")); // as Node does: it throws where nobody listens
  const taken = threads.take(derivation("a"));
  onTestFinished(async () => void (await Promise.all([taken.terminate(), waiting.terminate()])));
  expect(taken).not.toBe(waiting);
});
