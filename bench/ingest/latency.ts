/**
 * How long it takes from a document's HTTP request until its row can be seen in Postgres: one document at a time, and a thousand a
 * second. Beside it, in turn, the same rows by `INSERT`, each its own transaction, by `pg`; and the least that does the same as Weir
 * (`limit-process.ts`), which tells how much of the ratio is Weir's.
 *
 * That a row can be seen is told by a trigger of its table: `NOTIFY` reaches a listening connection when the transaction is committed.
 * A loop of SELECTs would take the cores from what is measured. The other side is measured in the way that is strictest for Weir: its
 * table has no trigger, and its time ends with the answer to the INSERT.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { freePort } from "../../test/servers/free-port.ts";
import { startPostgres, withClient } from "../../test/servers/postgres.ts";
import type { Bench } from "../case.ts";
import { type BenchFlight, FLIGHT_SCHEMA, flightsByNumber } from "../flights.ts";
import { BenchProject, cpuSecondsOf, type ServedProcess, served } from "../project.ts";
import { HttpConnection, postRequest } from "./http-connection.ts";

const LIMIT_PROCESS = join(import.meta.dirname, "limit-process.ts");
const PER_SECOND = 1_000;
/** Documents at that rate, to one of those that come one at a time. */
const MORE_AT_RATE = 2.5;
/** Before it is measured, as many documents as in a round, so often, as fast as they go. */
const WARM_ROUNDS = 20;
/** Requests or statements under way at a time. */
const CONNECTIONS = 16;
const AGAINST = "INSERT and its commit by pg";
const LIMIT = "the least that does the same, in one thread";

export const latencyBench: Bench = {
  // Those of a round that come one at a time.
  sizes: { full: { documents: 1_500, rounds: 3 } },
  cases: [
    { name: "latency-one", against: AGAINST, sides: ["weir, one", "pg, one"], must: 3, aim: 2 },
    { name: "latency-one-limit", against: LIMIT, sides: ["weir, one", "limit, one"], must: 2.5, aim: 1.5 },
    { name: "latency-1000", against: AGAINST, sides: ["weir, 1000", "pg, 1000"], must: 3, aim: 2 },
    { name: "latency-1000-limit", against: LIMIT, sides: ["weir, 1000", "limit, 1000"], must: 2.5, aim: 1.5 },
  ],
  measure: async (report, { documents, rounds }) => {
    const sides: Record<string, number[]> = {};
    const postgres = await startPostgres({ fsync: true });
    using project = new BenchProject();
    try {
      const [port, limitPort] = [await freePort(), await freePort()];
      project.write("weir.config.ts", `export default { http: { port: ${port} } };\n`);
      project.build(FLOW);
      const [url, limitUrl] = [await postgres.createDatabase(), await postgres.createDatabase()];
      await using weir = project.serve({ DATABASE_URL: url });
      await using limit = served([LIMIT_PROCESS, String(limitPort), project.path("limit.log")], {
        env: { DATABASE_URL: limitUrl },
      });
      await using posts = await Posts.open("weir", url, port, weir);
      await using limitPosts = await Posts.open("limit", limitUrl, limitPort, limit);
      await using inserts = await Inserts.open(url);
      const sidesInTurn: readonly Side[] = [inserts, posts, limitPosts];
      const flights = await Flights.read();
      // What compiles as it runs has been compiled before it is measured: V8 goes on for some ten thousand documents, and keeps a
      // core for milliseconds at a time.
      for (let round = 0; round < WARM_ROUNDS; round++) {
        const taken = flights.take(documents);
        for (const side of sidesInTurn) await Promise.all(taken.map((flight) => side.store(flight)));
      }
      for (const [, measure] of KINDS) {
        const taken = flights.take(documents);
        for (const side of sidesInTurn) await measure(side, taken);
      }
      for (let round = 0; round < rounds; round++) {
        for (const [kind, measure, times] of KINDS) {
          const count = documents * times;
          const taken = flights.take(count);
          for (const side of sidesInTurn) {
            const { pid } = side;
            const before = pid === undefined ? 0 : cpuSecondsOf(pid);
            const took = await measure(side, taken);
            const cpu =
              pid === undefined
                ? ""
                : `, ${(((cpuSecondsOf(pid) - before) / count) * 1000).toFixed(2)} ms of CPU`;
            const name = `${side.name}, ${kind}`;
            const [middle, slow] = [quantile(took, 0.5), quantile(took, 0.99)];
            report(`${name}: median ${middle.toFixed(2)} ms, 99 % within ${slow.toFixed(2)} ms${cpu}`);
            sides[name] = [...(sides[name] ?? []), slow];
          }
        }
      }
      await expectSame(url);
      await expectAll(limitUrl, flights.taken);
      return { unit: "ms", sides };
    } finally {
      await postgres.stop();
    }
  },
};

/** Stores a flight, and resolves when it can be seen. */
interface Side {
  readonly name: string;
  /** Of the process whose CPU is told. */
  readonly pid: number | undefined;
  store(flight: BenchFlight): Promise<void>;
}

/** Milliseconds that each took. */
async function oneByOne(side: Side, flights: readonly BenchFlight[]): Promise<number[]> {
  const times: number[] = [];
  for (const flight of flights) {
    const start = performance.now();
    await side.store(flight);
    times.push(performance.now() - start);
  }
  return times;
}

