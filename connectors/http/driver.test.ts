import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { HaltError } from "../driver.ts";
import { linesMatchValues, RecordedCapture } from "../fixtures/recorded-capture.ts";
import { driver } from "./driver.ts";
import { start } from "./fixtures/listening.ts";

const JSON_TYPE = "application/json";
const LINES = "application/x-ndjson";

describe("a request that fits", () => {
  test("is answered with the number of its documents once they are stored", async () => {
    let release = () => {};
    const stored = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { post, capture } = await start(["/orders"], { onAppend: () => stored });
    let answered = false;
    const answer = post('{"id":1}', JSON_TYPE).then((given) => {
      answered = true;
      return given;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    release();
    expect(await answer).toMatchObject({ status: 200, json: { accepted: 1 } });
    expect(capture.documents).toEqual([{ id: 1 }]);
  });

  test.each([
    ["one document", '{"id": 1.0 }', JSON_TYPE, '{"id": 1.0 }\n'],
    ["one document, with a charset", ' {"id":"é"}\n', `${JSON_TYPE}; charset=utf-8`, '{"id":"é"}\n'],
    [
      "one document on several lines",
      '{\r\n  "id": 1.0,\n  "a": [1,\n2]\n}\n',
      JSON_TYPE,
      '{"id":1,"a":[1,2]}\n',
    ],
    ["one document after a byte order mark", '\ufeff{"id":1}', JSON_TYPE, '{"id":1}\n'],
    ["NDJSON", '{"id": 1}\r\n\n  {"id":2}  \n{"id":3}', LINES, '{"id": 1}\n{"id":2}\n{"id":3}\n'],
    ["NDJSON called JSONL", '{"id":1}\n{"id":2}\n', "application/jsonl", '{"id":1}\n{"id":2}\n'],
    ["NDJSON called JSON", '{"id":1}\n{"id":2}\n', JSON_TYPE, '{"id":1}\n{"id":2}\n'],
    ["what curl -d calls a form", '{"id":1}', "application/x-www-form-urlencoded", '{"id":1}\n'],
    ["JSON of another name", '{"id":1}', "application/cloudevents+json", '{"id":1}\n'],
    ["a name twice: both bytes stay, the last counts", '{"id":1,"id":2}', JSON_TYPE, '{"id":1,"id":2}\n'],
  ])("may be %s", async (_, body, type, text) => {
    const { post, capture } = await start();
    const documents = text.trimEnd().split("\n");
    expect(await post(body, type)).toMatchObject({ status: 200, json: { accepted: documents.length } });
    expect(capture.text).toBe(text);
    expect(capture.documents).toEqual(documents.map((line) => JSON.parse(line)));
    expect(capture.appended).toHaveLength(1);
  });

  test("may come without a content type, packed with gzip, or with a query", async () => {
    const { post, capture } = await start();
    expect((await post(Buffer.from('{"id":1}'))).status).toBe(200);
    const packed = gzipSync('{"id":2}\n{"id":3}\n');
    expect((await post(packed, LINES, "/orders?from=test", { "content-encoding": "gzip" })).status).toBe(200);
    expect(capture.documents).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  });

  test("may be one of many at once, on several paths", async () => {
    const { post, captures } = await start(["/orders", "/a/:b*"]);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, id) => post(`{"id":${id}}`, JSON_TYPE, id % 2 ? "/a/:b*" : "/orders")),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    for (const [odd, capture] of captures.entries()) {
      expect(linesMatchValues(capture)).toBe(true);
      const ids = capture.documents.map(({ id }) => Number(id)).sort((a, b) => a - b);
      expect(ids).toEqual(Array.from({ length: 30 }, (_, n) => 2 * n + odd));
    }
  });
});

