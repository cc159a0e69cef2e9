/** Faults from outside, longer than the tests beside: targets cut at their commits, a store that misbehaves, a damaged head. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CommitProxy } from "../../servers/commit-proxy.ts";
import { startPostgresProxy } from "../../servers/postgres-proxy.ts";
import { startRedisProxy } from "../../servers/redis-proxy.ts";
import {
  type S3Fault,
  type S3FaultProxy,
  type S3Operation,
  startS3FaultProxy,
} from "../../servers/s3-fault-proxy.ts";
import { DEFECTS } from "../defects.ts";
import type { Edit } from "../fault.ts";
import { makeHistory, s3Store } from "../history.ts";
import { removeDirectory } from "../project.ts";
import { STUCK } from "../round.ts";
import { type Outcome, oneOf, type Scenario, type ScenarioContext } from "../scenario.ts";
import { UNCHECKED, UNCOUNTED, UNLISTED } from "./defects.ts";
import { HeadDamage } from "./head-damage.ts";
import { runUnderFaults, type Targets } from "./under-faults.ts";

const CUTS = 12;
const STORE_FAULTS = 30;
const FLIPS = 300;
/** A defect may keep the tasks from ever catching up. */
const DEFECT_WITHIN_MS = 20_000;
const HARM_WITHIN_MS = 60_000;
const PAUSE_MS = 60;

export function outsideScenarios(): Scenario[] {
  return [
    { name: "outside: targets cut at their commits", run: (context) => cutAtCommits(context, []) },
    defect("Postgres' position moves after the rows, and is cut there", (context) =>
      cutAtCommits(context, editsOf("Postgres' position moves after the rows")),
    ),
    { name: "outside: an S3 server that misbehaves", run: (context) => misbehavingStore(context, []) },
    defect("what the store does not list is published", (context) => misbehavingStore(context, UNLISTED)),
    { name: "outside: bits flipped in the head's file", run: (context) => damagedHead(context, []) },
    defect("the head's tables are not compared with their tally", (context) =>
      damagedHead(context, UNCOUNTED),
    ),
    defect("checksums of the head's documents are not compared", (context) =>
      damagedHead(context, UNCHECKED),
    ),
  ];
}

function defect(name: string, run: Scenario["run"]): Scenario {
  return {
    name: `defect, outside: ${name}`,
    defect: true,
    async run(context) {
      const outcome = await run(context);
      // That it hangs is not what the oracle is for.
      return { ...outcome, differences: outcome.differences.filter((found) => !found.startsWith(STUCK)) };
    },
  };
}

function editsOf(name: string): readonly Edit[] {
  const defect = DEFECTS.find((each) => each.name === name);
  if (!defect) throw new Error(`There is no defect "${name}".`);
  return defect.edits;
}

async function cutAtCommits(context: ScenarioContext, edits: readonly Edit[]): Promise<Outcome> {
  const { random } = context;
  const proxies: CommitProxy[] = [];
  const throughProxy = async (address: string, start: (port: number) => Promise<CommitProxy>) => {
    const url = new URL(address);
    const proxy = await start(Number(url.port));
    proxies.push(proxy);
    url.port = String(proxy.port);
    return url.href;
  };
  const through = async ({ database, redis }: Targets) => ({
    database: await throughProxy(database, startPostgresProxy),
    redis: await throughProxy(redis, startRedisProxy),
  });
  const cuts = (proxy: CommitProxy) => proxy.cuts.before + proxy.cuts.after;
  const harm = async () => {
    const until = performance.now() + HARM_WITHIN_MS;
    while (proxies.some((proxy) => cuts(proxy) < CUTS) && performance.now() < until) {
      for (const proxy of proxies) {
        const moment = oneOf(random, ["before", "after"] as const);
        if (cuts(proxy) < CUTS) proxy.cutNext(moment, () => random() < 0.3);
      }
      await sleep(PAUSE_MS);
    }
    for (const proxy of proxies) proxy.cutNext("before", () => false);
    return proxies.reduce((sum, proxy) => sum + cuts(proxy), 0);
  };
  try {
    const history = await context.history("directory");
    const caughtUpWithinMs = edits.length > 0 ? DEFECT_WITHIN_MS : HARM_WITHIN_MS;
    const outcome = await runUnderFaults({ history, edits, through, harm, caughtUpWithinMs }, context);
    const missed = proxies.flatMap(({ cuts: { before, after } }, i) =>
      before === 0 || after === 0
        ? [`proxy ${i} cut ${before} times before, ${after} times after a commit`]
        : [],
    );
    return { ...outcome, missed: [...outcome.missed, ...missed] };
  } finally {
    for (const proxy of proxies) await proxy.close();
  }
}

