import { createServer } from "node:http";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeStore, keys } from "./fixtures/store-contract.ts";
import { openStore, type S3Config, StoreError } from "./store.ts";

let server: FauxqsServer;
let buckets = 0;

/** fauxqs lists in the order of a dictionary; these have one order in both. */
const LISTED = ["a/_tail/f", "a/date=1/f", "a/date=2/f", "b/1", "b/10", "b/2/z", "d/x"];

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
});
afterAll(() => server.stop());

const keyPair = { accessKeyId: "test", secretAccessKey: "very-secret" };

function newBucket(): string {
  const bucket = `store-${++buckets}`;
  server.createBucket(bucket);
  return bucket;
}

function config(bucket: string, rest: Partial<S3Config> = {}): S3Config {
  return { bucket, endpoint: `http://127.0.0.1:${server.port}`, pathStyle: true, ...keyPair, ...rest };
}

async function failure(s3: S3Config): Promise<StoreError> {
  const error = await openStore({ s3 }).catch((caught: unknown) => caught);
  if (!(error instanceof StoreError)) throw new Error(`Expected a StoreError, got ${String(error)}`);
  expect(error.message).not.toContain("very-secret");
  return error;
}

describe("a store in an S3 bucket", () => {
  describeStore(async () => openStore({ s3: config(newBucket()) }), LISTED);
});

describe("a store under a prefix of an S3 bucket", () => {
  describeStore(async () => openStore({ s3: config(newBucket(), { prefix: "team/weir" }) }), LISTED);

  test("sees only its own objects", async () => {
    const bucket = newBucket();
    const whole = await openStore({ s3: config(bucket) });
    const part = await openStore({ s3: config(bucket, { prefix: "p/" }) });
    await whole.put("outside", Buffer.from("1"));
    await whole.put("p2/outside", Buffer.from("1"));
    await part.put("inside", Buffer.from("2"));
    expect(await keys(part, "")).toEqual(["inside"]);
    expect(await keys(whole, "")).toEqual(["outside", "p/inside", "p2/outside"]);
    expect(part.description).toBe(`s3://${bucket}/p/ at http://127.0.0.1:${server.port}`);
  });
});

describe("an S3 store that cannot be opened", () => {
  test("says that the bucket is missing", async () => {
    const error = await failure(config("no-such-bucket"));
    expect(error.message).toContain("there is no bucket no-such-bucket; create it");
    expect(error.transient).toBe(false);
  });

  test("says that nothing answers at the endpoint", async () => {
    const port = await freePort();
    const error = await failure(config("b", { endpoint: `http://127.0.0.1:${port}` }));
    expect(error.message).toMatch(/nothing answers there \(ECONNREFUSED\); check "endpoint"/);
    expect(error.transient).toBe(true);
  });

  test("says that access is denied", async () => {
    await withAnswer(
      403,
      "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
      async (endpoint) => {
        const error = await failure(config("b", { endpoint }));
        expect(error.message).toMatch(/access is denied \(AccessDenied\); grant s3:ListBucket/);
        expect(error.transient).toBe(false);
      },
    );
  });

  test("says that the endpoint is another service", async () => {
    for (const status of [200, 404]) {
      await withAnswer(status, "<!doctype html><p>Hello</p>", async (endpoint) => {
        const error = await failure(config("b", { endpoint }));
        expect(error.message, `${status}`).toMatch(/the answer is not S3's/);
        expect(error.transient).toBe(false);
      });
    }
  });

  test("says that the server failed, after several tries", async () => {
    const tries = await withAnswer(503, "<Error><Code>SlowDown</Code></Error>", async (endpoint) => {
      const error = await failure(config("b", { endpoint }));
      expect(error.message).toMatch(/the server failed \(503 SlowDown\)/);
      expect(error.transient).toBe(true);
    });
    expect(tries).toBe(4);
  });

  test("says that half a key pair is none", async () => {
    const error = await failure({ bucket: "b", accessKeyId: "only" });
    expect(error.message).toContain("accessKeyId and secretAccessKey go together");
  });

  test("shows no password of the endpoint", async () => {
    const error = await failure(
      config("no-such", { endpoint: `http://me:very-secret@127.0.0.1:${server.port}` }),
    );
    expect(error.message).toContain("no-such");
  });
});

async function withAnswer(
  status: number,
  body: string,
  use: (endpoint: string) => Promise<void>,
): Promise<number> {
  let requests = 0;
  const answering = createServer((request, response) => {
    requests++;
    request.resume();
    response.writeHead(status, { "content-type": "application/xml" }).end(body);
  });
  await new Promise<void>((resolve) => answering.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${portOf(answering.address())}`);
  } finally {
    answering.closeAllConnections();
    answering.close();
  }
  return requests;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const port = portOf(probe.address());
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  if (address === null || typeof address === "string") throw new Error("The test server has no port.");
  return address.port;
}
