/** For test files: a database of their own on the servers that `global-setup.ts` started. */
import { randomBytes } from "node:crypto";
import { afterAll, inject } from "vitest";
import type {} from "./global-setup.ts";
import { withClient } from "./postgres.ts";
import { withRedis } from "./redis.ts";

/** A new, empty Postgres database, dropped when the test file ends. */
export async function testDatabase(): Promise<string> {
  const server = inject("postgresUrl");
  const name = `weir_${randomBytes(6).toString("hex")}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
  afterAll(() =>
    withClient(server, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`)).then(() => {}),
  );
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** An empty Redis database (of the numbers 1 to 15, in turn). */
export async function testRedis(): Promise<string> {
  const server = inject("redisUrl");
  const number = await withRedis(server, (redis) => redis.incr("weir-test-databases"));
  const url = `${server}/${((number - 1) % 15) + 1}`;
  await withRedis(url, (redis) => redis.flushdb());
  return url;
}
