import { execFileSync } from "node:child_process";
import { startRedis } from "../../test/servers/redis.ts";

/** The Redis that `REDIS_URL` names, or one started from the `redis-server` on the PATH, or none. */
export async function demoRedis(): Promise<{ readonly url: string; stop(): Promise<void> } | undefined> {
  const { REDIS_URL: url } = process.env;
  if (url) return { url, stop: async () => {} };
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return startRedis();
}
