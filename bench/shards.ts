/** What two shards bring where a transform computes: the same history derived by one thread, and by two. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runtimeConfig } from "../cli/runtime-config.ts";
import { compile } from "../compiler/compile.ts";
import { loadConfig } from "../compiler/config/config-file.ts";
import { writeBuild } from "../compiler/write-build.ts";
import { type RunnableBuild, Runtime } from "../runtime/runtime.ts";
import type { Bench } from "./case.ts";

/** Inside the repository, so that flow files find `weir` and `zod`. */
const SCRATCH = join(import.meta.dirname, "..", ".scratch");
const DOCUMENTS = 60_000;
const ROUNDS = 5;

/** About 0.1 ms of arithmetic for each document. */
const flow = (shards: number | undefined) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";

const points = capture("bench/points", files({ path: "points.ndjson" }), {
  schema: z.object({ id: z.int(), x: z.int() }),
  key: ["id"],
  partitions: 4,
});
${
  shards === undefined
    ? "void points;"
    : `points.derive("bench/sums-${shards}", {
  schema: z.object({ bucket: z.int(), n: z.int(), sum: z.int() }),
  key: ["bucket"],
  reduce: { n: "sum", sum: "sum" },
  shards: ${shards},
  transform({ id, x }) {
    let hash = x;
    for (let i = 0; i < 60_000; i++) hash = (Math.imul(hash, 31) + i) | 0;
    return { bucket: id % 100, n: 1, sum: hash & 0xffff };
  },
});`
}
`;

export const shardBench: Bench = {
  cases: [
    {
      name: "two-shards",
      against: "one shard, of a transform that computes for 0.1 ms",
      sides: ["two", "one"],
      must: 1 / 1.6,
      aim: 1 / 1.9,
    },
  ],
  measure: async (report) => {
    mkdirSync(SCRATCH, { recursive: true });
    const directory = mkdtempSync(join(SCRATCH, "bench-"));
    try {
      const builds = await captured(directory);
      const sides = { one: [] as number[], two: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        const one = await derive(directory, builds.one);
        const two = await derive(directory, builds.two);
        report(`one shard ${one.toFixed(2)} s, two ${two.toFixed(2)} s`);
        sides.one.push(one);
        sides.two.push(two);
      }
      return { unit: "s", sides };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

/** Captures the documents, in the directory `history`, and builds what will derive from them. */
async function captured(directory: string): Promise<{ one: RunnableBuild; two: RunnableBuild }> {
  const lines = Array.from({ length: DOCUMENTS }, (_, id) => `{"id":${id},"x":${(id * 7919) % 10_007}}\n`);
  writeFileSync(join(directory, "points.ndjson"), lines.join(""));
  writeFileSync(join(directory, "weir.config.ts"), 'export default { dataDir: "data" };\n');
  const [none, one, two] = [
    await build(directory, undefined),
    await build(directory, 1),
    await build(directory, 2),
  ];
  await run(directory, none);
  cpSync(join(directory, "data"), join(directory, "history"), { recursive: true });
  return { one, two };
}

async function build(directory: string, shards: number | undefined): Promise<RunnableBuild> {
  const file = join(directory, `of-${shards ?? "none"}.flow.ts`);
  writeFileSync(file, flow(shards));
  const { build: built, diagnostics } = await compile({ projectDir: directory, files: [file] });
  if (!built) throw new Error(`The flow does not compile: ${JSON.stringify(diagnostics)}`);
  const out = join(directory, `build-${shards ?? "none"}`);
  await writeBuild(built, out);
  return { plan: built.plan, planHash: built.planHash, directory: out };
}

async function derive(directory: string, built: RunnableBuild): Promise<number> {
  rmSync(join(directory, "data"), { recursive: true });
  cpSync(join(directory, "history"), join(directory, "data"), { recursive: true });
  return run(directory, built);
}

/** Seconds from a started runtime to one that has nothing left to do. */
async function run(directory: string, built: RunnableBuild): Promise<number> {
  const config = runtimeConfig(await loadConfig(directory));
  const runtime = await Runtime.start(built, config, {}, (event) => {
    if (event.kind === "halted" || event.kind === "failed" || event.kind === "fatal")
      throw new Error(event.message);
  });
  const start = performance.now();
  while (!(await runtime.isSettled())) await sleep(20);
  const seconds = (performance.now() - start) / 1000;
  await runtime.stop();
  return seconds;
}
