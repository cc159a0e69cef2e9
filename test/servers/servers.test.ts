import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startPostgres, withClient } from "./postgres.ts";
import { startRedis, withRedis } from "./redis.ts";

describe("startPostgres", () => {
  it("keeps what was committed over a crash, and leaves nothing behind", { timeout: 60_000 }, async () => {
    const server = await startPostgres();
    const url = await server.createDatabase();
    await withClient(url, (client) => client.query("CREATE TABLE kept AS SELECT 42 AS n"));
    await server.restart("crash");
    const directory = await withClient(url, async (client) => {
      expect((await client.query("SELECT n FROM kept")).rows).toEqual([{ n: 42 }]);
      return (await client.query<{ dir: string }>("SELECT current_setting('data_directory') AS dir")).rows[0]
        ?.dir;
    });
    await server.stop();
    await expect(withClient(url, async () => {})).rejects.toThrow("ECONNREFUSED");
    expect(existsSync(String(directory))).toBe(false);
  });
});

describe("startRedis", () => {
  it("keeps what its append-only file holds over a restart", { timeout: 60_000 }, async () => {
    const server = await startRedis();
    await withRedis(server.url, (redis) => redis.set("kept", "42"));
    await server.restart();
    expect(await withRedis(server.url, (redis) => redis.get("kept"))).toBe("42");
    await server.stop();
    await expect(withRedis(server.url, (redis) => redis.ping())).rejects.toThrow();
  });

  it("ends when its starter is killed", { timeout: 60_000 }, async () => {
    const script = `import { startRedis } from ${JSON.stringify(new URL("redis.ts", import.meta.url).href)};
      console.log((await startRedis()).url); setInterval(() => {}, 1000);`;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [url] = await once(starter.stdout, "data");
    expect(await withRedis(String(url).trim(), (redis) => redis.ping())).toBe("PONG");
    starter.kill("SIGKILL");
    await expect
      .poll(() => withRedis(String(url).trim(), (redis) => redis.ping()).catch(() => "gone"), {
        timeout: 10_000,
      })
      .toBe("gone");
  });
});
