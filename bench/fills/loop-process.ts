/**
 * The least that can be done: one thread reads, decompresses and parses all of the history, sums up in a `Map`, and copies the
 * rows once, at the end. With DATABASE_URL and HISTORY, see `history.ts`.
 */
import { pipeline } from "node:stream/promises";
import { Client } from "pg";
import { from } from "pg-copy-streams";
import { history } from "./history.ts";

interface Row {
  flights: number;
  delay: number;
  least: number;
  most: number;
}

const rows = new Map<string, Row>();
for await (const { id, delay } of history()) {
  const plane = id.slice(5);
  const row = rows.get(plane);
  if (row === undefined) {
    rows.set(plane, { flights: 1, delay, least: delay, most: delay });
    continue;
  }
  row.flights++;
  row.delay += delay;
  if (delay < row.least) row.least = delay;
  if (delay > row.most) row.most = delay;
}
const lines = Array.from(rows, ([plane, { flights, delay, least, most }]) =>
  [plane, flights, delay, least, most].join("\t"),
);
const client = new Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await pipeline(
  [`${lines.join("\n")}\n`],
  client.query(from("COPY looped (plane, flights, delay, least, most) FROM STDIN")),
);
await client.end();
