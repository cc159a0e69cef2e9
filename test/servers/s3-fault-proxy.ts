/** Stands in front of an S3 server and spoils requests or answers, as the test asks for, by operation and key. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type S3Operation = "put" | "get" | "list" | "delete";

export type S3Fault =
  /** Answers so without asking the server. */
  | { readonly kind: "refuse"; readonly status: number; readonly code: string }
  /** The server does it, and the client is told that it failed. */
  | { readonly kind: "lie"; readonly status: number; readonly code: string }
  /** Answers that it was done, and forgets it. */
  | { readonly kind: "swallow" }
  /** Takes the request and never answers. */
  | { readonly kind: "silence" }
  /** Half of the request's body reaches the server, and then the connection ends on both sides. */
  | { readonly kind: "cut-request" }
  /** Half of the answer's body reaches the client, and then the connection ends. */
  | { readonly kind: "cut-answer" }
  /** Half of the answer's body reaches the client, and then nothing more. */
  | { readonly kind: "stall-answer" }
  /** The answer's body comes a byte at a time, often enough not to count as silent, and never ends. */
  | { readonly kind: "drip" }
  /** One byte in the middle of the answer's body is another. */
  | { readonly kind: "flip" }
  /** Objects that match are not in the listing: one that is put is listed late. */
  | { readonly kind: "unlisted" };

const DRIP_MS = 50;

export interface Injection {
  /** Requests that got this fault. */
  readonly fired: number;
  lift(): void;
}

export interface S3FaultProxy {
  readonly port: number;
  readonly endpoint: string;
  /** Requests that came, by operation. */
  readonly requests: Readonly<Record<S3Operation, number>>;
  /** The newest is asked first. `times`: how many requests get it; default all until it is lifted. */
  inject(
    operation: S3Operation,
    fault: S3Fault,
    options?: { readonly times?: number; readonly key?: RegExp },
  ): Injection;
  close(): Promise<void>;
}

interface Rule {
  readonly operation: S3Operation;
  readonly fault: S3Fault;
  readonly key: RegExp;
  left: number;
  fired: number;
}

export async function startS3FaultProxy(targetPort: number): Promise<S3FaultProxy> {
  const rules: Rule[] = [];
  const requests: Record<S3Operation, number> = { put: 0, get: 0, list: 0, delete: 0 };

  const take = (operation: S3Operation, key: string): Rule | undefined => {
    const rule = rules.findLast(
      (each) =>
        each.operation === operation && each.left > 0 && each.fault.kind !== "unlisted" && each.key.test(key),
    );
    if (!rule) return undefined;
    rule.left--;
    rule.fired++;
    return rule;
  };

  const server = createServer((incoming, response) => {
    void answer(incoming, response).catch(() => response.destroy());
  });

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", "http://proxy");
    const operation = operationOf(incoming.method ?? "", url);
    const key = decodeURIComponent(url.pathname);
    if (operation !== undefined) requests[operation]++;
    // A listing's key is its prefix: the rule says which objects it hides, not which listings.
    const rule =
      operation === "list"
        ? (take("list", url.searchParams.get("prefix") ?? "") ?? hiding(rules))
        : operation && take(operation, key);
    const body = await bodyOf(incoming);
    const fault = rule?.fault;
    if (fault?.kind === "silence") return;
    if (fault?.kind === "swallow") {
      response.writeHead(200, { etag: '"0123456789abcdef0123456789abcdef"' }).end();
      return;
    }
    if (fault?.kind === "refuse") return refuse(response, fault);
    if (fault?.kind === "cut-request") {
      await half(targetPort, incoming, body);
      response.destroy();
      return;
    }
    const done = await forward(targetPort, incoming, body);
    if (fault?.kind === "lie") return refuse(response, fault);
    send(response, done, fault, rule);
  }

  function send(response: ServerResponse, done: Done, fault: S3Fault | undefined, rule: Rule | undefined) {
    const { status, headers } = done;
    let { body } = done;
    if (fault?.kind === "unlisted" && rule) {
      const shown = withoutContents(body.toString(), rule.key);
      if (shown.hidden > 0) rule.fired++;
      body = Buffer.from(shown.text);
      headers["content-length"] = String(body.length);
    }
    if (fault?.kind === "flip" && body.length > 0) {
      const middle = body.length >> 1;
      body[middle] = (body[middle] ?? 0) ^ 0x10;
    }
    headers["content-length"] ??= String(body.length);
    delete headers["transfer-encoding"];
    response.writeHead(status, headers);
    if (fault?.kind === "drip") {
      let sent = 0;
      const timer = setInterval(() => response.write(body.subarray(sent, ++sent)), DRIP_MS);
      response.once("close", () => clearInterval(timer));
      return;
    }
    if (fault?.kind !== "cut-answer" && fault?.kind !== "stall-answer") {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, body.length >> 1), () => {
      if (fault.kind === "cut-answer") response.socket?.resetAndDestroy();
    });
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    inject(operation, fault, { times = Number.POSITIVE_INFINITY, key = /(?:)/ } = {}) {
      const rule: Rule = { operation, fault, key, left: times, fired: 0 };
      rules.push(rule);
      return {
        get fired() {
          return rule.fired;
        },
        lift() {
          rule.left = 0;
        },
      };
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function hiding(rules: readonly Rule[]): Rule | undefined {
  return rules.findLast(({ fault, left }) => fault.kind === "unlisted" && left > 0);
}

function operationOf(method: string, url: URL): S3Operation | undefined {
  if (method === "GET") return url.searchParams.has("list-type") ? "list" : "get";
  if (method === "PUT") return "put";
  return method === "DELETE" ? "delete" : undefined;
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer); // no encoding is set
  return Buffer.concat(parts);
}

interface Done {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function forward(port: number, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Done> {
  const outgoing = request({ host: "127.0.0.1", port, method, path: url, headers });
  outgoing.end(body);
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: answer.statusCode ?? 502, headers: { ...answer.headers }, body: await bodyOf(answer) };
}

/** Resolves once the half is on its way and the connection has ended. */
async function half(port: number, { method, url, headers }: IncomingMessage, body: Buffer): Promise<void> {
  const outgoing = request({ host: "127.0.0.1", port, method, path: url, headers });
  outgoing.on("error", () => {});
  await new Promise<void>((resolve) => outgoing.write(body.subarray(0, body.length >> 1), () => resolve()));
  outgoing.destroy();
}

function refuse(response: ServerResponse, { status, code }: { status: number; code: string }): void {
  response
    .writeHead(status, { "content-type": "application/xml" })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
}

function withoutContents(xml: string, key: RegExp): { text: string; hidden: number } {
  let hidden = 0;
  const text = xml.replaceAll(/<Contents>.*?<\/Contents>/gs, (entry) => {
    const name = /<Key>(.*?)<\/Key>/s.exec(entry)?.[1] ?? "";
    if (!key.test(name)) return entry;
    hidden++;
    return "";
  });
  return { text, hidden };
}
