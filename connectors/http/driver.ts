/** Takes documents over HTTP. All captures of a runtime share one port; docs/connectors/http.md says what it answers. */
import type { IncomingMessage } from "node:http";
import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import {
  type CaptureContext,
  type CaptureDriver,
  type CapturedBatch,
  HaltError,
  type RuntimeSettings,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { Turns } from "../turns.ts";
import { parseBody, type Refusal } from "./body.ts";
import { type KeyedRequest, keyedRequest } from "./idempotency.ts";
import { InFlight, type Reservation } from "./in-flight.ts";
import { type KeyedAnswer, KeyedAppends } from "./keyed-appends.ts";
import { BODY_LIMIT, declaredLength, type ReadBody, readBody } from "./read-body.ts";

/** Bytes of bodies under way, where the configuration does not say. */
const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024;
/**
 * Bytes of text whose documents are parsed and not yet stored: as many as the head flushes at once. A parsed document takes
 * several times the memory of its text, so that the others wait as they came.
 */
const PARSED_BYTES = BODY_LIMIT;
/** Seconds within which a request must have come whole, where the configuration does not say. */
const REQUEST_TIMEOUT_SECONDS = 60;
/** How often connections are held against that, ms. */
const TIMEOUT_CHECK_MS = 1_000;
/** Milliseconds that requests under way are given when the capture stops. */
const DRAIN_LIMIT = 5_000;
const RETRY_AFTER_SECONDS = 5;
const KEY_CONFLICT =
  "The Idempotency-Key was used before with other documents. Nothing of this request was stored; give it a key of its own.";
const OVERLOADED =
  "More is coming in than can be stored just now. Nothing of this request was stored; send it again after the seconds in Retry-After.";
const TOO_LARGE = `The body is larger than ${BODY_LIMIT} bytes. Send its documents in several requests.`;

export const driver: CaptureDriver = {
  thread: "shared",
  bounded: () => false,
  async run(captures, settings) {
    const byPath = new Map(captures.map((capture) => [pathOf(capture), new Endpoint(capture)]));
    const { maxInFlightBytes = MAX_IN_FLIGHT_BYTES, requestTimeoutSeconds = REQUEST_TIMEOUT_SECONDS } =
      settings.http;
    const server = fastify({
      logger: false,
      // A client that sends a byte now and then holds room that others need.
      requestTimeout: requestTimeoutSeconds * 1000,
      http: {
        headersTimeout: requestTimeoutSeconds * 1000,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      },
      // Restarts must not wait for clients that keep a connection open without a request.
      forceCloseConnections: "idle",
    });
    const halted = Promise.withResolvers<never>();
    halted.promise.catch(() => {});
    const inFlight = new InFlight(maxInFlightBytes, byPath.size);
    addRoutes(server, { byPath, inFlight, turns: new Turns(PARSED_BYTES), halt: halted.reject });
    await listen(server, settings);
    for (const [path, { context }] of byPath) {
      context.ready();
      context.log.info(`POST ${origin(settings)}${path}`);
    }
    try {
      await Promise.race([halted.promise, Promise.all(captures.map(({ signal }) => aborted(signal)))]);
    } finally {
      await close(server);
    }
  },
};

/** A capture behind its path. */
class Endpoint {
  readonly context: CaptureContext;
  readonly #keyed: KeyedAppends;

  constructor(context: CaptureContext) {
    this.context = context;
    this.#keyed = new KeyedAppends(context);
  }

  append(batch: CapturedBatch, keyed: KeyedRequest | undefined): Promise<KeyedAnswer> {
    if (keyed) return this.#keyed.append(keyed, batch);
    const accepted = batch.count;
    return this.context.append(batch).then(() => ({ kind: "accepted", accepted }));
  }
}

/** What all requests of a port share. */
interface Port {
  readonly byPath: ReadonlyMap<string, Endpoint>;
  readonly inFlight: InFlight;
  readonly turns: Turns;
  readonly halt: (error: HaltError) => void;
}

function addRoutes(server: FastifyInstance, port: Port): void {
  const { byPath } = port;
  server.removeAllContentTypeParsers();
  // Bodies are read by the route, once there is room for them.
  server.addContentTypeParser("*", (_request, body, done) => done(null, body));
  // A client that asks before it sends its body is told by the answer, or by `takeIn` to go on.
  server.server.on("checkContinue", (request, response) => server.server.emit("request", request, response));
  server.get("/healthz", (_request, reply) => reply.send({ status: "ok" }));

  // Before the body is read: what cannot be taken is refused without it.
  server.addHook("onRequest", async (request, reply) => {
    const path = pathnameOf(request.raw);
    if (path === "/healthz") return;
    const endpoint = byPath.get(path);
    if (endpoint === undefined) return unknownPath(reply, path, byPath);
    if (request.method !== "POST") {
      return reply
        .code(405)
        .header("allow", "POST")
        .send(failure(`${path} takes POST, not ${request.method}.`));
    }
    if (endpoint.context.signal.aborted) return unavailable(reply, "The capture is stopping.");
    if (endpoint.context.isPaused) return unavailable(reply, "The collection is being replaced.");
  });

  server.addHook("onSend", async (request, reply) => {
    const stopping = [...byPath.values()].every(({ context }) => context.signal.aborted);
    // A connection kept open for the client's next request would keep the server from closing. And whether a client
    // that asked first sends its body after a refusal is up to it: what comes next on the connection is unknown.
    if (stopping || (asksFirst(request.raw) && !request.raw.complete)) reply.header("connection", "close");
  });

  server.addHook("onResponse", async (_request, reply) => {
    if (reply.statusCode === 200) protocolPoint("http.answer.after");
  });

  server.post("*", async (request, reply) => {
    const path = pathnameOf(request.raw);
    const endpoint = byPath.get(path);
    if (endpoint === undefined) return unknownPath(reply, path, byPath);
    const length = declaredLength(request.raw) ?? 0;
    if (length > BODY_LIMIT) return answerUnread(reply, { kind: "too large" }, port);
    const reserved = port.inFlight.reserve(path, length);
    if (reserved === undefined) return answerUnread(reply, { kind: "no room" }, port);
    let stored = false;
    try {
      stored = await takeIn({ port, path, endpoint, reserved, request: request.raw, reply });
    } finally {
      reserved.release(stored);
      // What is left of a refused body passes by unread, so that the client comes to read the answer.
      request.raw.resume();
    }
    return reply;
  });

  // Methods that reach no route were answered by the hook; this is for paths that no router takes.
  server.setNotFoundHandler((request, reply) => unknownPath(reply, pathnameOf(request.raw), byPath));
  server.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send(failure(error.message)),
  );
}

