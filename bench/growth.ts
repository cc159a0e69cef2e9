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

/** Of all documents. */
const PARTS = [1 / 8, 1 / 4, 1 / 2, 1];
const [SECOND, FIRST] = ["a document of the second half", "one of the first half, from an eighth on"];

export const growthBench: Bench = {
  sizes: { full: { documents: 8_000_000, rounds: 2 } },
  cases: [{ name: "growth", against: FIRST, sides: [SECOND, FIRST], must: 1.1, aim: 1 }],
  measure: async (report, { documents: all, rounds }) => {
    const postgres = await startPostgres();
    using project = new BenchProject();
    try {
      const sizes = PARTS.map((part) => part * all);
      const ends = await captured(project, sizes);
      const sides: Record<string, number[]> = { [SECOND]: [], [FIRST]: [] };
      for (let round = 0; round < rounds; round++) {
        const seconds: number[] = [];
        const inTurn = [...sizes.entries()];
        for (const [size, documents] of round % 2 === 0 ? inTurn : inTurn.reverse()) {
          const url = await postgres.createDatabase();
          project.build(CAPTURE + fill(`${round}-${documents}`, ends[size] ?? ""));
          const run = await project.run({ DATABASE_URL: url });
          await expectSpend(url, documents);
          seconds[size] = run.seconds;
          report(`${documents.toLocaleString("en-US")} documents: ${run.seconds.toFixed(2)} s`);
        }
        sides[SECOND]?.push(perDocument(sizes, seconds, 2, 3));
        sides[FIRST]?.push(perDocument(sizes, seconds, 0, 2));
      }
      return { unit: "µs/doc", sides };
    } finally {
      await postgres.stop();
    }
  },
};

/** µs for each of the documents by which the sizes differ. */
function perDocument(sizes: readonly number[], seconds: readonly number[], from: number, to: number): number {
  return (((seconds[to] ?? 0) - (seconds[from] ?? 0)) / ((sizes[to] ?? 0) - (sizes[from] ?? 0))) * 1e6;
}

/** The times before which each of the sizes had been captured, into one journal. */
async function captured(project: BenchProject, sizes: readonly number[]): Promise<readonly string[]> {
  const ends: string[] = [];
  for (const [size, documents] of sizes.entries()) {
    const before = sizes[size - 1] ?? 0;
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
