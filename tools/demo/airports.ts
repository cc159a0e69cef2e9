/** What must come of `airports.flow.ts`: plain loops over the flights and the file of the airports. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Flight } from "../../flows/flights/flight.ts";

/** A row of the table `airports`, by its columns' names. */
export interface AirportRow {
  iata: string;
  flights: number;
  delay_minutes: number;
  worst_minutes: number;
  name: string;
  city: string;
  state: string;
}

/** Airports that a flight left from and that `data/airports.csv` below `directory` knows. */
export async function expectedAirports(directory: string, flights: readonly Flight[]): Promise<AirportRow[]> {
  const rows = new Map<string, AirportRow>();
  const text = await readFile(join(directory, "data/airports.csv"), "utf8");
  for (const line of text.trimEnd().split("\n").slice(1)) {
    const [iata = "", name = "", city = "", state = ""] = cells(line);
    rows.set(iata, {
      iata,
      flights: 0,
      delay_minutes: 0,
      worst_minutes: Number.NEGATIVE_INFINITY,
      name,
      city,
      state,
    });
  }
  for (const { origin, delay } of flights) {
    const row = rows.get(origin);
    if (!row) continue;
    row.flights += 1;
    row.delay_minutes += delay;
    row.worst_minutes = Math.max(row.worst_minutes, delay);
  }
  return [...rows.values()].filter((row) => row.flights > 0);
}

/** A line of CSV without line breaks in its cells. */
function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain,
  );
}

export interface BracketRow {
  state: string;
  bracket: string;
  airports: number;
}

/** Counts each airport once, by what it is in the end. */
export function expectedBrackets(rows: readonly AirportRow[]): BracketRow[] {
  const brackets: BracketRow[] = [];
  for (const { state, flights, delay_minutes: minutes } of rows) {
    let bracket = "10 and more";
    if (minutes < 10 * flights) bracket = "under 10";
    if (minutes < 5 * flights) bracket = "under 5";
    if (minutes < 0) bracket = "early";
    const row = brackets.find((one) => one.state === state && one.bracket === bracket);
    if (row) row.airports += 1;
    else brackets.push({ state, bracket, airports: 1 });
  }
  return brackets;
}
