/**
 * Durable ingest: documents posted as NDJSON, a thousand a request, beside NATS JetStream, to which the same documents are
 * published one by one without waiting for each one's acknowledgement.
 *
 * Weir answers a request when its documents are flushed to disk. JetStream, with file storage and its defaults, acknowledges a message
 * before it is: it flushes once a minute, in newer versions every two minutes (`sync_interval`). So it promises less, and the comparison
 * favours it. Its defaults are left as they are.
 */
import { rmSync } from "node:fs";
import { jetstreamManager, StorageType } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { freePort } from "../../test/servers/free-port.ts";
import type { Bench, Case, Size } from "../case.ts";
import { EVENT_SCHEMA, eventAt } from "../events.ts";
import { FLIGHT_SCHEMA, flightsByNumber } from "../flights.ts";
import { BenchProject, cpuSecondsOf } from "../project.ts";
import { HttpConnection, postRequest } from "./http-connection.ts";
import { startNats } from "./nats-server.ts";

const DOCUMENTS_PER_REQUEST = 1_000;
/** That each side is given before it is measured: what compiles as it runs has been compiled. */
const WARM_UP = 50_000;
/** Requests that are under way at a time, each on a connection of its own. */
const CONNECTIONS = 8;
/** Messages that are not acknowledged yet, as many as NATS' own clients allow by default. */
const UNACKNOWLEDGED = 4_000;

const AGAINST = "NATS JetStream, published asynchronously";

export const ingestBenches: readonly Bench[] = [
  ingestBench(
    { name: "ingest", against: AGAINST, sides: ["weir", "nats"], must: 3, aim: 8 },
    { documents: 1_000_000, rounds: 3 },
    FLIGHT_SCHEMA,
    async (count) => linesOf(count, await flightsByNumber(count)),
  ),
  ingestBench(
    { name: "ingest-1kb", against: AGAINST, sides: ["weir", "nats"], must: 3, aim: 8 },
    { documents: 200_000, rounds: 3 },
    EVENT_SCHEMA,
    async (count) => linesOf(count, eventAt),
  ),
];

/** Documents as the sides send them. */
interface Load {
  readonly documents: readonly Uint8Array[];
  readonly requests: readonly Uint8Array[];
  readonly bytes: number;
}

function ingestBench(
  ingest: Case,
  full: Size,
  schema: string,
  load: (count: number) => Promise<readonly Buffer[]>,
): Bench {
  return {
    sizes: { full },
    cases: [ingest],
    measure: async (report, { documents, rounds }) => {
      using project = new BenchProject();
      const port = await freePort();
      project.write("weir.config.ts", `export default { http: { port: ${port} } };\n`);
      project.build(flow(schema));
      const lines = await load(WARM_UP + documents);
      const [warmUp, measured] = [loadOf(lines.slice(0, WARM_UP)), loadOf(lines.slice(WARM_UP))];
      const sides = { weir: [] as number[], nats: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        const nats = await publishAll(warmUp, measured);
        const weir = await postAll(project, port, warmUp, measured);
        report(`Weir ${told(weir)}; NATS ${told(nats)}`);
        sides.weir.push(weir.rate);
        sides.nats.push(nats.rate);
      }
      return { unit: "docs/s", sides };
    },
  };
}

interface Ingested {
  /** Documents a second. */
  readonly rate: number;
  /** CPU time of the server, and of this process, µs for each document. */
  readonly server: number;
  readonly client: number;
}

function told({ rate, server, client }: Ingested): string {
  return `${Math.round(rate).toLocaleString("en-US")} docs/s (CPU ${server.toFixed(2)} µs a document, of its client ${client.toFixed(2)})`;
}

async function postAll(project: BenchProject, port: number, warmUp: Load, measured: Load): Promise<Ingested> {
  rmSync(project.path(".weir"), { recursive: true, force: true });
  await using server = project.serve();
  const first = await HttpConnection.openWhenReady(port, server);
  const others = Array.from({ length: CONNECTIONS - 1 }, () => HttpConnection.open(port));
  const connections = [first, ...(await Promise.all(others))];
  await post(connections, warmUp.requests);
  const ingested = await timedIngest(server.pid, measured.documents.length, () =>
    post(connections, measured.requests),
  );
  for (const connection of connections) connection.close();
  await expectAll(project, [warmUp, measured]);
  return ingested;
}

