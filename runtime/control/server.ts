/** Answers `weir status`, `weir read` and `weir diff` for the data directory that this process holds. Local only. */
import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Json, Plan } from "../../plan/plan.ts";
import type { Head } from "../head/head.ts";
import type { ReadRequest } from "../journal/read-lines.ts";
import { sizesOf } from "../sizes.ts";
import type { ObjectStore } from "../store/store.ts";
import { ERROR_TRAILER } from "./client.ts";
import type { ControlCommand } from "./command.ts";
import { createServer } from "./node-http.ts";
import { socketPath } from "./socket-path.ts";

/** What the server needs of a runtime. */
export interface Controlled {
  readonly head: Head;
  readonly store: ObjectStore;
  readonly plan: Plan;
  status(): Promise<unknown>;
  /** Does what a command of the command line asks; throws where it cannot be. */
  command(command: ControlCommand): Promise<Json>;
}

export class ControlServer {
  readonly #server: Server;
  readonly socket: string;

  private constructor(server: Server, socket: string) {
    this.#server = server;
    this.socket = socket;
  }

  static async listen(runtime: Controlled, dataDir: string): Promise<ControlServer> {
    const socket = socketPath(dataDir);
    rmSync(socket, { force: true }); // left by a killed process: the data directory's lock is ours
    const server = createServer((request, response) => {
      answer(runtime, request, response).catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        if (response.headersSent) {
          // Lines are on their way already: another one would look like a document.
          response.addTrailers({ [ERROR_TRAILER]: encodeURIComponent(message) });
          response.end();
          return;
        }
        response.writeHead(400, { "content-type": "application/json" });
        response.end(`${JSON.stringify({ error: message })}\n`);
      });
    });
    server.listen(socket);
    await once(server, "listening");
    chmodSync(socket, 0o600);
    return new ControlServer(server, socket);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
    rmSync(this.socket, { force: true });
  }
}

async function answer(
  runtime: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://weir");
  switch (url.pathname) {
    case "/status":
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(await runtime.status())}\n`);
      return;
    case "/plan":
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(runtime.plan)}\n`);
      return;
    case "/sizes":
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(await sizesOf(runtime.head))}\n`);
      return;
    case "/read": {
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      // The client is our own command, which wrote the query.
      const read = JSON.parse(url.searchParams.get("request") ?? "{}") as ReadRequest;
      // Only here: most processes are never asked, and it takes reductions and readers along.
      const { readLines } = await import("../journal/read-lines.ts");
      const lines = readLines(runtime.head, runtime.store, read, gone.signal);
      const first = await lines.next(); // an unknown collection fails here, before the headers are sent
      response.writeHead(200, { "content-type": "application/x-ndjson", trailer: ERROR_TRAILER });
      if (!first.done) response.write(first.value);
      for await (const part of lines) {
        if (!response.write(part)) await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      response.end();
      return;
    }
    case "/command": {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      // The client is our own command.
      const command = JSON.parse(Buffer.concat(parts).toString("utf8")) as ControlCommand;
      const answered = await runtime.command(command);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(`${JSON.stringify(answered)}\n`);
      return;
    }
    default:
      response.writeHead(404, { "content-type": "application/json" });
      response.end('{"error":"unknown path"}\n');
  }
}
