/** The input of the demo: real flights, and what must come of them, computed by a plain script. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createGzip, zstdDecompressSync } from "node:zlib";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import type { Flight } from "../../flows/flights/flight.ts";

/** Rows of one history file. */
const ROWS_PER_FILE = 250_000;

interface ParquetRow {
  readonly date: Date;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

// The package exports its code only; its data lies beside it.
const DATA = fileURLToPath(new URL("../../node_modules/vega-datasets/data/", import.meta.url));

/** The first `count` of the three million US flights of 2001 that `vega-datasets` ships. */
export async function readFlights(count: number): Promise<Flight[]> {
  const file = await asyncBufferFromFile(join(DATA, "flights-3m.parquet"));
  const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };
  // The file's schema: date, delay, distance, origin, destination.
  const rows = (await parquetReadObjects({ file, compressors, rowEnd: count })) as unknown as ParquetRow[];
  return rows.map(({ date, delay, distance, origin, destination }) => ({
    departed: `${date.toISOString().slice(0, 19)}Z`,
    delay: Number(delay),
    distance: Number(distance),
    origin,
    destination,
  }));
}

/** Writes `data/airports.csv` below `directory`: the airports of the US, as `vega-datasets` ships them. */
export async function writeAirports(directory: string): Promise<void> {
  await mkdir(join(directory, "data"), { recursive: true });
  await copyFile(join(DATA, "airports.csv"), join(directory, "data/airports.csv"));
}

/** Writes `data/flights-000.ndjson.gz` and so on below `directory`. */
export async function writeHistory(directory: string, flights: readonly Flight[]): Promise<void> {
  await mkdir(join(directory, "data"), { recursive: true });
  for (let from = 0; from < flights.length; from += ROWS_PER_FILE) {
    const rows = flights.slice(from, from + ROWS_PER_FILE);
    const name = `flights-${String(from / ROWS_PER_FILE).padStart(3, "0")}.ndjson.gz`;
    await pipeline(
      Readable.from(blocks(rows)),
      createGzip({ level: 1 }),
      createWriteStream(join(directory, "data", name)),
    );
  }
}

function* blocks(flights: readonly Flight[]): Generator<string> {
  for (let from = 0; from < flights.length; from += 10_000) {
    const rows = flights.slice(from, from + 10_000);
    yield rows.map((flight) => `${JSON.stringify(flight)}\n`).join("");
  }
}

export interface DelaysRow {
  airport: string;
  day: string;
  flights: number;
  delayMinutes: number;
  worst: number;
  best: number;
  firstTo: string;
  lastTo: string;
}

/** What `delays/…` must hold: a plain loop in the order of the input. */
export function expectedDelays(flights: readonly Flight[]): DelaysRow[] {
  const rows = new Map<string, DelaysRow>();
  for (const { origin, departed, delay, destination } of flights) {
    const day = departed.slice(0, 10);
    const row = rows.get(`${origin} ${day}`);
    if (row === undefined) {
      rows.set(`${origin} ${day}`, {
        airport: origin,
        day,
        flights: 1,
        delayMinutes: delay,
        worst: delay,
        best: delay,
        firstTo: destination,
        lastTo: destination,
      });
      continue;
    }
    row.flights += 1;
    row.delayMinutes += delay;
    if (delay > row.worst) row.worst = delay;
    if (delay < row.best) row.best = delay;
    row.lastTo = destination;
  }
  return [...rows.values()];
}

export interface RoutesRow {
  from: string;
  to: string;
  miles: number;
  flights: number;
  delayMinutes: number;
  overAnHour: number;
}

export function expectedRoutes(flights: readonly Flight[]): RoutesRow[] {
  const rows = new Map<string, RoutesRow>();
  for (const { origin, destination, distance, delay } of flights) {
    const key = `${origin} ${destination}`;
    const row = rows.get(key) ?? {
      from: origin,
      to: destination,
      miles: distance,
      flights: 0,
      delayMinutes: 0,
      overAnHour: 0,
    };
    rows.set(key, row);
    row.miles = Math.max(row.miles, distance);
    row.flights += 1;
    row.delayMinutes += delay;
    if (delay > 60) row.overAnHour += 1;
  }
  return [...rows.values()];
}

/** Order does not count: a digest over the sorted rows, for comparing and for showing. */
export function digest(rows: readonly object[]): string {
  const lines = rows.map((row) => JSON.stringify(Object.values(row))).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 12);
}
