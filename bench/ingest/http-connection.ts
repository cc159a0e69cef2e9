/** A connection that is kept open, over which prepared requests go one after the other: next to no work for whoever measures. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServedProcess } from "../project.ts";

const READY_WITHIN_MS = 120_000;

/** The bytes of a POST. */
export function postRequest(path: string, contentType: string, body: Uint8Array): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `content-type: ${contentType}`,
    `content-length: ${body.byteLength}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

export class HttpConnection {
  readonly #socket: Socket;
  #answer = "";
  #waiting: PromiseWithResolvers<void> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (part: string) => this.#receive(part));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("The server closed the connection.")));
  }

  static async open(port: number): Promise<HttpConnection> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new HttpConnection(socket);
  }

  /** Waits for a server that is starting. */
  static async openWhenReady(port: number, server: ServedProcess): Promise<HttpConnection> {
    for (const until = performance.now() + READY_WITHIN_MS; ; await sleep(20)) {
      try {
        return await HttpConnection.open(port);
      } catch (cause) {
        if (performance.now() < until) continue;
        throw new Error(`Nothing listens on port ${port}. ${server.said}`, { cause });
      }
    }
  }

  /** Resolves when the answer is 200. */
  send(request: Uint8Array): Promise<void> {
    if (this.#waiting) throw new Error("The connection waits for an answer.");
    // It does so with one that nobody has used for a while.
    if (!this.#socket.writable) return Promise.reject(new Error("The server has closed the connection."));
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #receive(part: string): void {
    this.#answer += part;
    const head = this.#answer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#answer)?.[1] ?? 0);
    if (this.#answer.length < head + 4 + length) return;
    const answer = this.#answer;
    const waiting = this.#waiting;
    this.#answer = "";
    this.#waiting = undefined;
    if (answer.startsWith("HTTP/1.1 200 ")) waiting?.resolve();
    else waiting?.reject(new Error(answer));
  }
}
