/**
 * A machine that stops in the middle of a step and comes back when another has taken over. The process is paused (SIGSTOP)
 * at a protocol point; its successor runs on a copy of its disk, on the same targets; then it goes on (SIGCONT), and takes
 * documents of its own, which no target may ever show.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import type { StatusReport } from "../../runtime/status-report.ts";
import { type Transfer, transfer } from "./bank.ts";
import { compareJournals, compareTargets, readJournals } from "./compare.ts";
import type { Edit } from "./fault.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { Feeder } from "./feeder.ts";
import { copyHistory } from "./history.ts";
import { copyProject, removeDirectory } from "./project.ts";
import type { Outcome, Scenario, ScenarioContext } from "./scenario.ts";
import { TUNING } from "./tuning.ts";

const WITHIN_MS = 60_000;
const FEED_PAUSE_MS = 15;
/** Of transfers that only the old machine gets. */
const STRAY = 10_000_019;

/** Once its fence is raised, up to the acknowledgement. Before that an instance is a successor like any other. */
const POINTS: readonly ProtocolPoint[] = [
  "materialization.store.before",
  "materialization.store.after",
  "postgres.copy.after",
  "postgres.commit.before",
  "postgres.commit.after",
  "redis.store.before",
  "redis.store.after",
  "derivation.commit.before",
  "head.commit.before",
  "http.answer.before",
];

const UNFENCED_REDIS: readonly Edit[] = [
  {
    file: "connectors/redis/scripts.ts",
    find: "if fence ~= ARGV[1] then return {'fence', fence} end",
    replace: "",
  },
  {
    file: "connectors/redis/scripts.ts",
    find: "if position ~= ARGV[2] then return {'position', position} end",
    replace: "",
  },
];

const UNFENCED_POSTGRES: readonly Edit[] = [
  {
    file: "connectors/postgres/fence.ts",
    find: "await endFormerBackend(client, schema, task, log);\n  const { rows } = await client.query<Ownership>(",
    replace: "const { rows } = await client.query<Ownership>(",
  },
  {
    file: "connectors/postgres/statements.ts",
    find: "WHERE task = $1 AND fence = $2 AND position IS NOT DISTINCT FROM $3",
    replace: "WHERE task = $1 AND coalesce($2::bigint::text, $3::text, '') IS NOT NULL",
  },
];

export const UNFENCED: readonly Edit[] = [...UNFENCED_REDIS, ...UNFENCED_POSTGRES];

export function zombieScenarios(): Scenario[] {
  return [
    ...POINTS.map((point) => ({
      name: `zombie at ${point}`,
      run: (context: ScenarioContext) => zombie(point, [], context),
    })),
    {
      name: "defect: Redis does not look at fence and position",
      defect: true,
      run: (context) => zombie("redis.store.before", UNFENCED_REDIS, context),
    },
    {
      name: "defect: Postgres does not look at fence and position",
      defect: true,
      run: (context) => zombie("materialization.store.before", UNFENCED_POSTGRES, context),
    },
    { name: "a paused process keeps its data directory", run: locked },
  ];
}

async function zombie(point: string, edits: readonly Edit[], context: ScenarioContext): Promise<Outcome> {
  const first = await copyHistory(await context.history("directory"));
  const env = { DATABASE_URL: await context.servers.database(), REDIS_URL: await context.servers.redis() };
  const old = new FaultyRuntime({ directory: first.directory, env, edits: [...TUNING, ...edits] });
  const feeder = new Feeder(first.origin, first.directory, (await context.history("directory")).sent);
  const directories = [first.directory];
  const runtimes = [old];
  try {
    await stopAt(old, point, feeder);
    const second = await copyProject(first.directory, first.store);
    directories.push(second.directory);
    const successor = new FaultyRuntime({ directory: second.directory, env, edits: [...TUNING, ...edits] });
    runtimes.push(successor);
    feeder.moveTo(second.origin, second.directory);
    successor.start("live");
    await caughtUp(successor, feeder);
    feeder.start(FEED_PAUSE_MS);
    old.resume();
    await sendStrays(first.origin);
    const fenced = await whatIsNotFenced(old);
    const stuck = await caughtUp(successor, feeder).catch(
      (error: Error) => `the successor: ${error.message.slice(0, 500)}`,
    );
    const journals = await readJournals(join(second.directory, ".weir"));
    const places = { dataDir: "", store: first.store, database: env.DATABASE_URL, redis: env.REDIS_URL };
    const differences = [
      ...compareJournals(journals, feeder.sent),
      ...(await compareTargets(journals, places)),
      ...(edits.length > 0 ? [] : [...fenced, ...(stuck === undefined ? [] : [stuck])]),
    ];
    if (differences.length > 0) context.log(`${old.weir.log()}\nthe successor:\n${successor.weir.log()}`);
    return { fired: 1, missed: [...old.unapplied()], differences };
  } finally {
    for (const { weir } of runtimes) await weir.kill();
    await feeder.end();
    for (const directory of directories) removeDirectory(directory);
  }
}

