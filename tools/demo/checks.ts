/** Compares what the targets hold with what the plain script computed. */
import { Redis } from "ioredis";
import type { Client } from "pg";
import { type DelaysRow, digest } from "./flights.ts";

export class Checks {
  readonly #lines: string[] = [];
  failed = false;

  equal(what: string, found: number | string, expected: number | string): void {
    const holds = found === expected;
    if (!holds) this.failed = true;
    this.#lines.push(
      `${holds ? "  ok " : "FAIL "} ${what}: ${found}${holds ? "" : `, expected ${expected}`}`,
    );
  }

  report(): string {
    const verdict = this.failed
      ? "The totals do NOT agree."
      : "Every table and key holds exactly what a plain loop over the input gives.";
    return [...this.#lines, verdict].join("\n");
  }
}

/**
 * Row by row, every column: the digest is over all of them, sorted.
 * @param table what stands after `FROM`
 * @param counted the column whose sum is shown
 */
export async function compareTable(
  checks: Checks,
  client: Client,
  table: string,
  expected: readonly object[],
  counted = "flights",
): Promise<void> {
  const columns = Object.keys(expected[0] ?? {});
  const select = columns
    .map((name) => (name === "day" ? `to_char("day", 'YYYY-MM-DD') AS "day"` : `"${name}"`))
    .join(", ");
  const { rows } = await client.query<Record<string, unknown>>(`SELECT ${select} FROM ${table}`);
  // bigint columns arrive as strings.
  const found = rows.map((row) =>
    Object.fromEntries(
      columns.map((name) => [
        name,
        typeof expected[0]?.[name as never] === "number" ? Number(row[name]) : row[name],
      ]),
    ),
  );
  const sum = (all: readonly object[]) =>
    all.reduce((total, row) => total + Number(row[counted as never]), 0);
  checks.equal(`${table}, ${counted} counted`, sum(found), sum(expected));
  checks.equal(`${table}, digest of ${expected.length} rows`, digest(found), digest(expected));
}

/** The hashes `delays:{airport}:{day}`. */
export async function compareHashes(
  checks: Checks,
  url: string,
  expected: readonly DelaysRow[],
): Promise<void> {
  const redis = new Redis(url);
  const found: object[] = [];
  for (let from = 0; from < expected.length; from += 5_000) {
    const pipeline = redis.pipeline();
    for (const { airport, day } of expected.slice(from, from + 5_000))
      pipeline.hgetall(`delays:${airport}:${day}`);
    for (const [, hash] of (await pipeline.exec()) ?? []) {
      const row = hash as Record<string, string>; // HGETALL's answer
      const { airport, day, firstTo, lastTo } = row;
      const [flights, delayMinutes, worst, best] = [row.flights, row.delayMinutes, row.worst, row.best].map(
        Number,
      );
      found.push({ airport, day, flights, delayMinutes, worst, best, firstTo, lastTo });
    }
  }
  await redis.quit();
  checks.equal(`redis hashes delays:*, digest of ${expected.length}`, digest(found), digest(expected));
}

/** The sorted set `latest-days`. */
export async function compareRanking(
  checks: Checks,
  url: string,
  expected: readonly DelaysRow[],
): Promise<void> {
  const redis = new Redis(url);
  // Redis' answer under RESP3: pairs of member and score.
  const pairs = (await redis.call("ZRANGE", "latest-days", "0", "-1", "WITHSCORES")) as [
    string,
    number | string,
  ][];
  await redis.quit();
  const found = pairs.map(([member, score]) => [member, Number(score)]);
  const wanted = expected.map(({ airport, day, delayMinutes }) => [`${airport} ${day}`, delayMinutes]);
  checks.equal(`redis sorted set latest-days, digest of ${wanted.length}`, digest(found), digest(wanted));
}
