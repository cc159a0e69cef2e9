import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { EmbeddedHead } from "./embedded-head.ts";

const COMMIT_FOREVER = fileURLToPath(new URL("fixtures/commit-forever.ts", import.meta.url));

/** Runs the fixture until it has told of some commits, kills it in the midst of the next; returns the last one told. */
async function killed(directory: string, commits: number): Promise<number> {
  const child = spawn(process.execPath, ["--conditions=weir-source", COMMIT_FOREVER, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let told = "";
  child.stdout.on("data", (part: Buffer) => {
    told += part.toString();
    if (told.split("\n").length > commits) child.kill("SIGKILL");
  });
  await once(child, "close");
  return Number(told.trimEnd().split("\n").at(-1));
}

it("after a kill has documents, checkpoint and state of the same transactions, those that were told among them", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weir-killed-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  let before = 0;
  for (const commits of [1, 7, 40]) {
    const told = await killed(directory, commits);
    const head = new EmbeddedHead(directory);
    const n = head.checkpoint("t") as number;
    expect(told).toBeGreaterThanOrEqual(before + commits);
    expect(n).toBeGreaterThanOrEqual(told);
    expect(head.journals()).toMatchObject([{ next: n }]);
    const keys = ["newest", `of ${n}`, `of ${n - 1}`, `of ${n + 1}`];
    expect(head.readState("t", "s", keys)).toEqual([String(n), String(n), undefined, undefined]);
    const [journal] = head.journals();
    expect(head.horizon(["a"]).clock).toBeGreaterThanOrEqual(journal?.lastAt ?? Number.POSITIVE_INFINITY);
    await head.close();
    before = n;
  }
});