interface Incoming {
  readonly port: Port;
  readonly path: string;
  readonly endpoint: Endpoint;
  readonly reserved: Reservation;
  readonly request: IncomingMessage;
  readonly reply: FastifyReply;
}

/** Reads, checks and stores a request, and answers it. Whether it was stored. */
async function takeIn({ port, path, endpoint, reserved, request, reply }: Incoming): Promise<boolean> {
  if (asksFirst(request)) reply.raw.writeContinue();
  const body = await readBody(request, reserved);
  if (body.kind !== "read") {
    answerUnread(reply, body, port);
    return false;
  }
  const endTurn = await port.turns.take(path, body.bytes.length);
  try {
    const answer = await store(endpoint, body.bytes, request);
    return sendAnswer(reply, answer);
  } catch (error) {
    if (error instanceof HaltError) port.halt(error);
    const reason = error instanceof Error ? error.message : String(error);
    endpoint.context.log.warn(`A request was not stored: ${reason}`);
    unavailable(reply, "The documents could not be stored.");
    return false;
  } finally {
    endTurn();
  }
}

type Answer =
  | KeyedAnswer
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unsupported" }
  | { readonly kind: "bad key"; readonly message: string };

/** Not async: what is parsed is held by nobody here while it is being stored. Rejects as `append` does. */
function store(endpoint: Endpoint, bytes: Buffer, { headers }: IncomingMessage): Promise<Answer> {
  const { context } = endpoint;
  const parsed = parseBody(bytes, headers["content-type"], context);
  if (parsed.kind !== "accepted") return Promise.resolve(parsed);
  const keyed = keyedRequest(headers["idempotency-key"], bytes);
  if (typeof keyed === "string") return Promise.resolve({ kind: "bad key", message: keyed });
  return endpoint.append(parsed.batch, keyed);
}