/** As many at a time as have become due. Waiting for a connection counts. */
async function atRate(side: Side, flights: readonly BenchFlight[]): Promise<number[]> {
  const begun = performance.now();
  const times: Promise<number>[] = [];
  while (times.length < flights.length) {
    const due = Math.min(((performance.now() - begun) * PER_SECOND) / 1000 + 1, flights.length);
    for (const flight of flights.slice(times.length, due)) {
      const start = performance.now();
      times.push(side.store(flight).then(() => performance.now() - start));
    }
    await sleep(1);
  }
  return Promise.all(times);
}

const KINDS = [
  ["one", oneByOne, 1],
  ["1000", atRate, MORE_AT_RATE],
] as const;

class Flights {
  readonly #flightAt: (index: number) => BenchFlight;
  #taken = 0;

  private constructor(flightAt: (index: number) => BenchFlight) {
    this.#flightAt = flightAt;
  }

  static async read(): Promise<Flights> {
    return new Flights(await flightsByNumber(10_000));
  }

  get taken(): number {
    return this.#taken;
  }

  take(count: number): BenchFlight[] {
    const from = this.#taken;
    this.#taken += count;
    return Array.from({ length: count }, (_, i) => this.#flightAt(from + i));
  }
}

/** Those of several that nobody uses. Whoever finds none waits. */
class Idle<T> {
  readonly #idle: T[];
  readonly #waiting: ((one: T) => void)[] = [];

  constructor(all: readonly T[]) {
    this.#idle = [...all];
  }

  async use(work: (one: T) => Promise<unknown>): Promise<void> {
    const one = this.#idle.pop() ?? (await new Promise<T>((resolve) => this.#waiting.push(resolve)));
    try {
      await work(one);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(one);
      else this.#idle.push(one);
    }
  }
}

class Inserts implements Side, AsyncDisposable {
  readonly name = "pg";
  readonly pid = undefined;
  readonly #clients: readonly Client[];
  readonly #idle: Idle<Client>;

  private constructor(clients: readonly Client[]) {
    this.#clients = clients;
    this.#idle = new Idle(clients);
  }

  static async open(url: string): Promise<Inserts> {
    await withClient(url, (client) => client.query("CREATE TABLE inserted (LIKE flights INCLUDING ALL)"));
    const clients = Array.from({ length: CONNECTIONS }, () => new Client({ connectionString: url }));
    await Promise.all(clients.map((client) => client.connect()));
    return new Inserts(clients);
  }

  store({ id, departed, delay, distance, origin, destination }: BenchFlight): Promise<void> {
    return this.#idle.use((client) =>
      client.query({
        name: "insert",
        text: `INSERT INTO inserted (id, departed, delay, distance, origin, destination) VALUES ($1, $2, $3, $4, $5, $6)`,
        values: [id, departed, delay, distance, origin, destination],
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()));
  }
}

class Posts implements Side, AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly #listener: Client;
  readonly #connections: readonly HttpConnection[];
  readonly #idle: Idle<HttpConnection>;
  /** By id, what is told when its row can be seen. */
  readonly #unseen = new Map<string, () => void>();

  private constructor(name: string, pid: number, listener: Client, connections: readonly HttpConnection[]) {
    this.name = name;
    this.pid = pid;
    this.#listener = listener;
    this.#connections = connections;
    this.#idle = new Idle(connections);
    listener.on("notification", ({ payload = "" }) => {
      this.#unseen.get(payload)?.();
      this.#unseen.delete(payload);
    });
  }

  static async open(name: string, url: string, port: number, server: ServedProcess): Promise<Posts> {
    const first = await HttpConnection.openWhenReady(port, server);
    const others = Array.from({ length: CONNECTIONS - 1 }, () => HttpConnection.open(port));
    const listener = new Client({ connectionString: url });
    await listener.connect();
    await untilTable(listener);
    await listener.query(TRIGGER);
    await listener.query("LISTEN stored");
    return new Posts(name, server.pid, listener, [first, ...(await Promise.all(others))]);
  }

  async store(flight: BenchFlight): Promise<void> {
    const seen = new Promise<void>((resolve) => this.#unseen.set(flight.id, resolve));
    const request = postRequest("/flights", "application/json", Buffer.from(JSON.stringify(flight)));
    await Promise.all([this.#idle.use((connection) => connection.send(request)), seen]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await this.#listener.end();
  }
}

const TRIGGER = `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('stored', NEW.id); RETURN NULL; END $$;
CREATE TRIGGER stored AFTER INSERT ON flights FOR EACH ROW EXECUTE FUNCTION tell()`;

/** The materialization makes it. */
async function untilTable(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ found: boolean }>(
      "SELECT to_regclass('flights') IS NOT NULL AS found",
    );
    if (rows[0]?.found) return;
    await sleep(20);
  }
}

async function expectSame(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ count: string; differ: string }>(
      `SELECT count(*) AS count, count(*) FILTER (WHERE f IS DISTINCT FROM i) AS differ
FROM flights AS f FULL JOIN inserted AS i USING (id)`,
    );
    if (rows[0]?.differ !== "0") throw new Error(`The tables differ: ${JSON.stringify(rows[0])}`);
  });
}

async function expectAll(url: string, count: number): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ count: string }>("SELECT count(*) AS count FROM flights");
    if (Number(rows[0]?.count) !== count) throw new Error(`There are ${rows[0]?.count} rows of ${count}.`);
  });
}

/** The value that a part of them do not exceed. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.ceil(sorted.length * part), sorted.length) - 1] ?? Number.NaN;
}

const FLOW = `import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { z } from "zod";

capture("bench/flights", http({ path: "/flights" }), {
  schema: ${FLIGHT_SCHEMA},
  key: ["id"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "flights" }));
`;
