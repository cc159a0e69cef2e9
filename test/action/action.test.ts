/** `action.yml`, run step by step in a clone with two branches, against a double of GitHub's API. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type Repository, repository } from "../diff/repository.ts";
import { type GitHubDouble, githubDouble } from "./github-double.ts";
import { type Job, type JobResult, runAction } from "./run-action.ts";

const MARKER = "<!-- weir-diff -->";
const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const COMMENT = fileURLToPath(new URL("../../action/comment.mjs", import.meta.url));

const flow = (transform: string) => `
import { capture } from "weir";
import { files } from "weir/files";
import { z } from "zod";
const schema = z.object({ id: z.string(), cents: z.int() });
const orders = capture("shop/orders", files({ path: "orders.ndjson" }), { schema, key: ["id"] });
orders.derive("shop/total", { schema, key: ["id"], transform: ({ id, cents }) => ({ id, cents: ${transform} }) });
`;

/** A clone as a runner has it: the base branch is `origin/main`, and `HEAD` is on another. */
function clone(directory = ""): Repository {
  const repo = repository({
    [join(directory, "weir.config.ts")]:
      'import { defineConfig } from "weir";\nexport default defineConfig({});\n',
    [join(directory, "flows/shop.flow.ts")]: flow("cents"),
  });
  repo.git("update-ref", "refs/remotes/origin/main", "main");
  repo.git("checkout", "-q", "-b", "feature");
  return repo;
}

function act({ root }: Repository, { url }: GitHubDouble, more: Partial<Job> = {}): Promise<JobResult> {
  const command = `${process.execPath} --conditions=weir-source ${MAIN}`;
  return runAction({
    ...{ workspace: root, api: url, pullRequest: 12, baseRef: "main", token: "secret", ...more },
    inputs: { command, ...more.inputs },
  });
}

