/**
 * `npm run test:edits -- --seed N --sequences N --steps N`: flows that are edited at random, each edit applied by a run. Exit 1
 * where what they leave is not what a fresh run of the last flow makes, or the oracle says.
 */
import { parseArgs } from "node:util";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { runSequences } from "./sequences.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, sequences: { type: "string" }, steps: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const [postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendonly: false })]);
try {
  const { verdict, good } = await runSequences({
    seed,
    sequences: Number(values.sequences ?? 10),
    steps: Number(values.steps ?? 6),
    ...{ postgresUrl: postgres.url, redisUrl: redis.url },
    print: console.log,
  });
  console.log(verdict);
  process.exitCode = good ? 0 : 1;
} finally {
  await Promise.all([postgres.stop(), redis.stop()]);
}
// Connections that a driver keeps open must not keep the verdict from being the last word.
process.exit();