/** Ends with the process paused there, while the client waits for it. */
export async function stopAt(runtime: FaultyRuntime, point: string, feeder: Feeder): Promise<void> {
  runtime.start("live");
  await caughtUp(runtime, feeder);
  runtime.arm({ point, phase: "any", occurrence: 1, action: "stop" });
  feeder.start(FEED_PAUSE_MS);
  if (!(await runtime.until(() => runtime.hasFired, WITHIN_MS))) throw new Error(`${point} was not passed`);
}

export async function caughtUp(runtime: FaultyRuntime, feeder: Feeder): Promise<undefined> {
  await feeder.stop();
  const { transfers, owners } = feeder.sent;
  await runtime.caughtUp(WITHIN_MS, { "bank/transfers": transfers.length, "bank/owners": owners.length });
}

/** It is a runtime like any other to whoever still sends to it. */
async function sendStrays(origin: string): Promise<void> {
  const strays: Transfer[] = Array.from({ length: 40 }, (_, i) => ({
    ...transfer(STRAY + i),
    closes: false,
  }));
  const body = strays.map((stray) => `${JSON.stringify(stray)}\n`).join("");
  const headers = { "content-type": "application/x-ndjson", "idempotency-key": "strays" };
  for (const deadline = Date.now() + WITHIN_MS; ; await sleep(100)) {
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`${origin}/transfers`, { method: "POST", headers, body, signal }).catch(
      () => undefined,
    );
    if (answer?.status === 200) return;
    if (Date.now() > deadline) throw new Error("The machine that came back takes no documents.");
  }
}

/** Every target's task must end on the machine that came back, and say why. */
async function whatIsNotFenced({ weir }: FaultyRuntime): Promise<string[]> {
  const fencedOut = ({ tasks }: StatusReport) =>
    tasks
      .filter(
        ({ kind, state, lastError }) =>
          kind === "materialization" && !(state === "halted" && lastError?.includes("Another instance")),
      )
      .map(
        ({ name, state, lastError }) =>
          `${name} goes on on the machine that came back: ${state}, ${lastError}`,
      );
  let left: string[] = [];
  for (const deadline = Date.now() + WITHIN_MS / 3; Date.now() < deadline; await sleep(100)) {
    const status = await weir.status();
    left = status === undefined ? ["the machine that came back does not answer"] : fencedOut(status);
    if (left.length === 0) return [];
  }
  return left;
}

/** The operating system's lock is held by a process that does nothing, and goes with it. */
async function locked(context: ScenarioContext): Promise<Outcome> {
  const history = await context.history("directory");
  const copy = await copyHistory(history);
  const env = { DATABASE_URL: await context.servers.database(), REDIS_URL: await context.servers.redis() };
  const runtime = new FaultyRuntime({ directory: copy.directory, env, edits: TUNING });
  const feeder = new Feeder(copy.origin, copy.directory, history.sent);
  try {
    await stopAt(runtime, "head.commit.before", feeder);
    const second = await runtime.weir.command("run", "--plan", "live");
    const refused = second.code === 1 && second.stderr.includes("data directory");
    await runtime.weir.kill();
    runtime.disarm();
    runtime.start("live");
    await caughtUp(runtime, feeder);
    const journals = await readJournals(copy.dataDir);
    const places = { ...copy, database: env.DATABASE_URL, redis: env.REDIS_URL };
    return {
      fired: 1,
      missed: [],
      differences: [
        ...(refused
          ? []
          : [`a second process on the data directory ended with ${second.code}: ${second.stderr}`]),
        ...compareJournals(journals, feeder.sent),
        ...(await compareTargets(journals, places)),
      ],
    };
  } finally {
    await runtime.weir.kill();
    await feeder.end();
    removeDirectory(copy.directory);
  }
}
