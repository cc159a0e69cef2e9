/**
 * `npm run test:faults -- --seed N --rounds N --only TEXT`: all scenarios, or so many that the seed chooses, or those whose
 * name contains the text. Exit 1 where anything differs, a fault did not fire, or a seeded defect was not caught.
 */
import { parseArgs } from "node:util";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { choose, runScenarios } from "./run.ts";
import { randomFrom } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { serversAt } from "./servers.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, rounds: { type: "string" }, only: { type: "string" } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}`);
const [postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendonly: false })]);
const servers = await serversAt(postgres.url, redis.url);
try {
  const wanted = scenarios().filter(({ name }) => name.includes(values.only ?? ""));
  const chosen = choose(wanted, Number(values.rounds ?? wanted.length), randomFrom(seed));
  const { verdict, good } = await runScenarios(chosen, { seed, servers, print: console.log });
  console.log(verdict);
  process.exitCode = good ? 0 : 1;
} finally {
  await Promise.all([servers.stop(), postgres.stop(), redis.stop()]);
}
// Connections that a driver keeps open must not keep the verdict from being the last word.
process.exit();
