/** What a function of a flow does to its own thread hurts its own task alone. */
import { expect, it } from "vitest";
import { allCaughtUp, taskOf, type WeirProcess } from "../servers/weir-process.ts";
import { post, project } from "./project.ts";

const WITHIN_MS = 60_000;

const SOURCE = `
import { z } from "zod";
import { capture } from "weir";
import { http } from "weir/http";

export const work = capture("lab/work", http({ path: "/work" }), {
  schema: z.object({ id: z.int(), kind: z.string() }),
  key: ["id"],
  partitions: 2,
});

work.derive("lab/healthy", {
  schema: z.object({ all: z.boolean(), n: z.int() }),
  key: ["all"],
  reduce: { n: "sum" },
  transform: () => ({ all: true, n: 1 }),
});
`;

const illness = (shards: number, transform: string, more = "") => `
import { z } from "zod";
import { work } from "./source.flow.ts";
${more}
work.derive("lab/ill", {
  schema: z.object({ all: z.boolean(), n: z.int() }),
  key: ["all"],
  reduce: { n: "sum" },
  shards: ${shards},
  transform: ${transform},
});
`;

/** A package of the user's, which Weir's checks of flows do not look into. */
const PACKAGE = {
  "node_modules/endings/package.json":
    '{ "name": "endings", "version": "1.0.0", "type": "module", "exports": { "types": "./index.d.ts", "default": "./index.js" } }',
  "node_modules/endings/index.d.ts":
    "export declare function end(): void; export declare function reject(): void;",
  "node_modules/endings/index.js": `
    export function end() { void Promise.resolve().then(() => process.exit(0)); }
    export function reject() { void Promise.reject(new Error("nobody catches this")); }
  `,
};

const documents = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i, kind: "well" }));

/** Documents 0 to 19, then 20, which makes one of the derivations ill, and then 21 to 40. */
async function afterIllness(files: Readonly<Record<string, string>>, limits: string) {
  const config = `limits: ${limits}`;
  const { weir, origin } = await project({ "flows/source.flow.ts": SOURCE, ...files }, {}, config);
  weir.start();
  await weir.until(allCaughtUp, WITHIN_MS);
  const send = async (sent: readonly object[]) => {
    expect((await post(`${origin}/work`, sent)).status).toBe(200);
  };
  await send(documents(0, 20));
  await weir.until((status) => taskOf(status, "lab/ill")?.position === 20, WITHIN_MS);
  await send([{ id: 20, kind: "ill" }]);
  await send(documents(21, 41));
  return { weir, send };
}

/** Waits until the ill derivation tells of its error, and the healthy one stands at the end all the same. */
async function ill(weir: WeirProcess, state: string, error: RegExp, end: number) {
  const status = await weir.until(
    (s) => {
      const task = taskOf(s, "lab/ill");
      const healthy = taskOf(s, "lab/healthy");
      return task?.state === state && error.test(task.lastError ?? "") && healthy?.position === end;
    },
    WITHIN_MS,
    "allowed",
  );
  return taskOf(status, "lab/ill");
}

const LOOP = `({ kind }) => {
  for (let i = 1; kind === "ill" && i > 0; i = (i % 1000) + 1);
  return { all: true, n: 1 };
}`;

it.each([1, 2])(
  "a function that never returns halts its shard of %i, with the place of the document",
  async (shards) => {
    const { weir, send } = await afterIllness(
      { "flows/ill.flow.ts": illness(shards, LOOP) },
      "{ transformSeconds: 2 }",
    );
    // While it loops, the others work: it has not been ended yet, or has just been.
    await weir.until((status) => taskOf(status, "lab/healthy")?.position === 41, WITHIN_MS, "allowed");
    const halted = await ill(weir, "halted", /had not returned/, 41);
    expect(halted?.lastError).toMatch(
      /The transform of "lab\/ill" had not returned after 2 s with the document at offset \d+ of "lab\/work" \(weir read lab\/work --partition p=0\d --from \d+ --limit 1\), and was ended/,
    );
    expect(halted?.lastError?.startsWith("shard ")).toBe(shards === 2);
    const [, read = ""] = /\(weir (read [^)]+)\)/.exec(halted?.lastError ?? "") ?? [];
    const { stdout, stderr } = await weir.command(...read.split(" "));
    expect(stdout, stderr).toBe('{"id":20,"kind":"ill"}\n');
    // The other shard goes on with its own partition; a whole task stands.
    await send(documents(41, 61));
    const later = await ill(weir, "halted", /had not returned/, 61);
    expect(later?.shards).toEqual({ running: shards - 1, of: shards });
    const summed = await weir.command("read", "lab/ill", "--reduced");
    const { n } = JSON.parse(summed.stdout) as { n: number };
    if (shards === 1) expect(n).toBe(20);
    else expect(n).toBeGreaterThan(20);
  },
  120_000,
);

it("a function that takes ever more memory ends its own thread, which is started again", async () => {
  const hoard = `({ kind }) => {
    const all: number[][] = [];
    while (kind === "ill") all.push(Array.from({ length: 10_000 }, (_, i) => i + all.length));
    return { all: true, n: all.length + 1 };
  }`;
  const { weir, send } = await afterIllness(
    { "flows/ill.flow.ts": illness(1, hoard) },
    "{ threadMemoryMb: 128 }",
  );
  const retrying = await ill(weir, "retrying", /used up the 128 MB of memory/, 41);
  expect(retrying?.lastError).toMatch(
    /while the transform of "lab\/ill" worked on offset \d+ of "lab\/work"\. Give it more by limits\.threadMemoryMb/,
  );
  await weir.until((status) => (taskOf(status, "lab/ill")?.restarts ?? 0) >= 2, WITHIN_MS);
  await send(documents(41, 50));
  await weir.until((status) => taskOf(status, "lab/healthy")?.position === 50, WITHIN_MS);
}, 120_000);

it.each([
  ["ends the process", "end", /ended from inside, with exit code 0/],
  ["leaves a rejection that nobody catches", "reject", /nobody catches this/],
])(
  "a function that %s ends its own thread, which is started again",
  async (_, name, error) => {
    const transform = `({ kind }) => { if (kind === "ill") ${name}(); return { all: true, n: 1 }; }`;
    const importing = `import { ${name} } from "endings";`;
    const { weir, send } = await afterIllness(
      { ...PACKAGE, "flows/ill.flow.ts": illness(1, transform, importing) },
      "{}",
    );
    await ill(weir, "retrying", error, 41);
    await send(documents(41, 50));
    await weir.until(
      (status) =>
        (taskOf(status, "lab/ill")?.restarts ?? 0) >= 2 && taskOf(status, "lab/healthy")?.position === 50,
      WITHIN_MS,
    );
  },
  120_000,
);
