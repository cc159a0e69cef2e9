import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { lockDataDirectory, readHolder } from "./data-directory-lock.ts";

const LOCK = new URL("./data-directory-lock.ts", import.meta.url).href;

it("is refused while another process holds it, in one sentence that names that process", async () => {
  const directory = scratch();
  const holder = await holdInChild(directory);
  await expect(lockDataDirectory(directory)).rejects.toThrow(
    `Another weir (process ${holder.pid}) is running on the data directory ${directory}; stop it first, or give this one its own dataDir.`,
  );
  holder.kill("SIGTERM");
  await once(holder, "exit");
});

it("is free again at once when its holder was killed", async () => {
  const directory = scratch();
  const holder = await holdInChild(directory);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = await lockDataDirectory(directory);
  lock.announce({ pid: process.pid });
  expect(readHolder(directory)).toEqual({ pid: process.pid });
  lock.release();
  expect(readHolder(directory)).toBeUndefined();
});

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "weir-lock-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function holdInChild(directory: string) {
  const script = `
    const { lockDataDirectory } = await import(${JSON.stringify(LOCK)});
    const lock = await lockDataDirectory(${JSON.stringify(directory)});
    lock.announce({ pid: process.pid });
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--conditions=weir-source", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}
