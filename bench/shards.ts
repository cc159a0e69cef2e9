/** What two shards bring where a transform computes: new derivations of the same history, by one thread and by two. */
import { isDeepStrictEqual } from "node:util";
import type { Bench } from "./case.ts";
import { writeLines } from "./flights.ts";
import { BenchProject } from "./project.ts";

const BUCKETS = 100;

export const shardBench: Bench = {
  // So many that the start of a process, which is a part of both sides, does not count for much.
  sizes: { full: { documents: 120_000, rounds: 3 } },
  cases: [
    {
      name: "two-shards",
      against: "one shard, of a transform that computes for 0.1 ms",
      sides: ["two", "one"],
      must: 1 / 1.6,
      aim: 1 / 1.9,
    },
  ],
  measure: async (report, { documents, rounds }) => {
    const sides = { one: [] as number[], two: [] as number[] };
    using project = new BenchProject();
    await writeLines(documents, {
      [project.path("points.ndjson")]: (id) => `{"id":${id},"x":${(id * 7919) % 10_007}}`,
    });
    project.build(CAPTURE);
    await project.run();
    for (let round = 0; round < rounds; round++) {
      const derive = async (shards: number) => {
        const name = `bench/sums-${shards}-${round}`;
        project.build(CAPTURE + derivation(name, shards));
        const { seconds } = await project.run();
        return { seconds, sums: sumsOf(project.read(name), documents) };
      };
      const one = await derive(1);
      const two = await derive(2);
      if (!isDeepStrictEqual(one.sums, two.sums)) throw new Error("Two shards derive what one does not.");
      report(`one shard ${one.seconds.toFixed(2)} s, two ${two.seconds.toFixed(2)} s`);
      sides.one.push(one.seconds);
      sides.two.push(two.seconds);
    }
    return { unit: "s", sides };
  },
};

/** By bucket. Throws where documents are missing. */
function sumsOf(read: readonly unknown[], documents: number): ReadonlyMap<number, number> {
  const rows = read as readonly { readonly bucket: number; readonly n: number; readonly sum: number }[];
  const derived = rows.reduce((total, { n }) => total + n, 0);
  if (derived !== documents) throw new Error(`Of ${documents} documents ${derived} were derived from.`);
  return new Map(rows.map(({ bucket, sum }) => [bucket, sum] as const).sort(([a], [b]) => a - b));
}

const CAPTURE = `import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";

const points = capture("bench/points", files({ path: "points.ndjson" }), {
  schema: z.object({ id: z.int(), x: z.int() }),
  key: ["id"],
  partitions: 4,
});
void points;
`;

/**
 * About 0.1 ms of arithmetic for each document. In 32 bits throughout, and not as one loop: where sums passed them, and a loop was left
 * only after 60,000 rounds, V8 ran slower code for a while, seconds or for good, and that was measured instead of shards.
 */
const derivation = (name: string, shards: number) => `
function mixed(before: number, from: number): number {
  let hash = before;
  for (let i = from; i < from + 300; i++) hash = Math.imul(hash ^ i, 16777619);
  return hash;
}
points.derive("${name}", {
  schema: z.object({ bucket: z.int(), n: z.int(), sum: z.int() }),
  key: ["bucket"],
  reduce: { n: "sum", sum: "sum" },
  shards: ${shards},
  transform({ id, x }) {
    let hash = x;
    for (let i = 0; i < 75_000; i += 300) hash = mixed(hash, i);
    return { bucket: id % ${BUCKETS}, n: 1, sum: hash & 0xffff };
  },
});
`;
