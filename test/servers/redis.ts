import { randomBytes } from "node:crypto";
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./free-port.ts";
import { type SupervisedServer, startSupervised } from "./supervised.ts";
import { systemBinary } from "./system-binary.ts";

export interface RedisOptions {
  /** Whether it logs every command to its append-only file, so that a restart finds them. Default true. */
  readonly appendonly?: boolean;
  /** More settings, by their names in redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RedisServer {
  /** With the password in it. */
  readonly url: string;
  /** Ends the server, cleanly or as a crash, and starts it again on the same port and data. */
  restart(how?: "clean" | "crash"): Promise<void>;
  /** Keeps what is on its disk now, for `rollBack`. */
  keep(): Promise<void>;
  /** Crashes it, and starts it with what `keep` kept: what a crash of the machine leaves under `appendfsync everysec`. */
  rollBack(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 10_000;

/** A new, empty Redis on a free port of 127.0.0.1. It ends with this process, whatever ends that. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = await systemBinary("redis-server", "redis-server", "These tests need");
  const dir = await mkdtemp(join(tmpdir(), "weir-redis-"));
  await chmod(dir, 0o700);
  const password = randomBytes(12).toString("hex");
  const port = await freePort();
  const url = `redis://:${password}@127.0.0.1:${port}`;
  const settings: Record<string, string> = {
    port: String(port),
    bind: "127.0.0.1",
    requirepass: password,
    save: "",
    appendonly: options.appendonly === false ? "no" : "yes",
    appendfsync: "everysec",
    ...options.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const start = async () => {
    const server = await startSupervised({ command, args, dir, stopSignal: "TERM", uid: undefined });
    await ready(server, url);
    return server;
  };
  const kept = join(dir, "kept");
  let server: SupervisedServer;
  try {
    server = await start();
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
  return {
    url,
    restart: async (how = "clean") => {
      await (how === "clean" ? server.stop("keep") : server.kill());
      server = await start();
    },
    keep: async () => {
      // The file is only ever appended to: any moment's copy is a beginning of it.
      await rm(kept, { recursive: true, force: true });
      await cp(join(dir, "appendonlydir"), kept, { recursive: true });
    },
    rollBack: async () => {
      await server.kill();
      await rm(join(dir, "appendonlydir"), { recursive: true });
      await cp(kept, join(dir, "appendonlydir"), { recursive: true });
      server = await start();
    },
    stop: () => server.stop("remove"),
  };
}

async function ready(server: SupervisedServer, url: string): Promise<void> {
  const until = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      return void (await withRedis(url, (redis) => redis.ping()));
    } catch (error) {
      if (server.running() && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      const log = server.log();
      await server.stop("keep");
      throw new Error(`Redis did not start; its log ends:\n${log}`, { cause: error });
    }
  }
}

export async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}
