/** Takes documents over HTTP. All captures of a runtime share one port; docs/connectors/http.md says what it answers. */
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import {
  type CaptureContext,
  type CaptureDriver,
  type CapturedBatch,
  HaltError,
  type RuntimeSettings,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { parseBody } from "./body.ts";
import { type KeyedRequest, keyedRequest } from "./idempotency.ts";
import { type KeyedAnswer, KeyedAppends } from "./keyed-appends.ts";

/** Bytes of a request's body, also after unpacking. */
const BODY_LIMIT = 16 * 1024 * 1024;
/** Milliseconds that requests under way are given when the capture stops. */
const DRAIN_LIMIT = 5_000;
const RETRY_AFTER_SECONDS = 5;
const KEY_CONFLICT =
  "The Idempotency-Key was used before with other documents. Nothing of this request was stored; give it a key of its own.";
const TOO_LARGE = `The body is larger than ${BODY_LIMIT} bytes. Send its documents in several requests.`;

const unpack = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip);

export const driver: CaptureDriver = {
  thread: "shared",
  bounded: () => false,
  async run(captures, settings) {
    const byPath = new Map(captures.map((capture) => [pathOf(capture), new Endpoint(capture)]));
    const server = fastify({
      bodyLimit: BODY_LIMIT,
      logger: false,
      // Restarts must not wait for clients that keep a connection open without a request.
      forceCloseConnections: "idle",
    });
    const halted = Promise.withResolvers<never>();
    halted.promise.catch(() => {});
    addRoutes(server, byPath, halted.reject);
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

  async append(batch: CapturedBatch, keyed: KeyedRequest | undefined): Promise<KeyedAnswer> {
    if (keyed) return this.#keyed.append(keyed, batch);
    await this.context.append(batch);
    return { kind: "accepted", accepted: batch.values.length };
  }
}

function addRoutes(
  server: FastifyInstance,
  byPath: ReadonlyMap<string, Endpoint>,
  halt: (error: HaltError) => void,
): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
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
  });

  // A connection kept open for the client's next request would keep the server from closing.
  server.addHook("onSend", async (_request, reply) => {
    if ([...byPath.values()].every(({ context }) => context.signal.aborted))
      reply.header("connection", "close");
  });

  server.addHook("onResponse", async (_request, reply) => {
    if (reply.statusCode === 200) protocolPoint("http.answer.after");
  });

  server.post("*", async (request, reply) => {
    const path = pathnameOf(request.raw);
    const endpoint = byPath.get(path);
    if (endpoint === undefined) return unknownPath(reply, path, byPath);
    const { context } = endpoint;
    const body = await unpacked(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), request.raw);
    if ("status" in body) return reply.code(body.status).send(failure(body.message));
    const parsed = parseBody(body.bytes, request.headers["content-type"], (document) =>
      context.validate(document),
    );
    switch (parsed.kind) {
      case "unsupported":
        return reply
          .code(415)
          .send(failure("The body is not JSON. Send application/json or application/x-ndjson."));
      case "refused": {
        const { line, path: place, rule } = parsed.refusal;
        const message = `Line ${line}${place === "" ? "" : `, ${place}`}: ${rule}. Nothing of this request was stored.`;
        return reply.code(422).send({ error: { line, path: place, rule, message } });
      }
      case "accepted":
        break;
    }
    const keyed = keyedRequest(request.headers["idempotency-key"], body.bytes);
    if (typeof keyed === "string")
      return reply.code(400).send(failure(`${keyed} Nothing of this request was stored.`));
    let answer: KeyedAnswer;
    try {
      answer = await endpoint.append(parsed.batch, keyed);
    } catch (error) {
      if (error instanceof HaltError) halt(error);
      context.log.warn(`A request was not stored: ${error instanceof Error ? error.message : String(error)}`);
      return unavailable(reply, "The documents could not be stored.");
    }
    if (answer.kind === "conflict") return reply.code(422).send(failure(KEY_CONFLICT));
    protocolPoint("http.answer.before");
    return reply.send({ accepted: answer.accepted });
  });

  // Methods that reach no route were answered by the hook; this is for paths that no router takes.
  server.setNotFoundHandler((request, reply) => unknownPath(reply, pathnameOf(request.raw), byPath));
  server.setErrorHandler(
    (error: { statusCode?: number; code?: string; message: string }, _request, reply) => {
      const status = error.statusCode ?? 500;
      const message = error.code === "FST_ERR_CTP_BODY_TOO_LARGE" ? TOO_LARGE : error.message;
      return reply.code(status).send(failure(message));
    },
  );
}

type Unpacked = { readonly bytes: Buffer } | { readonly status: number; readonly message: string };

async function unpacked(body: Buffer, request: IncomingMessage): Promise<Unpacked> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding === "identity") return { bytes: body };
  if (encoding !== "gzip" && encoding !== "x-gzip") {
    return { status: 415, message: `The content encoding "${encoding}" is not known. Send gzip, or none.` };
  }
  try {
    return { bytes: await unpack(body, { maxOutputLength: BODY_LIMIT }) };
  } catch (error) {
    const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return tooLarge
      ? { status: 413, message: TOO_LARGE }
      : {
          status: 422,
          message: "The body is not gzip, though its content encoding says so. Nothing was stored.",
        };
  }
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
