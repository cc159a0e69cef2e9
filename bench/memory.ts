/**
 * How much memory a run holds at its peak over one million documents, and over ten million: filling a new derivation and its target
 * from the history that is there. What their capture from files takes is told, too; it is no case, since it is mostly pages of the head's
 * file, which grows as far as the capture is ahead of the archiver.
 */
import { rmSync } from "node:fs";
import { startPostgres } from "../test/servers/postgres.ts";
import type { Bench, Measured } from "./case.ts";
import { writeLines } from "./flights.ts";
import { BenchProject, type ProcessFigures } from "./project.ts";
import { captureEvents, eventLine, spendOf } from "./spend.ts";

const MIB = 1024 * 1024;
const AGAINST = "the same of a tenth of the documents";

export const memoryBench: Bench = {
  sizes: { full: { documents: 10_000_000, rounds: 2 } },
  cases: [
    { name: "memory", against: AGAINST, sides: ["back-fill of many", "back-fill of few"], must: 1.1, aim: 1 },
    {
      name: "memory-size",
      against: "400 MB",
      sides: ["back-fill of many", "400 MB"],
      must: 1.5,
      aim: 1,
    },
  ],
  measure: async (report, { documents: many, rounds }): Promise<Measured> => {
    const few = many / 10;
    const sides: Record<string, number[]> = { "400 MB": [400e6 / MIB] };
    const add = (what: string, documents: number, { peakBytes, ownBytes, seconds }: ProcessFigures) => {
      report(
        `${what} of ${documents.toLocaleString("en-US")}: peak ${mib(peakBytes)} MiB, of its own ${mib(ownBytes)} MiB, in ${seconds.toFixed(0)} s`,
      );
      const side = `${what} of ${documents === many ? "many" : "few"}`;
      sides[side] = [...(sides[side] ?? []), peakBytes / MIB];
    };
    const postgres = await startPostgres();
    const projects = new Map<number, BenchProject>();
    try {
      for (const documents of [few, many]) {
        const project = new BenchProject();
        projects.set(documents, project);
        await writeLines(documents, { [project.path("events.ndjson")]: (i) => eventLine(i) });
        project.build(CAPTURE);
        add("capture", documents, await project.run());
        rmSync(project.path("events.ndjson"));
      }
      // Neither is always the first.
      const order = Array.from({ length: rounds }, (_, i) =>
        i % 2 === 0 ? [few, many] : [many, few],
      ).flat();
      for (const [round, documents] of order.entries()) {
        const project = projects.get(documents) as BenchProject; // of each of the two
        const env = { DATABASE_URL: await postgres.createDatabase() };
        // What was filled before stands at its end, and stays quiet. Its target is of another database.
        project.build(CAPTURE + fill(round));
        add("back-fill", documents, await project.run(env));
      }
      return { unit: "MiB", sides };
    } finally {
      for (const project of projects.values()) project[Symbol.dispose]();
      await postgres.stop();
    }
  },
};

const CAPTURE = captureEvents("events.ndjson");

/** A derivation of its own for each round: it reads all of history. */
const fill = (round: number) => spendOf("events", `spend-${round}`, `spend_${round}`);

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0);
}