/** Each often enough within the tries of one operation, or of a few rounds of the archiver. */
const S3_FAULTS: readonly (readonly [S3Operation, S3Fault])[] = [
  ["put", { kind: "cut-request" }],
  ["put", { kind: "lie", status: 500, code: "InternalError" }],
  ["put", { kind: "refuse", status: 503, code: "SlowDown" }],
  ["put", { kind: "swallow" }],
  ["list", { kind: "cut-answer" }],
  ["list", { kind: "refuse", status: 500, code: "InternalError" }],
  ["get", { kind: "cut-answer" }],
  ["get", { kind: "flip" }],
  ["get", { kind: "refuse", status: 503, code: "SlowDown" }],
  ["delete", { kind: "lie", status: 500, code: "InternalError" }],
];

async function misbehavingStore(context: ScenarioContext, edits: readonly Edit[]): Promise<Outcome> {
  const { servers, random } = context;
  const proxy = await startS3FaultProxy(Number(new URL(servers.s3.endpoint).port));
  const proxied = { ...servers, s3: { ...servers.s3, endpoint: proxy.endpoint } };
  const history = await makeHistory(s3Store(proxied));
  try {
    const harm = () => harmStore(proxy, random);
    const caughtUpWithinMs = edits.length > 0 ? DEFECT_WITHIN_MS : 2 * HARM_WITHIN_MS;
    return await runUnderFaults({ history, edits, harm, caughtUpWithinMs }, context);
  } finally {
    removeDirectory(history.directory);
    await proxy.close();
  }
}

async function harmStore(proxy: S3FaultProxy, random: () => number): Promise<number> {
  let fired = 0;
  // One that is certain to matter, before those that chance chooses.
  let next: readonly [S3Operation, S3Fault] = ["put", { kind: "swallow" }];
  const until = performance.now() + HARM_WITHIN_MS;
  while (fired < STORE_FAULTS && performance.now() < until) {
    const injection = proxy.inject(...next, { times: 1 });
    await sleep(PAUSE_MS * 4);
    injection.lift();
    fired += injection.fired;
    next = oneOf(random, S3_FAULTS);
  }
  return fired;
}

async function damagedHead({ random, log }: ScenarioContext, edits: readonly Edit[]): Promise<Outcome> {
  const damage = new HeadDamage(edits);
  const differences: string[] = [];
  const kinds = new Map<string, number>();
  try {
    await damage.prepare();
    for (let i = 0; i < FLIPS; i++) {
      const flip = damage.choose(random);
      const verdict = await damage.judge(flip);
      kinds.set(verdict.kind, (kinds.get(verdict.kind) ?? 0) + 1);
      if (verdict.kind === "wrong") {
        differences.push(
          `bit ${flip.bit} of byte ${flip.at}: ${verdict.differences.join("; ").slice(0, 500)}`,
        );
      }
    }
    log([...kinds].map(([kind, count]) => `${count} ${kind}`).join(", "));
    const missed = (kinds.get("named") ?? 0) > 0 ? [] : ["no flip was noticed"];
    return {
      fired: FLIPS - (kinds.get("right") ?? 0),
      missed: [...missed, ...damage.unapplied()],
      differences,
    };
  } finally {
    damage.close();
  }
}
