/**
 * Two machines and one store: the first is paused while it moves history there, its successor runs on a copy of its disk,
 * and the first goes on. What a lake reader finds in the end is the successor's history, once.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import { compareJournals, compareStore, compareTargets, readJournals } from "./compare.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { Feeder } from "./feeder.ts";
import { copyHistory } from "./history.ts";
import { copyProject, removeDirectory } from "./project.ts";
import type { Outcome, Scenario, ScenarioContext } from "./scenario.ts";
import { TUNING } from "./tuning.ts";
import { caughtUp, stopAt } from "./zombies.ts";

/** For the one that came back to finish what it was at, and to try more. */
const AWAKE_MS = 3_000;
const FEED_PAUSE_MS = 15;

const POINTS: readonly ProtocolPoint[] = [
  "archive.intend.before",
  "archive.intend.after",
  "archive.upload.after",
  "archive.publish.after",
  "archive.tails.before",
  "archive.trim.before",
];

export function storeZombieScenarios(): Scenario[] {
  return POINTS.map((point) => ({
    name: `zombie at ${point}, one store`,
    run: (context) => storeZombie(point, context),
  }));
}

async function storeZombie(point: ProtocolPoint, context: ScenarioContext): Promise<Outcome> {
  const history = await context.history("s3");
  const first = await copyHistory(history);
  const env = { DATABASE_URL: await context.servers.database(), REDIS_URL: await context.servers.redis() };
  const old = new FaultyRuntime({ directory: first.directory, env, edits: TUNING });
  const feeder = new Feeder(first.origin, first.directory, history.sent);
  const directories = [first.directory];
  const runtimes = [old];
  try {
    await stopAt(old, point, feeder);
    const second = await copyProject(first.directory, first.store);
    directories.push(second.directory);
    const successor = new FaultyRuntime({ directory: second.directory, env, edits: TUNING });
    runtimes.push(successor);
    feeder.moveTo(second.origin, second.directory);
    successor.start("live");
    await caughtUp(successor, feeder);
    feeder.start(FEED_PAUSE_MS);
    old.resume();
    await sleep(AWAKE_MS);
    await old.weir.kill();
    await caughtUp(successor, feeder);
    // A start looks for what others have left.
    await successor.weir.stop();
    successor.start();
    feeder.start(FEED_PAUSE_MS);
    await caughtUp(successor, feeder);
    const dataDir = join(second.directory, ".weir");
    const places = { dataDir, store: first.store, database: env.DATABASE_URL, redis: env.REDIS_URL };
    const journals = await readJournals(dataDir);
    const differences = [
      ...compareJournals(journals, feeder.sent),
      ...(await compareTargets(journals, places)),
    ];
    await successor.weir.stop();
    differences.push(...(await compareStore(journals, places)));
    if (differences.length > 0) context.log(`${old.weir.log()}\nthe successor:\n${successor.weir.log()}`);
    return { fired: 1, missed: [], differences };
  } finally {
    for (const { weir } of runtimes) await weir.kill();
    await feeder.end();
    for (const directory of directories) removeDirectory(directory);
  }
}
