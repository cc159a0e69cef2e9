import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { describeStore, keys } from "./fixtures/store-contract.ts";
import { openStore } from "./store.ts";

const made: string[] = [];

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "weir-store-"));
  made.push(directory);
  return directory;
}

afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

describe("a store in a directory", () => {
  describeStore(async () => openStore({ directory: join(await emptyDirectory(), "not", "yet") }));

  test("never lists what a killed put left behind", async () => {
    const directory = await emptyDirectory();
    const store = await openStore({ directory });
    await store.put("a/b", Buffer.from("1"));
    const left = ".weir-0123456789abcdef.tmp";
    await writeFile(join(directory, "a", left), "half of it");
    expect(await keys(store, "")).toEqual(["a/b"]);
    await store.put("a/c", Buffer.from("2"));
    expect((await readdir(join(directory, "a"))).sort()).toEqual([left, "b", "c"]);
  });

  test("goes on with what an earlier process stored", async () => {
    const directory = await emptyDirectory();
    await (await openStore({ directory })).put("x/y", Buffer.from("1"));
    const next = await openStore({ directory });
    expect(await keys(next, "")).toEqual(["x/y"]);
    await next.put("x/z", Buffer.from("2"));
    expect(Buffer.from(await next.get("x/y")).toString()).toBe("1");
  });

  test("keeps two puts of one key whole", async () => {
    const store = await openStore({ directory: await emptyDirectory() });
    const [a, b] = [Buffer.alloc(500_000, 1), Buffer.alloc(400_000, 2)];
    await Promise.all([store.put("k", a), store.put("k", b), store.put("k", a), store.put("k", b)]);
    const stored = await store.get("k");
    expect([a, b].some((bytes) => Buffer.compare(stored, bytes) === 0)).toBe(true);
  });

  test("does not load the S3 SDK", async () => {
    const { execFileSync } = await import("node:child_process");
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      const { openStore } = await import(${JSON.stringify(new URL("./store.ts", import.meta.url).href)});
      await openStore({ directory: ${JSON.stringify(await emptyDirectory())} });
      console.log(loaded.some((url) => url.includes("directory-store")), loaded.some((url) => /s3/.test(url.split("/").pop())));
    `;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(output.trim()).toBe("true false");
  });

  test("names the directory and the remedy where it cannot be opened", async () => {
    const directory = await emptyDirectory();
    await writeFile(join(directory, "file"), "");
    await expect(openStore({ directory: join(directory, "file") })).rejects.toThrow(
      /file cannot be opened: .*choose another/,
    );
    await expect(openStore({ directory: "relative/path" })).rejects.toThrow(
      /is relative: give an absolute path/,
    );
  });
});
