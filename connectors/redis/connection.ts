import { Redis } from "ioredis";
import { HaltError } from "../driver.ts";

/**
 * A connection that does not reconnect and repeats nothing by itself: after a loss the task opens a new session, and finds
 * out there how far it got.
 */
export async function connect(url: string): Promise<Redis> {
  if (!URL.canParse(url)) {
    throw new HaltError(
      "The url of the Redis target is no valid one; it reads redis://user:password@host:port/0.",
    );
  }
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: "weir",
    connectTimeout: 10_000,
    keepAlive: 10_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
  });
  let reason: Error | undefined;
  // `connect` itself only says that the connection is closed; and without a listener the event would end the process.
  redis.on("error", (error: Error) => {
    reason = error;
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw withoutCommand(reason ?? error);
  }
  return redis;
}

/** ioredis' errors carry the whole command, values and password included: none of that belongs into a log. */
export function withoutCommand(error: unknown): Error {
  if (error instanceof HaltError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Within a script, Redis 6 and 7 word a missing right differently from NOPERM, each in its own way.
  if (
    /^(NOPERM|WRONGTYPE)|ACL failure|can't (run this command|access at least one of the keys)/.test(message)
  ) {
    return new HaltError(
      `Redis refused a command of the task: ${message}. Put right what it names, then start the task again.`,
    );
  }
  return new Error(`Redis: ${message}`);
}

/** The oldest version whose scripts are replicated by their effects, as one transaction. */
const OLDEST_MAJOR = 6;

/** Throws `HaltError` for a server that could lose or spread rows behind the task's back. */
export async function checkServer(redis: Redis): Promise<void> {
  const info = parseInfo(await redis.info());
  const version = info.get("redis_version") ?? "unknown";
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new HaltError(`The server is Redis ${version}; Weir needs ${OLDEST_MAJOR} or newer.`);
  }
  if (info.get("cluster_enabled") === "1") {
    throw new HaltError(
      "The server is a Redis Cluster, in which no transaction spans all rows and the checkpoint; use a single server, with replicas if you like.",
    );
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (info.get("maxmemory") !== "0" && policy !== "noeviction") {
    throw new HaltError(
      `The server evicts rows when its memory is full (maxmemory-policy ${policy}); run CONFIG SET maxmemory-policy noeviction, and set it in redis.conf too.`,
    );
  }
}

function parseInfo(info: string): Map<string, string> {
  const lines = info.split("\r\n").map((line) => line.split(":"));
  return new Map(lines.flatMap(([name, ...value]) => (name === undefined ? [] : [[name, value.join(":")]])));
}
