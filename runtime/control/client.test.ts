import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { askRunning, json } from "./client.ts";
import { socketPath } from "./socket-path.ts";

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "weir-control-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

async function listen(dataDir: string, answers: boolean): Promise<void> {
  const server = createServer((_, response) => {
    if (answers) response.end('{"ok":true}');
  });
  server.listen(socketPath(dataDir));
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

it("says which process has not answered, where one takes the question and is silent", async () => {
  const dataDir = directory();
  writeFileSync(join(dataDir, "running.json"), JSON.stringify({ pid: 4711 }));
  await listen(dataDir, false);
  await expect(askRunning(dataDir, "/status", { withinMs: 100 })).rejects.toThrow(
    /process 4711 that runs on .* has not answered within 0.1 s/,
  );
});

it("never asks the process of the directory that this one is a copy of", async () => {
  const [original, copy] = [directory(), directory()];
  await listen(original, true);
  writeFileSync(join(copy, "running.json"), JSON.stringify({ pid: 4711, socket: socketPath(original) }));
  const answer = await askRunning(original, "/status");
  expect(answer && (await json(answer))).toEqual({ ok: true });
  expect(await askRunning(copy, "/status")).toBeUndefined();
});