describe("a request with a bad document", () => {
  test.each([
    [
      "malformed JSON",
      '{"id":1}\n\n{"id":',
      LINES,
      { line: 3, path: "", rule: expect.stringMatching(/^malformed JSON: /) },
    ],
    [
      "a violation",
      '{"id":1}\n{"cents":-1}\n',
      LINES,
      { line: 2, path: "/cents", rule: "minimum: must be >= 0" },
    ],
    ["a violation in one document", '{\n"cents":-1}', JSON_TYPE, { line: 1, path: "/cents" }],
    ["malformed JSON on several lines", '{\n "id": 1,\n "a" 2\n}', JSON_TYPE, { line: 3, path: "" }],
    [
      "an array",
      '[{"id":1}]',
      JSON_TYPE,
      { line: 1, path: "", rule: "type: a document is a JSON object, not an array" },
    ],
    ["null", "null", JSON_TYPE, { line: 1, path: "", rule: "type: a document is a JSON object, not null" }],
    ["a reserved property", '{"_meta":{"offset":1}}', JSON_TYPE, { line: 1, path: "/_meta" }],
    [
      "no UTF-8",
      Buffer.from('{"id":1}\n{"id":"\xff"}\n', "latin1"),
      LINES,
      { line: 2, path: "", rule: "the text is not UTF-8" },
    ],
    ["nothing", " \n", LINES, { line: 1, path: "", rule: "the body holds no document" }],
    ["no body", "", JSON_TYPE, { line: 1, path: "", rule: "the body holds no document" }],
  ])("is refused as a whole: %s", async (_, body, type, error) => {
    const { post, capture } = await start();
    const { status, json } = await post(body, type);
    expect(status).toBe(422);
    expect(json).toEqual({
      error: { rule: expect.any(String), message: expect.stringContaining("Nothing of this"), ...error },
    });
    expect(capture.appended).toEqual([]);
  });

  test("that is not gzip, though it says so, is refused", async () => {
    const { post, capture } = await start();
    const { status, json } = await post('{"id":1}', JSON_TYPE, "/orders", { "content-encoding": "gzip" });
    expect(status).toBe(422);
    expect(json.error.message).toContain("is not gzip");
    expect(capture.appended).toEqual([]);
  });
});

describe("a request that cannot be taken", () => {
  test("is refused when its body is too large, packed or not", async () => {
    const { post, capture } = await start();
    const large = Buffer.alloc(17 * 1024 * 1024, 0x20);
    for (const answer of [
      await post(large, JSON_TYPE),
      await post(gzipSync(large), JSON_TYPE, "/orders", { "content-encoding": "gzip" }),
    ]) {
      expect(answer.status).toBe(413);
      expect(answer.json.error.message).toMatch(/larger than 16777216 bytes.*several requests/);
    }
    expect(capture.appended).toEqual([]);
  });

  test("is refused by type, encoding, path and method, saying what is there", async () => {
    const { post, base } = await start(["/orders", "/clicks"]);
    expect(await post("id,name", "text/csv")).toMatchObject({ status: 415 });
    expect(await post("{}", JSON_TYPE, "/orders", { "content-encoding": "br" })).toMatchObject({
      status: 415,
    });
    const unknown = await post("{}", JSON_TYPE, "/order");
    expect(unknown).toMatchObject({ status: 404 });
    expect(unknown.json.error.message).toBe("There is no capture at /order. There are: /clicks, /orders.");
    const response = await fetch(`${base}/orders`);
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      expect((await fetch(`${base}/orders`, { method })).status, method).toBe(405);
    }
    expect((await fetch(`${base}/%zz`)).status).toBeGreaterThanOrEqual(400);
  });

  test("is told to come again when the append failed; the next one goes through", async () => {
    const { post, capture } = await start(["/orders"], {
      onAppend: (index) => {
        if (index === 0) throw new Error("disk full");
      },
    });
    const { status, headers, json } = await post('{"id":1}', JSON_TYPE);
    expect(status).toBe(503);
    expect(headers.get("retry-after")).toBe("5");
    expect(json.error.message).toContain("Nothing of this request was stored");
    expect(capture.messages.join()).toContain("disk full");
  });

  test("is told to come again while its capture is paused, and nothing is appended", async () => {
    const { post, capture } = await start(["/orders"], { isPaused: true });
    const { status, headers, json } = await post('{"id":1}', JSON_TYPE);
    expect(status).toBe(503);
    expect(headers.get("retry-after")).toBe("5");
    expect(json.error.message).toContain("being replaced. Nothing of this request was stored");
    expect(capture.calls).toBe(0);
  });

  test("halts the captures when the append says that it must", async () => {
    const { post, ended } = await start(["/orders"], {
      onAppend: () => Promise.reject(new HaltError("fenced")),
    });
    expect((await post('{"id":1}', JSON_TYPE)).status).toBe(503);
    expect(await ended).toBeInstanceOf(HaltError);
  });
});

