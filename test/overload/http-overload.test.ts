/** More comes in over HTTP than a slow disk takes: clients are told to wait, memory stays bounded, and nothing is lost or doubled. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { askRunning } from "../../runtime/control/client.ts";
import { project } from "../end-to-end/project.ts";
import { residentBytes } from "../servers/resident-bytes.ts";
import { taskOf } from "../servers/weir-process.ts";

const SLOW_COMMITS = fileURLToPath(new URL("./slow-commits.mjs", import.meta.url));
const MIB = 1024 * 1024;

const CLIENTS = 80;
const UNDER_WAY = 20 * MIB;
const FILLER_LINE = `{"id":0,"text":"${"x".repeat(45)}"}\n`;
/** What all requests have in common, behind a document of their own: 4 MiB of small ones. */
const FILLER = Buffer.alloc(4 * MIB, FILLER_LINE);

const FLOW = `
import { capture } from "weir";
import { http } from "weir/http";
import { z } from "zod";

capture("load/events", http({ path: "/events" }), { schema: z.object({ id: z.int(), text: z.string() }), key: ["id"] });
`;

it("320 MiB from 80 clients at once, where 20 MiB may be under way", async () => {
  expect(FILLER_LINE).toHaveLength(64);
  const { weir, origin } = await project(
    { "flows/events.flow.ts": FLOW },
    { NODE_OPTIONS: `--import=${SLOW_COMMITS}`, WEIR_TEST_COMMIT_MS: "50" },
    "fragments: { targetBytes: 4_194_304 }",
    { maxInFlightBytes: UNDER_WAY },
  );
  weir.start();
  await weir.until((status) => taskOf(status, "load/events")?.state === "running", 60_000);
  const pid = weir.pid ?? 0;
  const before = residentBytes(pid);
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, 50);
  let refused = 0;
  const client = async (number: number) => {
    for (;;) {
      const { status, retryAfter } = await post(`${origin}/events`, number);
      if (status === 200) return;
      expect(status).toBe(429);
      expect(retryAfter).toBeGreaterThanOrEqual(1);
      refused++;
      await sleep(retryAfter * 1000 * (0.5 + Math.random()));
    }
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number + 1)));
  } finally {
    clearInterval(sampling);
  }
  const grown = (most - before) / MIB;
  expect(refused).toBeGreaterThan(0);
  expect(grown).toBeLessThan(420);
  const { ids, documents } = await read(weir.dataDir);
  expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: CLIENTS }, (_, number) => number + 1));
  expect(documents).toBe(CLIENTS * (1 + FILLER.length / FILLER_LINE.length));
}, 240_000);

/** One document of this number, and the filler. */
async function post(url: string, id: number): Promise<{ status: number | undefined; retryAfter: number }> {
  const own = Buffer.from(`{"id":${id},"text":""}\n`);
  const call = request(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-ndjson",
      "content-length": own.length + FILLER.length,
      "idempotency-key": `request-${id}`,
      expect: "100-continue",
    },
  });
  call.flushHeaders();
  call.on("continue", () => {
    call.write(own);
    call.end(FILLER);
  });
  const [response] = (await once(call, "response")) as [IncomingMessage];
  response.resume();
  if (response.statusCode !== 200) call.destroy(); // its body was never asked for
  return { status: response.statusCode, retryAfter: Number(response.headers["retry-after"]) };
}

/** The requests' own documents, and how many there are of all. */
async function read(dataDir: string): Promise<{ ids: number[]; documents: number }> {
  const query = new URLSearchParams({ request: JSON.stringify({ collection: "load/events" }) });
  const answer = await askRunning(dataDir, `/read?${query}`);
  if (!answer) throw new Error("Nothing runs.");
  const ids: number[] = [];
  let documents = 0;
  let rest = "";
  for await (const part of answer.setEncoding("utf8")) {
    const text = rest + String(part);
    const end = text.lastIndexOf("\n") + 1;
    rest = text.slice(end);
    for (const [, id] of text.slice(0, end).matchAll(/"id":(\d+)/g)) {
      documents++;
      if (id !== "0") ids.push(Number(id));
    }
  }
  return { ids, documents };
}
