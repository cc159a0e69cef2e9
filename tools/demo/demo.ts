/**
 * The main job, end to end, on real flights: `npm run demo`.
 *   --stay        keep everything running at the end, until Ctrl-C
 *   --flights N   of the three million (default: all)
 * Prints what it checked; exits 1 if a check failed. It leaves nothing running and nothing behind but `.demo/`.
 */
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Client } from "pg";
import type { StatusReport } from "../../runtime/status-report.ts";
import { freePort } from "../../test/servers/free-port.ts";
import { startPostgres } from "../../test/servers/postgres.ts";
import { allCaughtUp, taskOf, WeirProcess } from "../../test/servers/weir-process.ts";
import { expectedAirports, expectedBrackets } from "./airports.ts";
import { Checks, compareHashes, compareRanking, compareTable } from "./checks.ts";
import { expectedDelays, expectedRoutes, readFlights, writeAirports, writeHistory } from "./flights.ts";
import { LiveSender } from "./live-sender.ts";
import { demoRedis } from "./redis.ts";

const { values } = parseArgs({
  options: { stay: { type: "boolean", default: false }, flights: { type: "string", default: "3000000" } },
});
const total = Number(values.flights);
if (!Number.isInteger(total) || total < 1000 || total > 3_000_000) {
  console.error("--flights takes a whole number from 1000 to 3000000.");
  process.exit(1);
}
/** One flight in ten is not in the files: it arrives over HTTP. */
const LIVE_SHARE = 0.1;
const LIVE_PER_SECOND = 5_000;
/** Of the live flights: sent as fast as they are taken. */
const BURST_SHARE = 0.6;
/** Sent while the new flows read their history. The last ones follow then, as changes of rows that are there. */
const TRICKLE_SHARE = 0.95;
const STEP_LIMIT_MS = 100_000;

const started = Date.now();
const say = (text: string) =>
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}`);
const flowFile = (name: string) =>
  fileURLToPath(new URL(`../../flows/flights/${name}.flow.ts`, import.meta.url));
const directory = fileURLToPath(new URL("../../.demo/", import.meta.url));
const undo: (() => Promise<unknown>)[] = [];
const count = (n: number) => n.toLocaleString("en-US");

try {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const flights = await readFlights(total);
  const history = flights.slice(0, Math.round(total * (1 - LIVE_SHARE)));
  const live = flights.slice(history.length);
  await writeHistory(directory, history);
  await writeAirports(directory);
  say(
    `${count(history.length)} flights written as files, ${count(live.length)} kept back to arrive over HTTP`,
  );

  const [postgres, redis, port] = await Promise.all([
    startPostgres({ fsync: true }),
    demoRedis(),
    freePort(),
  ]);
  undo.push(
    () => postgres.stop(),
    async () => redis?.stop(),
  );
  process.env.DATABASE_URL = postgres.url;
  if (redis) process.env.REDIS_URL = redis.url;
  say(
    `Postgres runs${redis ? ", Redis too" : "; there is no redis-server and no REDIS_URL, so Redis is left out"}`,
  );
  await writeFile(
    join(directory, "weir.config.ts"),
    `import { defineConfig } from "weir";\n\nexport default defineConfig({ http: { port: ${port} }, fragments: { targetBytes: 8_000_000, maxAgeSeconds: 10 } });\n`,
  );

  const firstFlows = [flowFile("flights"), ...(redis ? [flowFile("redis")] : [])];
  const onKilled = () => say("weir was killed; started again");
  const weir = new WeirProcess({ directory, flows: firstFlows, onKilled });
  undo.unshift(() => weir.stop());
  weir.start();
  say(`weir runs ${firstFlows.length} flow files: capture, derive, materialize`);

  const sender = new LiveSender(`http://127.0.0.1:${port}/flights`, live);
  const share = (part: number) => Math.round(live.length * part);
  const sending = sender
    .burst(share(BURST_SHARE))
    .then(() => sender.trickle(LIVE_PER_SECOND, share(TRICKLE_SHARE)));
  sending.catch(() => {}); // awaited below

  const backFilling = (status: StatusReport) =>
    (taskOf(status, "postgres:delays_history")?.position ?? 0) > 0;
  await weir.until(backFilling, STEP_LIMIT_MS);
  await weir.kill();
  say("weir killed with SIGKILL in the middle of the back-fill; started again");
  weir.start();

  const captured = (status: StatusReport) => taskOf(status, "flights/history")?.state === "exhausted";
  await weir.until(captured, STEP_LIMIT_MS);
  say(`all files are captured; ${count(sender.sent)} live flights have arrived so far`);

  await weir.stop();
  const flows = [...firstFlows, flowFile("routes"), flowFile("airports")];
  weir.start(flows);
  say(
    `five derivations and five tables added, with ${count(live.length - sender.sent)} live flights still to come`,
  );
  await sending;
  const finished = (status: StatusReport) =>
    captured(status) && taskOf(status, "airports/places")?.state === "exhausted" && allCaughtUp(status);
  await weir.until(finished, STEP_LIMIT_MS);
  say("the new ones have read all of the history; the last live flights follow");
  await sender.trickle(LIVE_PER_SECOND, live.length);
  say(`the last live flight was sent (${sender.retries} requests repeated while weir was down)`);
  const settled = await weir.until(finished, STEP_LIMIT_MS);
  say("every task has caught up");

  const checks = new Checks();
  const documents = (name: string) =>
    settled.collections.find((collection) => collection.name === name)?.documents ?? 0;
  checks.equal("flights/history, documents", documents("flights/history"), history.length);
  checks.equal("flights/live, documents", documents("flights/live"), live.length);
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  for (const [lane, input] of [["history", history] as const, ["live", live] as const]) {
    await compareTable(checks, client, `delays_${lane}`, expectedDelays(input));
    await compareTable(checks, client, `routes_${lane}`, expectedRoutes(input));
  }
  const airports = await expectedAirports(directory, flights);
  await compareTable(checks, client, "airports", airports);
  const brackets = expectedBrackets(airports);
  // A bracket that no airport of a state is in any more stays as a row of zero.
  await compareTable(checks, client, "airport_brackets WHERE airports <> 0", brackets, "airports");
  // The rows of the log are changes: added up they are the table.
  await client.query(
    `CREATE VIEW log_added_up AS SELECT state, bracket, sum(airports) AS airports
       FROM airport_brackets_log GROUP BY state, bracket HAVING sum(airports) <> 0`,
  );
  await compareTable(checks, client, "log_added_up", brackets, "airports");
  await client.end();
  if (redis) {
    await compareHashes(checks, redis.url, expectedDelays(history));
    await compareRanking(checks, redis.url, expectedDelays(live));
  }
  console.log(`\n${checks.report()}\n`);
  if (values.stay) {
    console.log(`Everything stays up. Postgres: ${postgres.url}`);
    if (redis) console.log(`Redis: ${redis.url}`);
    console.log("Look around with: npm run --silent weir -- status --config .demo/weir.config.ts");
    console.log("or: npm run --silent weir -- read flights/live --limit 3 --config .demo/weir.config.ts");
    console.log("Ctrl-C ends it.");
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  }
  process.exitCode = checks.failed ? 1 : 0;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  for (const step of undo) await step().catch((error: unknown) => console.error(error));
}
say(process.exitCode === 0 ? "done" : "FAILED");
process.exit();
