/**
 * What a good engineer writes by hand for the same job: reads the history, maps each document, and upserts batches of a
 * thousand rows with `pg`. `node script-process.ts rows|sums|updates`, with DATABASE_URL and HISTORY, the directory of the
 * history's objects, or UPDATES, a file of NDJSON.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { history } from "./history.ts";

const BATCH = 1_000;

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

  async sums(client: Client): Promise<void> {
    const statement = `INSERT INTO scripted AS t (plane, flights, delay, least, most) VALUES $rows
ON CONFLICT (plane) DO UPDATE SET flights = t.flights + excluded.flights, delay = t.delay + excluded.delay,
  least = least(t.least, excluded.least), most = greatest(t.most, excluded.most)`;
    let read = 0;
    // A statement may change no row twice.
    let rows = new Map<string, [string, number, number, number, number]>();
    for await (const { id, delay } of history()) {
      const plane = id.slice(5);
      const row = rows.get(plane);
      if (row)
        rows.set(plane, [
          plane,
          row[1] + 1,
          row[2] + delay,
          Math.min(row[3], delay),
          Math.max(row[4], delay),
        ]);
      else rows.set(plane, [plane, 1, delay, delay, delay]);
      if (++read % BATCH > 0) continue;
      await upsert(client, statement, [...rows.values()]);
      rows = new Map();
    }
    if (rows.size > 0) await upsert(client, statement, [...rows.values()]);
  },

  async updates(client: Client): Promise<void> {
    const statement = `INSERT INTO scripted (plane, step, place, delay) VALUES $rows
ON CONFLICT (plane) DO UPDATE SET step = excluded.step, place = excluded.place, delay = excluded.delay`;
    // A statement may change no row twice.
    let rows = new Map<string, unknown[]>();
    const lines = createInterface({ input: createReadStream(process.env.UPDATES ?? "") });
    for await (const line of lines) {
      const { plane, step, place, delay } = JSON.parse(line);
      rows.set(plane, [plane, step, place, delay]);
      if (rows.size < BATCH) continue;
      await upsert(client, statement, [...rows.values()]);
      rows = new Map();
    }
    if (rows.size > 0) await upsert(client, statement, [...rows.values()]);
  },
};

const job = jobs[(process.argv[2] ?? "") as keyof typeof jobs];
const client = new Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await job(client);
await client.end();