async function post(connections: readonly HttpConnection[], requests: readonly Uint8Array[]): Promise<void> {
  const rest = requests.values();
  await Promise.all(
    connections.map(async (connection) => {
      for (const request of rest) await connection.send(request);
    }),
  );
}

async function expectAll(project: BenchProject, loads: readonly Load[]): Promise<void> {
  const expected = loads.reduce((sum, { bytes }) => sum + bytes, 0);
  let found = 0;
  for await (const part of project.answer("read", "bench/documents")) found += part.length;
  if (found !== expected) throw new Error(`Weir holds ${found} bytes of documents, of ${expected}.`);
}

async function publishAll(warmUp: Load, measured: Load): Promise<Ingested> {
  const server = await startNats();
  try {
    const connection = await server.connect();
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "BENCH", subjects: [SUBJECT], storage: StorageType.File });
    await publish(connection, warmUp.documents);
    const ingested = await timedIngest(server.pid, measured.documents.length, () =>
      publish(connection, measured.documents),
    );
    const { state } = await manager.streams.info("BENCH");
    const expected = warmUp.documents.length + measured.documents.length;
    if (state.messages !== expected) throw new Error(`NATS holds ${state.messages} messages of ${expected}.`);
    await connection.close();
    return ingested;
  } finally {
    await server.stop();
  }
}

const SUBJECT = "bench.documents";
const ACKS = "_INBOX.bench";

/**
 * Each message names where its acknowledgement goes, which is all that a publish of JetStream is. The client's own `publish` makes a
 * promise and a subject for each of them, and keeps the server waiting.
 */
async function publish(connection: NatsConnection, documents: readonly Uint8Array[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let sent = 0;
  let acknowledged = 0;
  const send = () => {
    for (; sent < documents.length && sent - acknowledged < UNACKNOWLEDGED; sent++) {
      connection.publish(SUBJECT, documents[sent], { reply: ACKS });
    }
  };
  const subscription = connection.subscribe(ACKS, {
    callback: (error, message) => {
      if (error) return reject(error);
      if (message.data[2] !== LETTER_S) return reject(new Error(Buffer.from(message.data).toString()));
      acknowledged++;
      if (acknowledged === documents.length) resolve();
      // Several at a time: a write to the connection for each would cost the client more.
      else if (sent - acknowledged <= UNACKNOWLEDGED / 2) send();
    },
  });
  send();
  await promise;
  subscription.unsubscribe();
}

/** An acknowledgement is `{"stream":…}`, a refusal `{"error":…}`. */
const LETTER_S = 0x73;

async function timedIngest(pid: number, documents: number, work: () => Promise<void>): Promise<Ingested> {
  const own = process.cpuUsage();
  const servers = cpuSecondsOf(pid);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(own);
  return {
    rate: documents / seconds,
    server: ((cpuSecondsOf(pid) - servers) / documents) * 1e6,
    client: (user + system) / documents,
  };
}

function linesOf(count: number, documentAt: (index: number) => object): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`${JSON.stringify(documentAt(i))}\n`));
}

function loadOf(lines: readonly Buffer[]): Load {
  const requests: Buffer[] = [];
  for (let from = 0; from < lines.length; from += DOCUMENTS_PER_REQUEST) {
    const body = Buffer.concat(lines.slice(from, from + DOCUMENTS_PER_REQUEST));
    requests.push(postRequest("/documents", "application/x-ndjson", body));
  }
  return {
    documents: lines.map((line) => line.subarray(0, -1)),
    requests,
    bytes: lines.reduce((sum, { length }) => sum + length, 0),
  };
}

const flow = (schema: string) => `import { capture } from "weir";
import { http } from "weir/http";
import { z } from "zod";

export const documents = capture("bench/documents", http({ path: "/documents" }), {
  schema: ${schema},
  key: ["id"],
});
`;
