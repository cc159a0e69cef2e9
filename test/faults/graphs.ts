/** Random graphs under random faults: captured history, then the whole graph, with kills all the while. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "../servers/postgres.ts";
import { withRedis } from "../servers/redis.ts";
import { byKey, differences } from "./difference.ts";
import { FaultyRuntime } from "./faulty-runtime.ts";
import { checkNode, type Doc, flowOf, type Node, randomGraph, reduced } from "./graph.ts";
import { type JournalDocument, readCollection } from "./journals.ts";
import { checkLake, fragmentsInDirectory } from "./lake.ts";
import { checkDense, text } from "./oracle.ts";
import { buildPlans, copyProject, newDirectory, removeDirectory } from "./project.ts";
import { POINTS } from "./reach.ts";
import { integer, type Outcome, oneOf, type Scenario, type ScenarioContext } from "./scenario.ts";
import { TUNING } from "./tuning.ts";

const GRAPHS = 8;
const REQUESTS = 80;
const WITHIN_MS = 60_000;
const FIRES_WITHIN_MS = 1_500;

export function graphScenarios(): Scenario[] {
  return Array.from({ length: GRAPHS }, (_, i) => ({ name: `random graph ${i + 1}`, run }));
}

async function run(context: ScenarioContext): Promise<Outcome> {
  const { random, servers } = context;
  const nodes = randomGraph(random);
  const flow = flowOf(nodes, nodes.length);
  const plans = newDirectory();
  const env = { DATABASE_URL: await servers.database(), REDIS_URL: await servers.redis() };
  await buildPlans(plans, {
    history: {
      "graph.flow.ts": flowOf(
        nodes.map((node) => ({ ...node, targets: [] })),
        1,
      ),
    },
    live: { "graph.flow.ts": flow },
  });
  const { directory, origin } = await copyProject(plans, { kind: "directory" });
  removeDirectory(plans);
  const runtime = new FaultyRuntime({ directory, env, edits: TUNING });
  const client = new Client(`${origin}/n0`, random);
  let fired = 0;
  try {
    runtime.start("history");
    await client.send(REQUESTS / 2);
    await runtime.weir.stop();
    runtime.start("live");
    const sending = client.send(REQUESTS / 2);
    for (let kill = integer(random, 2, 4); kill > 0; kill--) {
      await killOnce(runtime, random);
      fired++;
      runtime.start();
    }
    await sending;
    const found = await compare(nodes, runtime, client.sent, env, directory).catch((error: Error) => [
      error.message,
    ]);
    if (found.length > 0) context.log(`${flow}\n${runtime.weir.log()}`);
    return { fired, missed: [], differences: found };
  } finally {
    client.end();
    await runtime.weir.kill();
    removeDirectory(directory);
  }
}

/** At a point and passing that chance chooses; if it is not passed soon, where it stands. */
async function killOnce(runtime: FaultyRuntime, random: () => number): Promise<void> {
  runtime.arm({
    point: oneOf(random, POINTS),
    phase: "any",
    occurrence: integer(random, 1, 6),
    action: "kill",
  });
  await runtime.until(() => runtime.hasFired, integer(random, 100, FIRES_WITHIN_MS));
  await runtime.weir.kill();
  runtime.disarm();
}

async function compare(
  nodes: readonly Node[],
  runtime: FaultyRuntime,
  sent: readonly Doc[],
  env: { readonly DATABASE_URL: string; readonly REDIS_URL: string },
  directory: string,
): Promise<string[]> {
  await runtime.caughtUp(WITHIN_MS, { "g/n0": sent.length });
  const journals: JournalDocument[][] = [];
  for (const { name } of nodes) journals.push(await readCollection(join(directory, ".weir"), name));
  const found = nodes.flatMap(({ name }, i) => [
    ...checkDense(name, journals[i] ?? []),
    ...checkNode(nodes, i, journals, sent),
  ]);
  for (const [i, { targets }] of nodes.entries()) {
    const own = journals[i] ?? [];
    const rows = reduced(own.map(({ document }) => document as unknown as Doc)); // the only form there is
    for (const target of targets) {
      if (target === "table")
        found.push(...differences(`the table n${i}`, rows, await tableRows(env.DATABASE_URL, i)));
      if (target === "hash")
        found.push(...differences(`Redis n${i}:*`, rows, await hashes(env.REDIS_URL, i)));
      if (target === "log") {
        const wanted = byKey(
          own,
          ({ journal, offset }) => `${journal}@${offset}`,
          ({ document }) => text(document),
        );
        found.push(...differences(`the table n${i}_log`, wanted, await logRows(env.DATABASE_URL, i)));
      }
    }
  }
  await runtime.weir.stop();
  const store = join(directory, ".weir", "store");
  return [
    ...found,
    ...nodes.flatMap(({ name }, i) => checkLake(name, fragmentsInDirectory(store, name), journals[i] ?? [])),
  ];
}

const docText = ({ id, k, v }: Readonly<Record<string, unknown>>) =>
  text({ id: Number(id), k: Number(k), v: Number(v) });

function tableRows(url: string, i: number): Promise<Map<string, string>> {
  return withClient(url, async (client) =>
    byKey((await client.query(`SELECT * FROM n${i}`)).rows, ({ id }) => String(id), docText),
  );
}

function logRows(url: string, i: number): Promise<Map<string, string>> {
  const place = (row: Record<string, unknown>) =>
    `${String(row.weir_journal).replace(`g/n${i}/`, "").replace(/#.*$/, "")}@${row.weir_offset}`;
  return withClient(url, async (client) =>
    byKey((await client.query(`SELECT * FROM n${i}_log`)).rows, place, docText),
  );
}

function hashes(url: string, i: number): Promise<Map<string, string>> {
  return withRedis(url, async (redis) => {
    const found = await Promise.all((await redis.keys(`n${i}:*`)).map((key) => redis.hgetall(key)));
    return byKey(found, ({ id = "" }) => id, docText);
  });
}

/** Never gives up, until the round is over. */
class Client {
  readonly #url: string;
  readonly #random: () => number;
  readonly #ended = new AbortController();
  readonly sent: Doc[] = [];
  #requests = 0;

  constructor(url: string, random: () => number) {
    this.#url = url;
    this.#random = random;
  }

  async send(requests: number): Promise<void> {
    for (let i = 0; i < requests && !this.#ended.signal.aborted; i++) {
      const docs = Array.from({ length: integer(this.#random, 1, 30) }, (_, at) => ({
        id: this.sent.length + at,
        k: integer(this.#random, 0, 10),
        v: integer(this.#random, -50, 50),
      }));
      await this.#deliver(docs.map((doc) => `${JSON.stringify(doc)}\n`).join(""));
      this.sent.push(...docs);
      await sleep(10);
    }
  }

  async #deliver(body: string): Promise<void> {
    const headers = {
      "content-type": "application/x-ndjson",
      "idempotency-key": `request-${this.#requests++}`,
    };
    while (!this.#ended.signal.aborted) {
      const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(10_000)]);
      const response = await fetch(this.#url, { method: "POST", headers, body, signal }).catch(
        () => undefined,
      );
      const answer = await response?.text().catch(() => undefined);
      if (response?.status === 200 && answer !== undefined) return;
      await sleep(25);
    }
  }

  end(): void {
    this.#ended.abort();
  }
}
