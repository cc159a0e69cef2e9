/** The servers that all scenarios of a run share, and a fresh place on each for every round. */
import { randomBytes } from "node:crypto";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { withClient } from "../servers/postgres.ts";
import { withRedis } from "../servers/redis.ts";

export interface Servers {
  /** A new, empty Postgres database. */
  database(): Promise<string>;
  /** An empty Redis database. One round at a time has it. */
  redis(): Promise<string>;
  readonly s3: S3Place;
  stop(): Promise<void>;
}

/** Where S3 rounds keep their history; a prefix each. */
export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
}

/** Beside a Postgres and a Redis that are there already, and are left as they are. */
export async function serversAt(postgresUrl: string, redisUrl: string): Promise<Servers> {
  const s3: FauxqsServer = await startFauxqs({ port: 0, logger: false });
  s3.createBucket("history");
  const databases: string[] = [];
  return {
    async database() {
      // One round at a time: the former's database is not needed any more.
      for (const name of databases.splice(0)) {
        await withClient(postgresUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
      }
      const name = `faults_${randomBytes(6).toString("hex")}`;
      await withClient(postgresUrl, (client) => client.query(`CREATE DATABASE ${name}`));
      databases.push(name);
      const url = new URL(postgresUrl);
      url.pathname = `/${name}`;
      return url.href;
    },
    async redis() {
      const url = `${redisUrl}/15`;
      await withRedis(url, (redis) => redis.flushdb());
      return url;
    },
    s3: { endpoint: `http://127.0.0.1:${s3.port}`, bucket: "history" },
    stop: () => s3.stop(),
  };
}
