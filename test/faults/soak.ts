/**
 * `npm run test:soak -- --minutes N --seed N`: load for that long, kills at random moments, and in the end every total
 * exact. Memory is flat if the runtime's median in the last quarter of the time is at most `GROWTH` times what it was in
 * the second quarter (the first is warm-up), or `FLOOR_MB` more. Samples of a process younger than 5 s do not count.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { compareJournals, compareStore, compareTargets, readJournals } from "./compare.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { Feeder } from "./feeder.ts";
import { copyHistory, makeHistory } from "./history.ts";
import { removeDirectory } from "./project.ts";
import { integer, randomFrom } from "./scenario.ts";
import { serversAt } from "./servers.ts";

const GROWTH = 1.25;
const FLOOR_MB = 64;
const SAMPLE_MS = 1_000;
const WARM_AFTER_MS = 5_000;
const CAUGHT_UP_WITHIN_MS = 300_000;
/** About 400 documents a second, which is what two shared cores and nine tasks take without falling behind. */
const FEED_PAUSE_MS = 45;

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } });
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const random = randomFrom(seed);
console.log(`seed ${seed}, ${minutes} minutes`);

const [postgres, redis] = await Promise.all([startPostgres(), startRedis({ appendonly: false })]);
const servers = await serversAt(postgres.url, redis.url);
const history = await makeHistory({ kind: "directory" });
const copy = await copyHistory(history);
const env = { DATABASE_URL: await servers.database(), REDIS_URL: await servers.redis() };
// Sizes as they are by default: this is about the runtime as it runs.
const runtime = new FaultyRuntime({ directory: copy.directory, env, edits: [] });
const feeder = new Feeder(copy.origin, copy.directory, history.sent);
const started = Date.now();
const samples: { readonly at: number; readonly mb: number }[] = [];
let kills = 0;
let startedProcess = Date.now();
let failures: readonly string[] = ["it did not come to an end"];
try {
  runtime.start("live");
  feeder.start(FEED_PAUSE_MS);
  await load(started + minutes * 60_000);
  await feeder.stop();
  failures = [...(await differences()), ...growth()];
} finally {
  await runtime.weir.kill();
  await feeder.end();
  await Promise.all([servers.stop(), postgres.stop(), redis.stop()]);
  for (const { directory } of [copy, history]) removeDirectory(directory);
}
for (const failure of failures) console.log(failure);
console.log(
  `${feeder.sent.transfers.length} documents, ${kills} kills, ${failures.length} failures, median memory ${quarters().join(", ")} MB by quarter`,
);
process.exit(failures.length === 0 ? 0 : 1);

/** Kills every 20 to 60 seconds, and looks at memory in between. */
async function load(until: number): Promise<void> {
  let killAt = nextKill();
  while (Date.now() < until) {
    await sleep(SAMPLE_MS);
    if (!runtime.weir.running)
      throw new Error(`The runtime ended by itself:\n${runtime.weir.log().slice(-2_000)}`);
    if (Date.now() > killAt) {
      await runtime.weir.kill();
      kills++;
      runtime.start();
      startedProcess = Date.now();
      killAt = nextKill();
    } else if (Date.now() - startedProcess > WARM_AFTER_MS) {
      samples.push({ at: Date.now() - started, mb: residentMb(runtime.weir.pid ?? 0) });
    }
  }
}

function nextKill(): number {
  return Date.now() + integer(random, 20_000, 60_000);
}

/** Linux's own account of the process. */
function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kb ?? 0) / 1024);
}

/** Median of each quarter of the time, MB. */
function quarters(): number[] {
  const length = (minutes * 60_000) / 4;
  return [0, 1, 2, 3].map((quarter) => {
    const own = samples
      .filter(({ at }) => Math.min(3, Math.floor(at / length)) === quarter)
      .map(({ mb }) => mb);
    return own.sort((a, b) => a - b)[Math.floor(own.length / 2)] ?? 0;
  });
}

function growth(): string[] {
  const [, second = 0, , last = 0] = quarters();
  return last > Math.max(second * GROWTH, second + FLOOR_MB)
    ? [`Memory grew from ${second} MB to ${last} MB.`]
    : [];
}

async function differences(): Promise<string[]> {
  const { transfers, owners } = feeder.sent;
  await runtime.caughtUp(CAUGHT_UP_WITHIN_MS, {
    "bank/transfers": transfers.length,
    "bank/owners": owners.length,
  });
  const journals = await readJournals(copy.dataDir);
  const places = { ...copy, database: env.DATABASE_URL, redis: env.REDIS_URL };
  const found = [...compareJournals(journals, feeder.sent), ...(await compareTargets(journals, places))];
  await runtime.weir.stop();
  return [...found, ...(await compareStore(journals, places))];
}
