/** What benchmarks are fed: the three million real flights of `vega-datasets`, repeated with fresh keys as often as it takes. */
import { open } from "node:fs/promises";
import { readFlights } from "../tools/demo/flights.ts";

const SHIPPED = 3_000_000;
const BLOCK = 20_000;

export interface BenchFlight {
  /** Fresh for every one of them, ten digits that count up. */
  readonly id: string;
  /** RFC 3339, in UTC. */
  readonly departed: string;
  /** Minutes. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** Of a flow file: the schema of a flight. */
export const FLIGHT_SCHEMA = `z.object({
  id: z.string(),
  departed: z.iso.datetime(),
  delay: z.int(),
  distance: z.int(),
  origin: z.string(),
  destination: z.string(),
})`;

/** By their numbers, the first `count` of them. */
export async function flightsByNumber(count: number): Promise<(index: number) => BenchFlight> {
  const shipped = await readFlights(Math.min(count, SHIPPED));
  return (i) => ({
    id: String(i).padStart(10, "0"),
    ...(shipped[i % shipped.length] as (typeof shipped)[number]), // there is at least one
  });
}

/** A line for each of `count` flights, in files of any form. */
export async function writeFlights(
  count: number,
  files: Readonly<Record<string, (flight: BenchFlight) => string>>,
): Promise<void> {
  const flightAt = await flightsByNumber(count);
  for (const [path, lineOf] of Object.entries(files)) {
    await writeLines(count, { [path]: (i) => lineOf(flightAt(i)) });
  }
}

/** `count` lines in each file, from the line's number. */
export async function writeLines(
  count: number,
  files: Readonly<Record<string, (index: number) => string>>,
): Promise<void> {
  for (const [path, lineOf] of Object.entries(files)) {
    const file = await open(path, "w");
    try {
      for (let from = 0; from < count; from += BLOCK) {
        let text = "";
        for (let i = from; i < Math.min(from + BLOCK, count); i++) text += `${lineOf(i)}\n`;
        await file.write(text);
      }
    } finally {
      await file.close();
    }
  }
}
