/**
 * What a good engineer writes by hand for the same job: reads the history, maps each document, and upserts batches of a
 * thousand rows with `pg`. `node script-process.ts rows`, with DATABASE_URL and HISTORY, the directory of the history's objects.
 */
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { Client } from "pg";
import type { BenchFlight } from "../flights.ts";

const decompress = promisify(zstdDecompress);
const BATCH = 1_000;

async function* history(): AsyncGenerator<BenchFlight> {
  const directory = process.env.HISTORY ?? "";
  const objects = globSync("**/*.ndjson.zst", { cwd: directory });
  // Their names begin with their first offset.
  objects.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const object of objects) {
    const text = (await decompress(await readFile(join(directory, object)))).toString();
    for (const line of text.split("\n")) if (line !== "") yield JSON.parse(line);
  }
}

function nameOf(object: string): string {
  return object.slice(object.lastIndexOf("/") + 1);
}

async function upsert(
  client: Client,
  statement: string,
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const width = rows[0]?.length ?? 0;
  const places = rows.map((_, i) => `(${Array.from({ length: width }, (_, j) => `$${i * width + j + 1}`)})`);
  await client.query(statement.replace("$rows", places.join(", ")), rows.flat());
}

const jobs = {
  async rows(client: Client): Promise<void> {
    const statement = `INSERT INTO scripted (id, departed, route, late, delay, km) VALUES $rows
ON CONFLICT (id) DO UPDATE SET departed = excluded.departed, route = excluded.route, late = excluded.late,
  delay = excluded.delay, km = excluded.km`;
    let rows: unknown[][] = [];
    for await (const { id, departed, origin, destination, delay, distance } of history()) {
      rows.push([
        ...[id, departed, `${origin}-${destination}`, delay > 15, delay],
        Math.round(distance * 1.609344),
      ]);
      if (rows.length < BATCH) continue;
      await upsert(client, statement, rows);
      rows = [];
    }
    if (rows.length > 0) await upsert(client, statement, rows);
  },
};

const job = jobs[(process.argv[2] ?? "") as keyof typeof jobs];
const client = new Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await job(client);
await client.end();