/** Whether the documents are stored. */
function sendAnswer(reply: FastifyReply, answer: Answer): boolean {
  switch (answer.kind) {
    case "accepted":
      protocolPoint("http.answer.before");
      reply.send({ accepted: answer.accepted });
      return true;
    case "conflict":
      reply.code(422).send(failure(KEY_CONFLICT));
      return false;
    case "bad key":
      reply.code(400).send(failure(`${answer.message} Nothing of this request was stored.`));
      return false;
    case "unsupported":
      reply.code(415).send(failure("The body is not JSON. Send application/json or application/x-ndjson."));
      return false;
    case "refused": {
      const { line, path: place, rule } = answer.refusal;
      const message = `Line ${line}${place === "" ? "" : `, ${place}`}: ${rule}. Nothing of this request was stored.`;
      reply.code(422).send({ error: { line, path: place, rule, message } });
      return false;
    }
    default:
      return answer satisfies never;
  }
}

/** Answers a request whose body was not read, or not to its end. */
function answerUnread(
  reply: FastifyReply,
  body: Exclude<ReadBody, { readonly kind: "read" }>,
  { inFlight }: Port,
): FastifyReply {
  switch (body.kind) {
    case "too large":
      return reply.code(413).send(failure(TOO_LARGE));
    case "no room":
      return reply
        .code(429)
        .header("retry-after", String(inFlight.retryAfterSeconds()))
        .send(failure(OVERLOADED));
    case "unknown encoding":
      return reply
        .code(415)
        .send(failure(`The content encoding "${body.encoding}" is not known. Send gzip, or none.`));
    case "not gzip":
      return reply
        .code(422)
        .send(failure("The body is not gzip, though its content encoding says so. Nothing was stored."));
    default:
      return body satisfies never;
  }
}

/** Whether the client waits for a word before it sends its body. */
function asksFirst({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === "100-continue";
}

function unknownPath(reply: FastifyReply, path: string, byPath: ReadonlyMap<string, Endpoint>): FastifyReply {
  const known = [...byPath.keys()].sort().join(", ");
  return reply.code(404).send(failure(`There is no capture at ${path}. There are: ${known}.`));
}

function unavailable(reply: FastifyReply, reason: string): FastifyReply {
  const message = `${reason} Nothing of this request was stored; send it again.`;
  return reply.code(503).header("retry-after", String(RETRY_AFTER_SECONDS)).send(failure(message));
}

function failure(message: string): { error: { message: string } } {
  return { error: { message } };
}

function pathOf({ config, task }: CaptureContext): string {
  if (typeof config.path !== "string")
    throw new HaltError(`The capture ${task} has no path. Build the plan again.`);
  return config.path;
}

function pathnameOf({ url = "/" }: IncomingMessage): string {
  const path = url.split("?", 1)[0] ?? "/";
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

async function listen(server: FastifyInstance, settings: RuntimeSettings): Promise<void> {
  const { host, port } = settings.http;
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = LISTEN_REASONS[code];
    if (reason === undefined) throw error;
    throw new HaltError(`HTTP captures cannot listen on ${host}:${port}: ${reason} (${code}).`, {
      cause: error,
    });
  }
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken; end what uses it, or set http.port in weir.config.ts to another",
  EACCES: "this user may not use the port; set http.port in weir.config.ts to one above 1023",
  EADDRNOTAVAIL: "this machine has no such address; correct http.host in weir.config.ts",
  ENOTFOUND: "the host's name is unknown; correct http.host in weir.config.ts",
};

function origin({ http: { host, port } }: RuntimeSettings): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Takes no more connections, lets requests under way finish, and cuts those that do not in time. */
async function close(server: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => server.server.closeAllConnections(), DRAIN_LIMIT);
  try {
    await server.close();
  } finally {
    clearTimeout(cut);
  }
}
