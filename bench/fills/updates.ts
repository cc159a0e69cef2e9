/**
 * Live upserts: a million updates of a hundred thousand rows that stand. They are put where a running capture watches, and the
 * time ends when the last of them is in the table: capture and journal are in it, and up to a fifth of one until the capture looks for
 * files. Beside what does no more than the upserts: a binary COPY of all updates to a temporary table, and from there INSERT … ON
 * CONFLICT of as many at a time as have different keys; and beside a script as it is written by hand.
 */
import { mkdirSync, renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres, withClient } from "../../test/servers/postgres.ts";
import type { Bench } from "../case.ts";
import { writeLines } from "../flights.ts";
import { BenchProject, timed } from "../project.ts";
import { psqlBinary } from "../system-tools.ts";
import { SCRIPT } from "./flights-project.ts";
import { expectSame } from "./same-rows.ts";

const KEYS = 100_000;
const COLUMNS = ["plane", "step", "place", "delay"];
/** Of the last row, by its key: that costs next to nothing. */
const LOOK_MS = 20;

export const updatesBench: Bench = {
  sizes: { full: { documents: 1_000_000, rounds: 3 }, short: { documents: 200_000, rounds: 3 } },
  cases: [
    {
      name: "updates",
      against: "binary COPY and INSERT … ON CONFLICT",
      sides: ["weir", "upserts"],
      must: 0.7,
      aim: 0.4,
    },
    { name: "updates-script", against: "a script by hand", sides: ["weir", "script"], must: 0.3, aim: 0.15 },
  ],
  measure: async (report, { documents, rounds }) => {
    if (documents % KEYS !== 0)
      throw new Error(`Give a multiple of ${KEYS} documents: each key comes as often.`);
    const psql = await psqlBinary();
    const postgres = await startPostgres({ fsync: true });
    const sides = { weir: [] as number[], upserts: [] as number[], script: [] as number[] };
    try {
      for (let round = 0; round < rounds; round++) {
        const url = await postgres.createDatabase();
        using project = new BenchProject({ "flows/bench.flow.ts": FLOW });
        project.build(FLOW);
        mkdirSync(project.path("planes"));
        await writeLines(KEYS, { [project.path("planes/0.ndjson")]: (i) => lineOf(i - KEYS) });
        await writeLines(documents, { [project.path("updates.ndjson")]: lineOf });
        let weir: number;
        {
          await using serving = project.serve({ DATABASE_URL: url });
          await stepOfLast(url, -1, serving.requireRunning);
          await copyTables(url, documents);
          const started = performance.now();
          renameSync(project.path("updates.ndjson"), project.path("planes/1.ndjson"));
          await stepOfLast(url, documents - 1, serving.requireRunning);
          weir = (performance.now() - started) / 1000;
        }
        const binary = project.path("updates.bin");
        await timed(psql, [url, "-c", `\\copy all_updates TO '${binary}' (FORMAT binary)`]);
        project.write("upserts.sql", upserts(binary, documents));
        const upserted = await timed(psql, [
          url,
          "-q",
          "-v",
          "ON_ERROR_STOP=1",
          "-f",
          project.path("upserts.sql"),
        ]);
        const env = { DATABASE_URL: url, UPDATES: project.path("planes/1.ndjson") };
        const scripted = await timed(process.execPath, [SCRIPT, "updates"], { env });
        await expectSame(url, KEYS, COLUMNS, ["planes", "upserted", "scripted"]);
        report(
          `Weir ${weir.toFixed(2)} s, upserts ${upserted.seconds.toFixed(2)} s, script ${scripted.seconds.toFixed(2)} s`,
        );
        sides.weir.push(weir);
        sides.upserts.push(upserted.seconds);
        sides.script.push(scripted.seconds);
      }
      return { unit: "s", sides };
    } finally {
      await postgres.stop();
    }
  },
};

const FLOW = `import { capture, env } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { z } from "zod";

capture("bench/planes", files({ path: "planes/*.ndjson", watch: true }), {
  schema: z.object({ plane: z.string(), step: z.int(), place: z.string(), delay: z.int() }),
  key: ["plane"],
}).materializeTo(pg({ url: env("DATABASE_URL"), table: "planes" }));
`;

interface Update {
  readonly plane: string;
  /** Counts up, from below 0 for the rows that stand. */
  readonly step: number;
  readonly place: string;
  readonly delay: number;
}

function updateAt(step: number): Update {
  const plane = ((step % KEYS) + KEYS) % KEYS;
  const at = (Math.imul(step, 0x9e3779b1) >>> 0) % 1_000;
  return { plane: `plane-${String(plane).padStart(8, "0")}`, step, place: `place-${at}`, delay: at - 500 };
}

function lineOf(step: number): string {
  return JSON.stringify(updateAt(step));
}

/** Waits until the table has the update of this step, which is the last one. */
async function stepOfLast(url: string, step: number, requireRunning: () => void): Promise<void> {
  const { plane } = updateAt(step);
  await withClient(url, async (client) => {
    for (;;) {
      requireRunning();
      const found = await client
        .query<{ step: string }>("SELECT step FROM planes WHERE plane = $1", [plane])
        .catch(() => ({ rows: [] })); // before the table is made
      if (Number(found.rows[0]?.step ?? Number.NaN) === step) return;
      await sleep(LOOK_MS);
    }
  });
}

/** The same table for the other sides, and all updates as they will be. */
async function copyTables(url: string, documents: number): Promise<void> {
  await withClient(url, async (client) => {
    for (const copy of ["upserted", "scripted"]) {
      await client.query(`CREATE TABLE ${copy} (LIKE planes INCLUDING ALL)`);
      await client.query(`INSERT INTO ${copy} SELECT * FROM planes`);
    }
    await client.query(`CREATE TABLE all_updates AS
SELECT 'plane-' || lpad((step % ${KEYS})::text, 8, '0') AS plane, step, 'place-' || at AS place, at - 500 AS delay
FROM (SELECT step, (step * 2654435761 % 4294967296) % 1000 AS at FROM generate_series(0::bigint, ${documents - 1}) AS step) AS s`);
  });
}

function upserts(binary: string, documents: number): string {
  const set = COLUMNS.slice(1).map((column) => `${column} = excluded.${column}`);
  const chunks = Array.from({ length: documents / KEYS }, (_, i) => i * KEYS);
  return [
    "BEGIN;",
    "CREATE TEMPORARY TABLE batch (plane text, step bigint, place text, delay bigint) ON COMMIT DROP;",
    `\\copy batch FROM '${binary}' (FORMAT binary)`,
    ...chunks.map(
      (from) => `INSERT INTO upserted (${COLUMNS}) SELECT ${COLUMNS} FROM batch
WHERE step >= ${from} AND step < ${from + KEYS} ON CONFLICT (plane) DO UPDATE SET ${set};`,
    ),
    "COMMIT;",
    "",
  ].join("\n");
}
