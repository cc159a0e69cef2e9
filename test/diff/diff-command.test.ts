/** The bases of `weir diff`, and the command as a pull request's checks run it, in git repositories of their own. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { compile } from "../../compiler/index.ts";
import { WeirProcess } from "../servers/weir-process.ts";
import { repository } from "./repository.ts";

const ORDERS = `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
export const orders = capture("shop/orders", files({ path: "orders.ndjson" }), {
  schema: z.object({ id: z.string(), cents: z.int() }),
  key: ["id"],
});
`;
const TOTAL = `
import { z } from "zod";
import { orders } from "./orders.flow.ts";
orders.derive("shop/total", {
  schema: z.object({ all: z.string(), cents: z.int() }),
  key: ["all"],
  reduce: { cents: "sum" },
  transform: (order) => ({ all: "all", cents: order.cents }),
});
`;
const DOUBLED = TOTAL.replace("order.cents", "order.cents * 2");

const CONFIG = 'import { defineConfig } from "weir";\nexport default defineConfig({});\n';
const PROJECT = {
  "weir.config.ts": CONFIG,
  "flows/orders.flow.ts": ORDERS,
  "flows/total.flow.ts": TOTAL,
  "orders.ndjson": '{"id":"a","cents":1}\n{"id":"b","cents":2}\n{"id":"c","cents":3}\n',
};

test("a git revision is a base; work tree, index and data directory are left as they were", async () => {
  const repo = repository(PROJECT);
  const files = ["orders", "total"].map((name) => join(repo.root, `flows/${name}.flow.ts`));
  const { build } = await compile({ projectDir: repo.root, files });
  repo.write("plan/plan.json", build?.planJson ?? "");
  repo.write("flows/total.flow.ts", DOUBLED);
  repo.git("add", "-A");
  repo.write("flows/untracked.txt", "");
  const before = repo.git("status", "--porcelain");
  const found = await repo.diff("main");
  expect(found).toMatchObject({
    verdict: "rebuild",
    changes: [{ name: "shop/total", action: "rebuild", because: ["shop/total"] }],
  });
  expect(repo.git("status", "--porcelain")).toBe(before);
  expect(existsSync(join(repo.root, ".weir"))).toBe(false);
  // A plan file of the same tree says the same.
  for (const base of ["plan", "plan/plan.json"]) expect(await repo.diff(base)).toEqual(found);
});

test("the command: REF... is the merge base, and exit codes say what was asked", async () => {
  const { write, git, commit, weir } = repository(PROJECT);
  git("checkout", "-q", "-b", "feature");
  git("checkout", "-q", "main");
  write("flows/more.flow.ts", ORDERS.replaceAll("orders", "returns"));
  commit("main goes on");
  git("checkout", "-q", "feature");
  expect(await weir("diff", "main...", "--exit-code")).toMatchObject({
    code: 0,
    stdout: "No changes: what is stored and kept in step stays as it is.\n",
  });
  const refused = await weir("diff", "main", "--exit-code", "--fail-on", "rebuild", "--format", "markdown");
  expect(refused.stdout).toMatch(/^<!-- weir-diff -->\n/);
  expect(refused.stdout).toContain("| 🔴 | **destroy** | `shop/returns` capture |");
  expect(refused.stderr).toContain("weir: The diff is destructive, and --fail-on rebuild refuses that.\n");
  expect(refused.code).toBe(1);
  write("flows/total.flow.ts", DOUBLED);
  const changed = await weir("diff", "main...", "--exit-code", "--fail-on", "destructive", "--json");
  expect(changed.code).toBe(2);
  expect(JSON.parse(changed.stdout)).toMatchObject({ formatVersion: 1, verdict: "rebuild" });
});

test("weir graph --base draws what the flows change", { timeout: 120_000 }, async () => {
  const { write, weir } = repository(PROJECT);
  write("flows/total.flow.ts", DOUBLED.replace("shop/total", "shop/sum"));
  const { stdout } = await weir("graph", "--base=main", "--json");
  expect(JSON.parse(stdout).nodes.map(({ id, change }: Record<string, string>) => [id, change])).toEqual([
    ["source:shop/orders", undefined],
    ["shop/orders", undefined],
    ["shop/sum", "create"],
    ["shop/total", "destroy"],
  ]);
});

test("a project below the repository's root, and files: new ones have nothing to be compared with", async () => {
  const below = Object.fromEntries(
    Object.entries(PROJECT).map(([path, text]) => [`apps/shop/${path}`, text] as const),
  );
  const repo = repository(below);
  repo.write("apps/shop/flows/total.flow.ts", DOUBLED);
  repo.write("apps/shop/flows/new.flow.ts", ORDERS.replaceAll("orders", "returns"));
  const names = async (...files: string[]) => {
    const { changes } = await repo.diff("HEAD", files, "apps/shop");
    return changes.map(({ name, action }) => `${action} ${name}`);
  };
  expect(await names()).toEqual(["rebuild shop/total", "create shop/returns"]);
  expect(await names("flows/total.flow.ts")).toEqual(["rebuild shop/total"]);
  expect(await names("flows/new.flow.ts")).toEqual(["create shop/returns"]);
});

test("a revision without the configuration is read by today's", async () => {
  const repo = repository({ "elsewhere/orders.flow.ts": ORDERS });
  repo.write("weir.config.ts", CONFIG.replace("{}", '{ flows: "elsewhere/*.flow.ts" }'));
  expect((await repo.diff("HEAD")).changes).toEqual([]);
});

test("a revision without flows is empty", async () => {
  const repo = repository({ "README.md": "" });
  repo.write("flows/orders.flow.ts", ORDERS);
  expect((await repo.diff("HEAD")).changes).toMatchObject([{ action: "create", name: "shop/orders" }]);
});

test("without a base it is what last ran: nothing, then an equal plan, then how much a rebuild reads", async () => {
  const repo = repository(PROJECT);
  expect(await repo.diff()).toMatchObject({ verdict: "safe", summary: { create: 2 } });
  const some = await repo.weir("diff", "--json", "--", "flows/orders.flow.ts");
  expect(JSON.parse(some.stdout)).toMatchObject({ summary: { create: 1 } });
  expect(await repo.weir("run", "--once")).toMatchObject({ code: 0 });
  expect(await repo.diff()).toMatchObject({ verdict: "none", changes: [] });
  repo.write("flows/total.flow.ts", DOUBLED);
  const times = { from: expect.stringMatching(/^20/), to: expect.stringMatching(/Z$/) };
  const { changes } = await repo.diff();
  expect(changes).toMatchObject([
    { name: "shop/total", replay: { documents: 3, bytes: expect.any(Number), times } },
  ]);
  // While it runs, the running process is asked.
  repo.write("flows/total.flow.ts", TOTAL);
  const running = new WeirProcess({ directory: repo.root });
  onTestFinished(() => running.kill());
  running.start();
  await running.until((status) => status.tasks.length > 0, 20_000);
  repo.write("flows/total.flow.ts", DOUBLED);
  expect((await repo.diff()).changes).toMatchObject([
    { name: "shop/total", replay: { documents: 3, bytes: expect.any(Number), times } },
  ]);
  await running.stop();
  // What the diff says is what `weir run` does, and then there is nothing left to do.
  expect(changes).toMatchObject([{ action: "rebuild", refusedToday: null }]);
  const read = async () => {
    const { stdout } = await repo.weir("read", "shop/total");
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line).cents]));
  };
  const before = await read();
  expect(await repo.weir("run", "--once")).toMatchObject({ code: 0 });
  expect(await read()).toEqual(before.map((cents) => 2 * cents));
  expect(await repo.diff()).toMatchObject({ verdict: "none", changes: [] });
});

test("a renamed collection and a wider schema are applied in place: nothing is read again, and nothing is left to apply", async () => {
  const repo = repository(PROJECT);
  const run = () => repo.weir("run", "--once");
  const append = (line: string) => {
    const lines = readFileSync(join(repo.root, "orders.ndjson"), "utf8");
    repo.write("orders.ndjson", `${lines}${line}\n`);
  };
  const read = async (name: string) => {
    const { stdout } = await repo.weir("read", name);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line): number => JSON.parse(line).cents);
  };
  expect(await run()).toMatchObject({ code: 0 });
  const before = await read("shop/total");
  repo.write(
    "flows/orders.flow.ts",
    ORDERS.replace("cents: z.int()", "cents: z.number(), note: z.string().optional()"),
  );
  repo.write(
    "flows/total.flow.ts",
    `${TOTAL.replace('orders.derive("shop/total"', 'export const sum = orders.derive("shop/sum"').replace("cents: z.int()", "cents: z.number()")}
sum.renamedFrom("shop/total");
`,
  );
  append('{"id":"d","cents":0.5,"note":"half"}');
  expect(await repo.diff()).toMatchObject({
    verdict: "safe",
    changes: [
      { name: "shop/orders", action: "update", refusedToday: null },
      { name: "shop/sum", action: "update", refusedToday: null, replay: null },
    ],
  });
  const second = await run();
  expect(second.code).toBe(0);
  expect(second.stderr).toContain("shop/sum: caught-up, 1 documents");
  expect((await repo.diff()).changes).toEqual([]);
  expect(await read("shop/sum")).toEqual([...before, 0.5]);
  // The old name stays in the flow, and means nothing any more.
  append('{"id":"e","cents":1}');
  expect(await run()).toMatchObject({ code: 0 });
  expect(await read("shop/sum")).toEqual([...before, 0.5, 1]);
}, 60_000);

test("what cannot be a base is told in one sentence", async () => {
  const repo = repository({ ...PROJECT, "flows/total.flow.ts": TOTAL.replace("z.int()", "z.date()") });
  repo.write("flows/total.flow.ts", TOTAL);
  const broken = await repo.weir("diff", "HEAD");
  expect(broken.stderr).toMatch(/flows\/total\.flow\.ts:\d+:\d+ error/);
  expect(broken.stderr).toMatch(/weir: The flows of HEAD do not compile with today's compiler and packages/);
  expect(broken).toMatchObject({ code: 1, stdout: "" });
  expect(readdirSync(repo.root)).not.toContain(".weir");
  await expect(repo.diff("flows/total.flow.ts")).rejects.toThrow(
    "flows/total.flow.ts is neither a git revision nor a plan: name a branch, a commit, a plan.json or a directory that holds one. To compare flow files with what last ran: weir diff -- flows/total.flow.ts",
  );
  repo.write("wrong/plan.json", '{"formatVersion":2}');
  await expect(repo.diff("wrong")).rejects.toThrow("wrong is not a plan of this version of Weir");
});