describe("the whole action", () => {
  test("creates a comment, edits it with the next push, and fails where it is asked to", {
    timeout: 180_000,
  }, async () => {
    const repo = clone();
    const github = await githubDouble(["LGTM", "Look: \n> <!-- weir-diff -->"]);
    repo.write("flows/shop.flow.ts", flow("cents * 2"));
    repo.commit("double");
    const first = await act(repo, github);
    expect(first, first.log).toMatchObject({ ok: true, outputs: { verdict: "rebuild" } });
    expect(first.summary).toMatch(/^<!-- weir-diff -->\n\n### 🟡 weir diff\n/);
    expect(github.comments).toHaveLength(3);
    expect(github.comments[2]?.body).toBe(first.summary);

    repo.write("flows/shop.flow.ts", flow("cents"));
    repo.commit("back");
    const second = await act(repo, github, { inputs: { "fail-on": "rebuild" } });
    expect(second).toMatchObject({ ok: true, outputs: { verdict: "none" } });
    expect(github.comments).toHaveLength(3);
    expect(github.comments[2]?.body).toBe(second.summary);
    expect(second.summary).not.toBe(first.summary);

    repo.write("flows/shop.flow.ts", flow("cents * 3"));
    repo.commit("treble");
    const third = await act(repo, github, { inputs: { "fail-on": "rebuild" } });
    expect(third).toMatchObject({ ok: false, outputs: { verdict: "rebuild" } });
    expect(third.log).toContain(
      "::error title=weir diff::The diff is rebuild, and fail-on: rebuild refuses that.",
    );
    // It is on the pull request all the same.
    expect(github.comments[2]?.body).toBe(third.summary);
  });

  test("a project below the root has a comment of its own; a token that may not comment fails nothing", {
    timeout: 180_000,
  }, async () => {
    const repo = clone("apps/shop");
    const github = await githubDouble([`${MARKER}\n\nof another project`]);
    repo.write("apps/shop/flows/shop.flow.ts", flow("cents").replace("shop/total", "shop/sum"));
    repo.commit("another name");
    const inputs = { "working-directory": "apps/shop", "fail-on": "destructive", base: "origin/main" };
    const found = await act(repo, github, { inputs });
    expect(found, found.log).toMatchObject({ ok: false, outputs: { verdict: "destructive" } });
    expect(github.comments.map(({ body }) => body)).toEqual([
      `${MARKER}\n\nof another project`,
      found.summary.replace(MARKER, "<!-- weir-diff apps/shop -->"),
    ]);
    github.refuse = { status: 403, message: "Resource not accessible by integration" };
    const fork = await act(repo, github, { inputs: { "working-directory": "apps/shop" } });
    expect(fork).toMatchObject({ ok: true, outputs: { verdict: "destructive" }, summary: found.summary });
    expect(fork.log).toMatch(
      /^::notice title=weir diff::The token may not comment \(GET .* was answered 403: Resource not accessible by integration\)\. The diff is in the job's summary\.$/m,
    );
  });

  test("flows that do not compile are annotated, and what has no base says so", {
    timeout: 120_000,
  }, async () => {
    const repo = clone();
    const github = await githubDouble();
    const push = await act(repo, github, { baseRef: "" });
    expect(push).toMatchObject({ ok: false, ran: ["Check the flows", "Compare them with the base"] });
    expect(push.log).toContain("::error title=weir diff::This is no pull request: say what to compare with");
    const below = clone("apps/shop");
    below.write("apps/shop/flows/shop.flow.ts", flow("id"));
    const wrong = await act(below, github, { inputs: { "working-directory": "apps/shop" } });
    expect(wrong).toMatchObject({ ok: false, ran: ["Check the flows"], summary: "" });
    // From the repository's root, as GitHub wants it.
    expect(wrong.log).toMatch(/^::error file=apps\/shop\/flows\/shop\.flow\.ts,line=7/m);
    expect(github.requests).toEqual([]);
  });
});

const curl = spawnSync("curl", ["--version"]).status === 0;

test.skipIf(!curl)(
  "the manual's lines for any CI create the comment, and edit it",
  { timeout: 120_000 },
  async () => {
    const page = readFileSync(new URL("../../docs/diff.md", import.meta.url), "utf8");
    const lines = page.match(/```sh\n(npm ci && [^`]*)```/)?.[1] ?? "";
    expect(lines.trim().split("\n").length).toBeLessThanOrEqual(10);
    const repo = clone();
    const github = await githubDouble(["LGTM"]);
    const script = async () => {
      // What is installed there is this repository's.
      const weir = `npm() { :; }; npx() { shift; "${process.execPath}" --conditions=weir-source "${MAIN}" "$@"; }`;
      const child = spawn("sh", ["-e", "-c", `${weir}\n${lines}`], {
        cwd: repo.root,
        env: {
          ...{
            PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
            TARGET_BRANCH: "main",
            TOKEN: "secret",
          },
          ...{ API_URL: github.url, REPOSITORY: "acme/shop", PULL_REQUEST: "12" },
        },
        stdio: "ignore",
      });
      await once(child, "close");
      return child.exitCode;
    };
    repo.write("flows/shop.flow.ts", flow("cents * 2"));
    expect(await script()).toBe(0);
    expect(github.comments.map(({ body }) => body.split("\n")[2])).toEqual([undefined, "### 🟡 weir diff"]);
    repo.write("flows/shop.flow.ts", flow("cents").replace("shop/total", "shop/sum"));
    expect(await script()).toBe(1);
    expect(github.comments).toHaveLength(2);
    expect(github.comments[1]?.body).toContain("🔴 weir diff");
  },
);

describe("the comment", () => {
  async function comment(
    github: GitHubDouble,
    body: string,
    env: Readonly<Record<string, string>> = {},
    event: object = { pull_request: { number: 12 } },
  ): Promise<{ readonly code: number | null; readonly log: string }> {
    const { root } = repository({ "README.md": "" });
    const [file, eventFile] = [join(root, "diff.md"), join(root, "event.json")];
    writeFileSync(file, body);
    writeFileSync(eventFile, JSON.stringify(event));
    const child = spawn(process.execPath, [COMMENT, file], {
      env: {
        ...{ PATH: process.env.PATH, GITHUB_API_URL: github.url, GITHUB_REPOSITORY: "acme/shop" },
        ...{ GITHUB_SERVER_URL: "https://github.example", GITHUB_RUN_ID: "7" },
        ...{ GITHUB_EVENT_PATH: eventFile, TOKEN: "secret", ...env },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (log += part));
    await once(child, "close");
    return { code: child.exitCode, log };
  }
  const BODY = `${MARKER}\n\n### 🟡 weir diff\n\nRebuild: history is read again.\n`;
  const others = (count: number) => Array.from({ length: count }, (_, i) => `comment ${i}`);

  test.each([
    [99, 1],
    [100, 2],
    [250, 3],
  ])("is found behind %i others, and is one more where there is none", async (count, pages) => {
    const github = await githubDouble([...others(count), `${MARKER}\n\nold`]);
    expect(await comment(github, BODY)).toEqual({ code: 0, log: "" });
    expect(github.comments[count]?.body).toBe(BODY);
    expect(github.requests.filter((each) => each.startsWith("GET"))).toHaveLength(pages);
    github.comments.pop();
    expect(await comment(github, BODY)).toEqual({ code: 0, log: "" });
    expect(github.comments.map(({ body }) => body)).toEqual([...others(count), BODY]);
  });

  test("pages without an end are given up", async () => {
    const github = await githubDouble(others(100));
    github.ignoresPages = true;
    const { code, log } = await comment(github, BODY);
    expect(code).toBe(1);
    expect(log).toContain("or its pages have no end");
    expect(github.requests).toHaveLength(100);
  });

  test("that is too long gives its verdict, and says where the rest is", async () => {
    const github = await githubDouble();
    expect(await comment(github, `${BODY}\n${"x".repeat(65_536)}`)).toEqual({ code: 0, log: "" });
    expect(github.comments[0]?.body).toBe(
      `${BODY}\nThe diff is longer than a comment can be: it is in [the job's summary](https://github.example/acme/shop/actions/runs/7).\n`,
    );
    // As long as one can be.
    const longest = BODY.padEnd(65_536, "x");
    await comment(github, longest);
    expect(github.comments.map(({ body }) => body)).toEqual([longest]);
  });

  test("is left out without a token or a pull request, and an error of the server fails", async () => {
    const github = await githubDouble();
    expect(await comment(github, BODY, { TOKEN: "" })).toMatchObject({
      ...{ code: 0, log: expect.stringContaining("no token") },
    });
    expect(await comment(github, BODY, {}, {})).toMatchObject({
      ...{ code: 0, log: expect.stringContaining("no pull request") },
    });
    expect(github.requests).toEqual([]);
    expect(await comment(github, BODY, { TOKEN: "wrong" })).toMatchObject({
      ...{ code: 0, log: expect.stringContaining("may not comment") },
    });
    github.refuse = { status: 500, message: "" };
    expect(await comment(github, BODY)).toMatchObject({ code: 1, log: expect.stringContaining("500") });
    expect(github.comments).toEqual([]);
  });
});
