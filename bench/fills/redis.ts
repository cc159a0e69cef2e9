/**
 * A back-fill into Redis, a hash for each document: from fragments into an empty server, every transaction fenced. Beside
 * `redis-benchmark`, which stores as many hashes of the same fields and sizes with HSET, many commands at a time. Both servers
 * are as Redis comes, with no append-only file; snapshots are off, whose processes would fall to one side or the other.
 */
import { startRedis, withRedis } from "../../test/servers/redis.ts";
import type { Bench } from "../case.ts";
import { type BenchFlight, writeFlights } from "../flights.ts";
import { BenchProject, type ProcessFigures, timed } from "../project.ts";
import { redisBenchmarkBinary } from "../system-tools.ts";
import { CAPTURE } from "./flights-project.ts";

/** What suits it best: one connection, and some hundreds of commands under way. */
const CONNECTIONS = 1;
const PIPELINED = 500;
/**
 * It draws keys at random, and this is the largest number of them that it takes. Of a million draws some 230 meet a key that is
 * there: as many hashes are made as of keys that count up.
 */
const KEYS = 2 ** 31 - 1;
const DRAWN_TWICE = 0.001;

export const redisBench: Bench = {
  sizes: { full: { documents: 1_000_000, rounds: 5 }, short: { documents: 100_000, rounds: 3 } },
  cases: [
    {
      name: "redis",
      against: "redis-benchmark, HSET pipelined",
      sides: ["weir", "benchmark"],
      must: 1.6,
      aim: 1.1,
    },
  ],
  measure: async (report, { documents, rounds }) => {
    const program = await redisBenchmarkBinary();
    const sides = { weir: [] as number[], benchmark: [] as number[] };
    using project = new BenchProject();
    const seen = new Seen(documents);
    await writeFlights(documents, { [project.path("flights.ndjson")]: (flight) => seen.lineOf(flight) });
    project.build(CAPTURE);
    await project.run();
    for (let round = 0; round < rounds; round++) {
      project.build(fill(round));
      const weir = await onFreshServer(async (url) => {
        const figures = await project.run({ REDIS_URL: url });
        await expectRows(url, `${round % 10}:`, documents, seen.samples);
        return figures;
      });
      const benchmark = await onFreshServer(async (url) => {
        const figures = await timed(program, benchmarkArguments(url, documents, seen.typical));
        await expectHashes(url, documents, seen.typical);
        return figures;
      });
      report(`Weir ${shown(weir)}, redis-benchmark ${shown(benchmark)}`);
      sides.weir.push(weir.seconds);
      sides.benchmark.push(benchmark.seconds);
    }
    return { unit: "s", sides };
  },
};

/** A target of its own for each round: it reads all of history. */
const fill = (round: number) => `import { redis } from "weir/redis";
${CAPTURE}
flights.materializeTo(redis({ url: env("REDIS_URL"), key: "${round % 10}:{id}" }));
`;

/** What came by as the history was written. */
class Seen {
  /** Some of the flights. */
  readonly samples: BenchFlight[] = [];
  readonly #every: number;
  readonly #bytes = new Map<string, number>();
  #count = 0;

  constructor(documents: number) {
    this.#every = Math.ceil(documents / 10);
  }

  lineOf(flight: BenchFlight): string {
    if (this.#count++ % this.#every === 0) this.samples.push(flight);
    for (const [field, value] of Object.entries(flight)) {
      this.#bytes.set(field, (this.#bytes.get(field) ?? 0) + String(value).length);
    }
    return JSON.stringify(flight);
  }

  /** Fields and values of one flight, each value as long as those of the field are on average, to the nearest byte. */
  get typical(): readonly string[] {
    const [sample] = this.samples;
    return Object.entries(sample ?? {}).flatMap(([field, value]) => {
      const length = Math.round((this.#bytes.get(field) ?? 0) / this.#count);
      // Redis keeps what looks like a number as one.
      return [field, typeof value === "number" ? "123456".slice(0, length) : String(value)];
    });
  }
}

interface SideFigures extends ProcessFigures {
  readonly serverSeconds: number;
}

async function onFreshServer(side: (url: string) => Promise<ProcessFigures>): Promise<SideFigures> {
  const server = await startRedis({ appendonly: false });
  try {
    const figures = await side(server.url);
    return { ...figures, serverSeconds: await cpuSeconds(server.url) };
  } finally {
    await server.stop();
  }
}

function cpuSeconds(url: string): Promise<number> {
  return withRedis(url, async (client) => {
    const info = await client.info("cpu");
    const figure = (name: string) => Number(new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1]);
    return figure("used_cpu_user") + figure("used_cpu_sys");
  });
}

/** Its keys are as long as Weir's: one digit, a colon and ten digits there, and twelve digits here. */
function benchmarkArguments(url: string, documents: number, hash: readonly string[]): string[] {
  const { port, password } = new URL(url);
  return [
    ...["-p", port, "-a", password, "-q"],
    ...["-c", String(CONNECTIONS), "-P", String(PIPELINED), "-n", String(documents), "-r", String(KEYS)],
    ...["HSET", "__rand_int__", ...hash],
  ];
}

async function expectRows(
  url: string,
  prefix: string,
  documents: number,
  samples: readonly BenchFlight[],
): Promise<void> {
  await withRedis(url, async (client) => {
    const size = await client.dbsize();
    // The checkpoint is one more key.
    if (size !== documents + 1) throw new Error(`Weir stored ${size - 1} hashes instead of ${documents}.`);
    for (const flight of samples) {
      const found = await client.hgetall(prefix + flight.id);
      const expected = Object.entries(flight);
      const same = expected.every(([field, value]) => found[field] === String(value));
      if (!same || Object.keys(found).length !== expected.length)
        throw new Error(`Of flight ${flight.id} there is ${JSON.stringify(found)}.`);
    }
  });
}

async function expectHashes(url: string, documents: number, hash: readonly string[]): Promise<void> {
  await withRedis(url, async (client) => {
    const size = await client.dbsize();
    if (size > documents || size < documents * (1 - DRAWN_TWICE))
      throw new Error(`redis-benchmark stored ${size} hashes instead of about ${documents}.`);
    const key = (await client.randomkey()) ?? "";
    const found = Object.entries(await client.hgetall(key)).flat();
    if (JSON.stringify(found) !== JSON.stringify(hash))
      throw new Error(`redis-benchmark stored ${JSON.stringify(found)}.`);
  });
}

function shown({ seconds, cpuSeconds: own, serverSeconds }: SideFigures): string {
  return `${seconds.toFixed(2)} s (${own.toFixed(2)} s of CPU, the server ${serverSeconds.toFixed(2)} s)`;
}
