/**
 * A back-fill with a row for each document: from fragments, through a transform, into a fresh table. Beside `psql`, which
 * copies the same rows from CSV into the same table, and beside a script as it is written by hand.
 */
import { startPostgres, withClient } from "../../test/servers/postgres.ts";
import type { Bench } from "../case.ts";
import { type BenchFlight, writeFlights } from "../flights.ts";
import { BenchProject, timed } from "../project.ts";
import { psqlBinary } from "../system-tools.ts";
import { CAPTURE, SCRIPT, scriptEnvironment } from "./flights-project.ts";
import { expectSame } from "./same-rows.ts";

const COLUMNS = ["id", "departed", "route", "late", "delay", "km"];

export const rowsBench: Bench = {
  sizes: { full: { documents: 2_000_000, rounds: 2 }, short: { documents: 100_000, rounds: 3 } },
  cases: [
    { name: "rows", against: "psql \\copy from CSV", sides: ["weir", "psql"], must: 1.3, aim: 1 },
    { name: "rows-script", against: "a script by hand", sides: ["weir", "script"], must: 0.3, aim: 0.15 },
  ],
  measure: async (report, { documents, rounds }) => {
    const psql = await psqlBinary();
    const postgres = await startPostgres({ fsync: true });
    const sides = { weir: [] as number[], psql: [] as number[], script: [] as number[] };
    using project = new BenchProject();
    try {
      await writeFlights(documents, {
        [project.path("flights.ndjson")]: JSON.stringify,
        [project.path("legs.csv")]: csvOf,
      });
      project.build(CAPTURE);
      await project.run();
      for (let round = 0; round < rounds; round++) {
        const url = await postgres.createDatabase();
        project.build(CAPTURE + legs(round));
        const weir = await project.run({ DATABASE_URL: url });
        await withClient(url, async (client) => {
          for (const copy of ["copied", "scripted"])
            await client.query(`CREATE TABLE ${copy} (LIKE legs_${round} INCLUDING ALL)`);
        });
        const copied = await timed(psql, [
          url,
          ...["-c", `\\copy copied (${COLUMNS.join(", ")}) from '${project.path("legs.csv")}' csv`],
        ]);
        const scripted = await timed(process.execPath, [SCRIPT, "rows"], {
          env: scriptEnvironment(project, url),
        });
        await expectSame(url, documents, COLUMNS, [`legs_${round}`, "copied", "scripted"]);
        report(
          `Weir ${weir.seconds.toFixed(2)} s (${weir.cpuSeconds.toFixed(2)} s of CPU), psql ${copied.seconds.toFixed(2)} s, script ${scripted.seconds.toFixed(2)} s`,
        );
        sides.weir.push(weir.seconds);
        sides.psql.push(copied.seconds);
        sides.script.push(scripted.seconds);
      }
      return { unit: "s", sides };
    } finally {
      await postgres.stop();
    }
  },
};

const KM = 1.609344;

/** A derivation of its own for each round: it reads all of history. */
const legs = (round: number) => `flights
  .derive("bench/legs-${round}", {
    schema: z.object({
      id: z.string(),
      departed: z.iso.datetime(),
      route: z.string(),
      late: z.boolean(),
      delay: z.int(),
      km: z.int(),
    }),
    key: ["id"],
    transform: ({ id, departed, origin, destination, delay, distance }) => ({
      id,
      departed,
      route: origin + "-" + destination,
      late: delay > 15,
      delay,
      km: Math.round(distance * ${KM}),
    }),
  })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "legs_${round}" }));
`;

function csvOf({ id, departed, origin, destination, delay, distance }: BenchFlight): string {
  return `${id},${departed},${origin}-${destination},${delay > 15},${delay},${Math.round(distance * KM)}`;
}
