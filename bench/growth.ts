/**
 * Whether time grows as documents do: one history of eight million, of which new derivations with their targets are filled from the
 * first one, two, four and eight million. What each process needs to start, and to get up to speed, drops out of the differences:
 * a document of the second half must not take longer than one of the first.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres } from "../test/servers/postgres.ts";
import type { Bench } from "./case.ts";
import { writeLines } from "./flights.ts";
import { BenchProject } from "./project.ts";
import { captureEvents, eventLine, expectSpend, spendOf } from "./spend.ts";

const SMALLEST = Number(process.env.BENCH_GROWTH_DOCUMENTS ?? 1_000_000);
const SIZES = [1, 2, 4, 8].map((times) => times * SMALLEST);
/** In turn: indices of the sizes. */
const ROUNDS: readonly (readonly number[])[] = [
  [0, 1, 2, 3],
  [3, 2, 1, 0],
];
const [SECOND, FIRST] = [
  `a document from ${SIZES[2]?.toLocaleString("en-US")} to ${SIZES[3]?.toLocaleString("en-US")}`,
  `one from ${SMALLEST.toLocaleString("en-US")} to ${SIZES[2]?.toLocaleString("en-US")}`,
];

export const growthBench: Bench = {
  cases: [{ name: "growth", against: FIRST, sides: [SECOND, FIRST], must: 1.1, aim: 1 }],
  measure: async (report) => {
    const postgres = await startPostgres();
    using project = new BenchProject();
    try {
      const ends = await captured(project);
      const sides: Record<string, number[]> = { [SECOND]: [], [FIRST]: [] };
      for (const [round, sizes] of ROUNDS.entries()) {
        const seconds: number[] = [];
        for (const size of sizes) {
          const documents = SIZES[size] ?? 0;
          const url = await postgres.createDatabase();
          project.build(CAPTURE + fill(`${round}-${documents}`, ends[size] ?? ""));
          const run = await project.run({ DATABASE_URL: url });
          await expectSpend(url, documents);
          seconds[size] = run.seconds;
          report(`${documents.toLocaleString("en-US")} documents: ${run.seconds.toFixed(2)} s`);
        }
        sides[SECOND]?.push(perDocument(seconds, 2, 3));
        sides[FIRST]?.push(perDocument(seconds, 0, 2));
      }
      return { unit: "µs/doc", sides };
    } finally {
      await postgres.stop();
    }
  },
};

/** µs for each of the documents by which the sizes differ. */
function perDocument(seconds: readonly number[], from: number, to: number): number {
  return (((seconds[to] ?? 0) - (seconds[from] ?? 0)) / ((SIZES[to] ?? 0) - (SIZES[from] ?? 0))) * 1e6;
}

/** The times before which each of the sizes had been captured, into one journal. */
async function captured(project: BenchProject): Promise<readonly string[]> {
  const ends: string[] = [];
  for (const [size, documents] of SIZES.entries()) {
    const before = SIZES[size - 1] ?? 0;
    await writeLines(documents - before, {
      [project.path(`events-${size}.ndjson`)]: (i) => eventLine(before + i),
    });
    project.build(CAPTURE);
    await project.run();
    await sleep(10); // so that no commit before has this time
    ends.push(new Date().toISOString());
  }
  return ends;
}

const CAPTURE = captureEvents("events-*.ndjson");

/** A derivation of its own for each fill, of what had been captured until then. */
const fill = (name: string, until: string) => spendOf(`events.read({ until: "${until}" })`, `spend-${name}`);
