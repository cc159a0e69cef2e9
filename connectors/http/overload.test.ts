/** What a port answers when more comes in than is stored. The appends of these captures wait until the test lets them go. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { linesMatchValues } from "../fixtures/recorded-capture.ts";
import { start } from "./fixtures/listening.ts";

const LINES = "application/x-ndjson";
const KB = 1024;

/** So many bytes of NDJSON, of one document. */
function body(bytes: number, id = 0): string {
  const start = `{"id":${id},"text":"`;
  return `${start}${"x".repeat(bytes - start.length - 3)}"}\n`;
}

/** A gate that appends wait at. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, open: resolve };
}

async function raw(port: number, text: string): Promise<{ socket: Socket; answer: () => string }> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("error", () => {});
  socket.setEncoding("utf8").on("data", (part: string) => {
    answer += part;
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write(text);
  return { socket, answer: () => answer };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("Not reached within 20 s.");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a request that does not fit", () => {
  test("is answered 429 with Retry-After before its body is there, and nothing of it is stored", async () => {
    const { wait, open } = gate();
    const { port, post, capture } = await start(
      ["/orders"],
      { onAppend: wait },
      { maxInFlightBytes: 40 * KB },
    );
    const first = [post(body(20 * KB, 1), LINES), post(body(20 * KB, 2), LINES)];
    await until(() => capture.calls > 0);
    // Only the head of the request is sent: the answer does not wait for the body.
    const head = `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: ${LINES}\r\ncontent-length: ${20 * KB}\r\n\r\n`;
    const { socket, answer } = await raw(port, head);
    await until(() => answer().includes("\r\n\r\n"));
    expect(answer()).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer()).toMatch(/\r\nretry-after: \d+\r\n/i);
    socket.destroy();
    const refused = await post(body(20 * KB, 3), LINES);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(refused.json.error.message).toMatch(/Nothing of this request was stored; send it again/);
    open();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await post(body(20 * KB, 3), LINES)).status).toBe(200);
    expect(capture.documents.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
  });

  test("is cut where it comes in chunks or is larger unpacked, and leaves its connection of use", async () => {
    const { wait, open } = gate();
    const { port, post, capture } = await start(
      ["/orders"],
      { onAppend: wait },
      { maxInFlightBytes: 40 * KB },
    );
    const first = post(body(20 * KB, 1), LINES);
    await until(() => capture.calls > 0);
    const { socket, answer } = await raw(
      port,
      `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: ${LINES}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = `${(10 * KB).toString(16)}\r\n${"x".repeat(10 * KB)}\r\n`;
    for (let i = 0; i < 5; i++) socket.write(chunk);
    await until(() => answer().includes("429"));
    // The rest of the body passes by unread; the next request on the connection is answered.
    socket.write(`${chunk}0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n`);
    await until(() => answer().includes('{"status":"ok"}'));
    const packed = await post(gzipSync(body(60 * KB, 2)), LINES, "/orders", { "content-encoding": "gzip" });
    expect(packed.status).toBe(429);
    open();
    expect((await first).status).toBe(200);
    expect(capture.documents.map(({ id }) => id)).toEqual([1]);
  });

  test("need not be sent by a client that asks first", async () => {
    const { wait, open } = gate();
    const { port, post, capture } = await start(
      ["/orders"],
      { onAppend: wait },
      { maxInFlightBytes: 20 * KB },
    );
    const head = (length: number) =>
      `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: ${LINES}\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
    const first = post(body(20 * KB, 1), LINES);
    await until(() => capture.calls > 0);
    const { answer: refused } = await raw(port, head(20 * KB));
    await until(() => refused().includes("429"));
    expect(refused()).not.toContain("100 Continue");
    expect(refused()).toMatch(/\r\nconnection: close\r\n/i);
    open();
    await first;
    const taken = await raw(port, head(20 * KB));
    await until(() => taken.answer().includes("100 Continue"));
    taken.socket.write(body(20 * KB, 2));
    await until(() => taken.answer().includes('{"accepted":1}'));
  });
});

describe("a request that fits", () => {
  test("may be larger than all there is, when nothing else is under way", async () => {
    const { post, capture } = await start(["/orders"], {}, { maxInFlightBytes: 1 });
    expect((await post(body(300 * KB, 1), LINES)).status).toBe(200);
    const packed = gzipSync(body(300 * KB, 2));
    expect((await post(packed, LINES, "/orders", { "content-encoding": "gzip" })).status).toBe(200);
    expect(capture.documents).toHaveLength(2);
  });

  test("is taken at a path whose neighbour is overloaded", async () => {
    const { wait, open } = gate();
    const { post, captures } = await start(
      ["/busy", "/quiet"],
      {
        onAppend: (_, { values = [] }) => (values[0]?.id === "quiet" ? undefined : wait()),
      },
      { maxInFlightBytes: 100 * KB },
    );
    let refused = 0;
    const busy = Array.from({ length: 20 }, async (_, id) => {
      const { status } = await post(body(10 * KB, id), LINES, "/busy");
      if (status === 429) refused++;
      return status;
    });
    // The half for all, and its own quarter: seven fit.
    await until(() => refused === 13);
    const quiet = await post('{"id":"quiet"}', LINES, "/quiet");
    expect(quiet.status).toBe(200);
    open();
    const statuses = await Promise.all(busy);
    expect(statuses.filter((status) => status === 200)).toHaveLength(7);
    expect(captures[0]?.documents).toHaveLength(7);
  });
});

test("every request is stored once by clients that repeat it until it is, however often it was refused", async () => {
  const { post, capture } = await start(
    ["/orders"],
    { onAppend: () => new Promise((resolve) => setTimeout(resolve, 2)) },
    { maxInFlightBytes: 64 * KB },
  );
  let refused = 0;
  const send = async (id: number) => {
    const headers = { "idempotency-key": `k-${id}` };
    for (;;) {
      const { status } = await post(body(8 * KB, id), LINES, "/orders", headers);
      if (status === 200) return;
      expect(status).toBe(429);
      refused++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(Array.from({ length: 100 }, (_, id) => send(id)));
  expect(refused).toBeGreaterThan(0);
  expect(capture.documents.map(({ id }) => Number(id)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 100 }, (_, id) => id),
  );
  expect(linesMatchValues(capture)).toBe(true);
});

test("a client that does not send its request in time is cut off, and what it held is free again", async () => {
  const limits = { maxInFlightBytes: 10 * KB, requestTimeoutSeconds: 1 };
  const { port, post } = await start(["/orders"], {}, limits);
  const head = `POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: ${LINES}\r\ncontent-length: ${10 * KB}\r\n\r\n`;
  const { socket, answer } = await raw(port, head);
  const drip = setInterval(() => socket.write(" "), 100);
  onTestFinished(() => clearInterval(drip));
  await until(() => socket.bytesWritten > head.length);
  expect((await post(body(10 * KB), LINES)).status).toBe(429);
  await until(() => socket.closed);
  expect(answer()).toMatch(/^HTTP\/1\.1 408 /);
  expect((await post(body(10 * KB), LINES)).status).toBe(200);
});
