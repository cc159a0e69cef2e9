/** Starts one Postgres and one Redis for a whole run of tests; `test-servers.ts` hands them out. */
import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Neither is left behind if the other fails: each ends with this process.
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendonly: false })]);
  project.provide("postgresUrl", postgres.url);
  project.provide("redisUrl", redis.url);
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  };
}

declare module "vitest" {
  interface ProvidedContext {
    /** Of the database `postgres` on the run's server. */
    postgresUrl: string;
    /** Of database 0 on the run's server. */
    redisUrl: string;
  }
}