describe("a request with an idempotency key", () => {
  const keyed = (key: string) => ({ "idempotency-key": key });

  test("is stored once however often it is repeated, also after a restart and at once", async () => {
    const { post, capture, ended } = await start();
    const body = '{"id":1}\n{"id":2}\n';
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post(body, LINES, "/orders", keyed("a"))),
    );
    expect(answers.map(({ status, json }) => [status, json.accepted])).toEqual(Array(5).fill([200, 2]));
    expect(capture.documents).toEqual([{ id: 1 }, { id: 2 }]);
    await post('{"id":3}', JSON_TYPE);
    capture.abort();
    await ended;
    // As the head does: an append without a cursor leaves the one before it.
    const cursor = capture.appended.findLast((append) => append.cursor !== undefined)?.cursor;
    const next = await start(["/orders"], { cursor });
    expect(await next.post(body, LINES, "/orders", keyed("a"))).toMatchObject({
      status: 200,
      json: { accepted: 2 },
    });
    expect(next.capture.appended).toEqual([]);
  });

  test("is refused with other documents, and with a key that is none", async () => {
    const { post, capture } = await start();
    await post('{"id":1}', JSON_TYPE, "/orders", keyed("a"));
    const { status, json } = await post('{"id":2}', JSON_TYPE, "/orders", keyed("a"));
    expect([status, json.error.message]).toEqual([
      422,
      expect.stringContaining("used before with other documents"),
    ]);
    expect(await post('{"id":2}', JSON_TYPE, "/orders", keyed("x".repeat(200)))).toMatchObject({
      status: 400,
    });
    expect(capture.documents).toEqual([{ id: 1 }]);
  });

  test("is stored by its repeat if it was refused, though others were stored meanwhile", async () => {
    const { post, capture } = await start(["/orders"], {
      onAppend: (index) => {
        if (index === 0) throw new Error("disk full");
      },
    });
    const [first, second] = await Promise.all([
      post('{"id":1}', JSON_TYPE, "/orders", keyed("a")),
      post('{"id":2}', JSON_TYPE, "/orders", keyed("b")),
    ]);
    expect([first.status, second.status].sort()).toEqual([200, 503]);
    const stored = first.status === 200 ? "a" : "b";
    expect(JSON.stringify(capture.cursor)).toContain(`"${stored}"`);
    expect(JSON.stringify(capture.cursor)).not.toContain(`"${stored === "a" ? "b" : "a"}"`);
    await post('{"id":1}', JSON_TYPE, "/orders", keyed("a"));
    await post('{"id":2}', JSON_TYPE, "/orders", keyed("b"));
    expect(capture.documents.map(({ id }) => id).sort()).toEqual([1, 2]);
  });
});

describe("stopping", () => {
  test("lets a request under way finish and takes no other", async () => {
    let release = () => {};
    const stored = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { post, capture, ended, base } = await start(["/orders"], { onAppend: () => stored });
    const answer = post('{"id":1}', JSON_TYPE);
    await new Promise((resolve) => setTimeout(resolve, 100));
    capture.abort();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(
      fetch(`${base}/orders`, { method: "POST", body: "{}" }).then(({ status }) => status),
    ).rejects.toThrow();
    release();
    expect(await answer).toMatchObject({ status: 200 });
    const answered = performance.now();
    expect(await ended).toBeUndefined();
    expect(performance.now() - answered).toBeLessThan(1_000);
    expect(capture.documents).toEqual([{ id: 1 }]);
  });

  test("refuses at the paths of captures that stop before the others", async () => {
    const { post, captures } = await start(["/orders", "/clicks"]);
    captures[0]?.abort();
    const refused = await post("{}", JSON_TYPE);
    expect(refused).toMatchObject({ status: 503 });
    expect(refused.json.error.message).toContain("stopping");
    expect(await post("{}", JSON_TYPE, "/clicks")).toMatchObject({ status: 200 });
  });

  test("does not wait for a client that never ends its request", async () => {
    const { port, capture, ended } = await start();
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const begun = performance.now();
    capture.abort();
    await ended;
    expect(performance.now() - begun).toBeLessThan(7_000);
    socket.destroy();
  }, 15_000);

  test("frees the port; a taken one halts, naming it and the setting", async () => {
    const { port } = await start();
    const second = new RecordedCapture({ config: { path: "/orders" } });
    const run = driver.run([second.context], { baseDir: "/", http: { host: "127.0.0.1", port } });
    await expect(run).rejects.toThrow(HaltError);
    await expect(run).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port}: the port is taken; .*http\\.port in weir\\.config\\.ts`),
    );
  });
});
