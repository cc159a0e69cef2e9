/** What a user sees when something is wrong: a clear sentence, and nothing lost. */
import { describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.ts";
import { testDatabase } from "../servers/test-servers.ts";
import { allCaughtUp, taskOf } from "../servers/weir-process.ts";
import { expectedSpend, ORDERS, ordersFrom, SPEND } from "./orders.ts";
import { spendRows } from "./postgres-rows.ts";
import { post, project } from "./project.ts";

const database = await testDatabase();
const WITHIN_MS = 20_000;

describe("a request with a bad document", () => {
  it("gets a 422 that names line, path and rule, and none of it is stored", async () => {
    const { weir, origin } = await project({ "flows/orders.flow.ts": ORDERS });
    weir.start();
    await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
    const [good] = ordersFrom(0, 1);
    const broken = await post(`${origin}/orders`, [{ ...good }, { ...good, cents: 1.5 }]);
    expect(broken.status).toBe(422);
    expect(broken.body).toMatchObject({ error: { line: 2, path: "/cents", rule: "must be integer" } });
    const malformed = await fetch(`${origin}/orders`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: `${JSON.stringify(good)}\n{"id": oops}\n`,
    });
    expect(malformed.status).toBe(422);
    expect(await malformed.json()).toMatchObject({ error: { line: 2 } });
    expect((await post(`${origin}/orders`, [{ ...good, id: "kept" }])).status).toBe(200);
    const { stdout } = await weir.command("read", "shop/orders");
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual(["kept"]);
  });
});

it("a file's bad line halts that capture with file and line, and the rest runs on", async () => {
  const { weir, origin } = await project({
    "flows/orders.flow.ts": ORDERS,
    "flows/old.flow.ts": `
      import { capture } from "weir";
      import { files } from "weir/files";
      import { z } from "zod";
      capture("shop/old", files({ path: "old.ndjson" }), { schema: z.object({ id: z.string() }), key: ["id"] });`,
    "old.ndjson": '{"id":"a"}\n{"id":"b"}\n{"id":3}\n{"id":"d"}\n',
  });
  weir.start();
  const status = await weir.until(
    (s) => taskOf(s, "shop/old")?.state === "halted" && taskOf(s, "shop/orders")?.state === "running",
    WITHIN_MS,
    "allowed",
  );
  expect(taskOf(status, "shop/old")?.lastError).toMatch(
    /old\.ndjson:3: \/id: must be string\. Correct the file/,
  );
  expect((await post(`${origin}/orders`, ordersFrom(0, 5))).status).toBe(200);
  const { stdout } = await weir.command("read", "shop/old");
  expect(stdout).toBe('{"id":"a"}\n{"id":"b"}\n');
  await weir.stop();
  const once = await weir.command("run", "--once");
  expect(once.code).toBe(1);
  expect(once.stderr).toMatch(/old\.ndjson:3/);
});

it("an unreachable target is tried again with a growing pause while captures go on, and catches up", async () => {
  const flows = { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND };
  const unreachable = `postgres://weir:hidden-password@127.0.0.1:${await freePort()}/none`;
  const { weir, origin, directory } = await project(flows, { DATABASE_URL: unreachable });
  weir.start();
  const failing = await weir.until(
    (s) => (taskOf(s, "postgres:customer_spend")?.restarts ?? 0) >= 2,
    WITHIN_MS,
  );
  expect(taskOf(failing, "postgres:customer_spend")).toMatchObject({ state: "retrying" });
  expect((await post(`${origin}/orders`, ordersFrom(0, 100))).status).toBe(200);
  expect(weir.log()).not.toContain("hidden-password");
  expect(JSON.stringify(await weir.status())).not.toContain("hidden-password");
  await weir.stop();
  // The same data directory, and now a database that answers.

  const { WeirProcess } = await import("../servers/weir-process.ts");
  const again = new WeirProcess({ directory, env: { DATABASE_URL: database } });
  again.start();
  await again.until(allCaughtUp, WITHIN_MS);
  expect(await spendRows(database)).toEqual(expectedSpend(ordersFrom(0, 100)));
  expect(await again.stop()).toBe(0);
});

it("a missing variable is named before anything starts", async () => {
  const { weir } = await project(
    { "flows/orders.flow.ts": ORDERS, "flows/spend.flow.ts": SPEND },
    { DATABASE_URL: "" },
  );
  const { code, stderr } = await weir.command("run", "--once");
  expect(code).toBe(1);
  expect(stderr).toContain(
    "weir: The environment variable is not set: DATABASE_URL (used by postgres:customer_spend). Set it and run again; nothing was started.",
  );
});

it("a second run on the same data directory is refused in one sentence", async () => {
  const { weir } = await project({ "flows/orders.flow.ts": ORDERS });
  weir.start();
  await weir.until((status) => taskOf(status, "shop/orders")?.state === "running", WITHIN_MS);
  const { code, stderr } = await weir.command("run", "--once");
  expect(code).toBe(1);
  expect(stderr.trimEnd().split("\n").at(-1)).toBe(
    `weir: Another weir (process ${weir.pid}) is running on the data directory ${weir.dataDir}; stop it first, or give this one its own dataDir.`,
  );
});

it("flows that do not compile start nothing, and the error has a code frame", async () => {
  const { weir } = await project({ "flows/orders.flow.ts": ORDERS.replace('key: ["id"]', 'key: ["ident"]') });
  const { code, stderr } = await weir.command("run");
  expect(code).toBe(1);
  expect(stderr).toMatch(/orders\.flow\.ts/);
  expect(stderr).toMatch(/>\s*\d+ \|.*key: \["ident"\]/);
});
