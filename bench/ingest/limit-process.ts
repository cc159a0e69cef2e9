/**
 * The least that takes a document over HTTP and has it in Postgres, in one thread: a flushed write to a file, and one statement that
 * stores the rows that have come meanwhile and moves a fenced position. No check of documents, nothing for a second reader, no recovery.
 * `node limit-process.ts PORT LOG`, with DATABASE_URL.
 */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { Client } from "pg";
import type { BenchFlight } from "../flights.ts";

const LOG_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const COLUMNS = ["id", "departed", "delay", "distance", "origin", "destination"] as const;
const STORE = `WITH position AS (
  UPDATE positions SET position = $3, updated_at = now() WHERE task = 'limit' AND fence = $1 AND position = $2 RETURNING 1
)
INSERT INTO flights AS t (${COLUMNS.join(", ")})
SELECT s.* FROM unnest($4::text[], $5::timestamptz[], $6::bigint[], $7::bigint[], $8::text[], $9::text[]) AS s
WHERE EXISTS (SELECT FROM position)
ON CONFLICT (id) DO UPDATE SET ${COLUMNS.slice(1)
  .map((column) => `${column} = excluded.${column}`)
  .join(", ")}`;

interface Request {
  readonly body: Buffer;
  readonly flight: BenchFlight;
  readonly response: ServerResponse;
}

const [port, path = ""] = process.argv.slice(2);
const client = new Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await client.query(`CREATE TABLE flights (id text COLLATE "C" PRIMARY KEY, departed timestamptz NOT NULL,
  delay bigint NOT NULL, distance bigint NOT NULL, origin text NOT NULL, destination text NOT NULL);
CREATE TABLE positions (task text PRIMARY KEY, fence bigint NOT NULL, position bigint NOT NULL, updated_at timestamptz);
INSERT INTO positions VALUES ('limit', 1, 0)`);

const log = openSync(path, "w+");
writeSync(log, Buffer.alloc(LOG_BYTES), 0, LOG_BYTES, 0);
fdatasyncSync(log);
let end = 0;
/** Not in the log yet. */
let requests: Request[] = [];
/** In the log, and not in Postgres. */
let flights: BenchFlight[] = [];
let position = 0;
let isStoring = false;

createServer({ keepAliveTimeout: 0 }, (request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    if (requests.push({ body, flight: JSON.parse(body.toString()), response }) === 1) setImmediate(flush);
  });
}).listen(Number(port), "127.0.0.1");

function flush(): void {
  const flushed = requests;
  requests = [];
  const bytes = Buffer.concat(flushed.map(({ body }) => body));
  const record = Buffer.alloc(Math.ceil(bytes.length / PAGE_BYTES) * PAGE_BYTES);
  record.set(bytes);
  if (end + record.length > LOG_BYTES) end = 0;
  writeSync(log, record, 0, record.length, end);
  fdatasyncSync(log);
  end += record.length;
  for (const { flight } of flushed) flights.push(flight);
  if (!isStoring) void store();
  for (const { response } of flushed) response.end('{"accepted":1}');
}

async function store(): Promise<void> {
  isStoring = true;
  while (flights.length > 0) {
    const rows = flights;
    flights = [];
    const values = COLUMNS.map((column) => rows.map((row) => row[column]));
    const next = position + rows.length;
    const { rowCount } = await client.query({
      name: "store",
      text: STORE,
      values: [1, position, next, ...values],
    });
    if (rowCount !== rows.length) throw new Error(`${rowCount} of ${rows.length} rows were stored.`);
    position = next;
  }
  isStoring = false;
}
