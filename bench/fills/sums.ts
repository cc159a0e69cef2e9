/**
 * A back-fill that reduces: sums, least and most of a hundred thousand keys. Beside the bare loop that does no more than that,
 * and beside a script as it is written by hand.
 */
import { startPostgres, withClient } from "../../test/servers/postgres.ts";
import type { Bench } from "../case.ts";
import { writeFlights } from "../flights.ts";
import { BenchProject, timed } from "../project.ts";
import { captureOf, LOOP, SCRIPT, scriptEnvironment } from "./flights-project.ts";
import { expectSame } from "./same-rows.ts";

const KEYS = 100_000;
const COLUMNS = ["plane", "flights", "delay", "least", "most"];

export const sumsBench: Bench = {
  sizes: { full: { documents: 5_000_000, rounds: 2 } },
  cases: [
    { name: "sums", against: "a bare loop in one thread", sides: ["weir", "loop"], must: 1.2, aim: 0.7 },
    { name: "sums-script", against: "a script by hand", sides: ["weir", "script"], must: 0.3, aim: 0.15 },
  ],
  measure: async (report, { documents, rounds }) => {
    const postgres = await startPostgres({ fsync: true });
    const sides = { weir: [] as number[], loop: [] as number[], script: [] as number[] };
    using project = new BenchProject();
    try {
      await writeFlights(documents, { [project.path("flights.ndjson")]: JSON.stringify });
      // Both cores can work: a shard for each.
      const capture = captureOf("\n  partitions: 2,");
      project.build(capture);
      await project.run();
      for (let round = 0; round < rounds; round++) {
        const url = await postgres.createDatabase();
        project.build(capture + planes(round));
        const weir = await project.run({ DATABASE_URL: url });
        await withClient(url, async (client) => {
          for (const copy of ["looped", "scripted"])
            await client.query(`CREATE TABLE ${copy} (LIKE planes_${round} INCLUDING ALL)`);
        });
        const env = scriptEnvironment(project, url);
        const looped = await timed(process.execPath, [LOOP], { env });
        const scripted = await timed(process.execPath, [SCRIPT, "sums"], { env });
        await expectSame(url, Math.min(documents, KEYS), COLUMNS, [`planes_${round}`, "looped", "scripted"]);
        report(
          `Weir ${weir.seconds.toFixed(2)} s (${weir.cpuSeconds.toFixed(2)} s of CPU), loop ${looped.seconds.toFixed(2)} s, script ${scripted.seconds.toFixed(2)} s`,
        );
        sides.weir.push(weir.seconds);
        sides.loop.push(looped.seconds);
        sides.script.push(scripted.seconds);
      }
      return { unit: "s", sides };
    } finally {
      await postgres.stop();
    }
  },
};

/** A derivation of its own for each round: it reads all of history. */
const planes = (round: number) => `flights
  .derive("bench/planes-${round}", {
    schema: z.object({ plane: z.string(), flights: z.int(), delay: z.int(), least: z.int(), most: z.int() }),
    key: ["plane"],
    reduce: { flights: "sum", delay: "sum", least: "min", most: "max" },
    transform: ({ id, delay }) => ({ plane: id.slice(5), flights: 1, delay, least: delay, most: delay }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "planes_${round}" }));
`;
