/** A round of the fault harness in which nothing is killed: what stands around the runtime does the harm. */
import { compareJournals, compareStore, compareTargets, readJournals } from "../compare.ts";
import type { Edit } from "../fault.ts";
import { FaultyRuntime } from "../faulty-runtime.ts";
import { Feeder } from "../feeder.ts";
import { copyHistory, type History } from "../history.ts";
import { removeDirectory } from "../project.ts";
import { STUCK } from "../round.ts";
import type { Outcome, ScenarioContext } from "../scenario.ts";
import { TUNING } from "../tuning.ts";

const FEED_PAUSE_MS = 15;

export interface Targets {
  readonly database: string;
  readonly redis: string;
}

export interface RoundUnderFaults {
  readonly history: History;
  readonly edits?: readonly Edit[];
  /** Where the runtime reaches its targets; the comparison goes there directly. */
  readonly through?: (targets: Targets) => Promise<Targets>;
  /** Does the harm while the runtime works and its client sends; how often. */
  readonly harm: (runtime: FaultyRuntime) => Promise<number>;
  readonly caughtUpWithinMs?: number;
}

export async function runUnderFaults(round: RoundUnderFaults, context: ScenarioContext): Promise<Outcome> {
  const copy = await copyHistory(round.history);
  const direct = { database: await context.servers.database(), redis: await context.servers.redis() };
  const targets = (await round.through?.(direct)) ?? direct;
  const runtime = new FaultyRuntime({
    directory: copy.directory,
    env: { DATABASE_URL: targets.database, REDIS_URL: targets.redis },
    edits: [...TUNING, ...(round.edits ?? [])],
  });
  const feeder = new Feeder(copy.origin, copy.directory, round.history.sent);
  const differences: string[] = [];
  let fired = 0;
  try {
    feeder.start(FEED_PAUSE_MS);
    runtime.start("live");
    fired = await round.harm(runtime);
    await feeder.stop();
    const { transfers, owners } = feeder.sent;
    await runtime
      .caughtUp(round.caughtUpWithinMs ?? 60_000, {
        "bank/transfers": transfers.length,
        "bank/owners": owners.length,
      })
      .catch((error: Error) => differences.push(`${STUCK}: ${error.message.slice(0, 500)}`));
    try {
      const journals = await readJournals(copy.dataDir);
      differences.push(...compareJournals(journals, feeder.sent));
      differences.push(...(await compareTargets(journals, { ...copy, ...direct })));
      await runtime.weir.stop();
      differences.push(...(await compareStore(journals, { ...copy, ...direct })));
    } catch (error) {
      differences.push(`what there is cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    if (differences.length > 0) context.log(runtime.weir.log());
  } finally {
    await runtime.weir.kill();
    await feeder.end();
    removeDirectory(copy.directory);
  }
  const missed = runtime.unapplied().map((file) => `${file} was never loaded`);
  return { fired, missed, differences };
}
