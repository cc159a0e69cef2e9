import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkFlows } from "../../compiler/index.ts";
import { type Project, project } from "./project.ts";

const SHAPE = `import { z } from "zod";
export const shape = z.object({ id: z.string(), n: z.int() });
`;
const FLOW = `import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { shape } from "./shape.ts";
import { double } from "lib";
capture("a", http({ path: "/a" }), { schema: shape, key: ["id"] })
  .derive("b", { schema: shape, key: ["id"], transform: (a) => ({ ...a, n: double(a.n) }) })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "b" }));
`;
const LIBRARY = {
  "node_modules/lib/package.json": '{ "name": "lib", "type": "module", "exports": "./index.js" }',
  "node_modules/lib/index.js": 'import { two } from "./two.js";\nexport const double = (n) => two * n;\n',
  "node_modules/lib/index.d.ts": "export declare function double(n: number): number;\n",
  "node_modules/lib/two.js": "export const two = 2;\n",
};
const CONFIG = '{ "compilerOptions": { "strict": true, "module": "esnext", "moduleResolution": "bundler" } }';

function flows(): Project {
  return project({
    "tsconfig.base.json": CONFIG,
    "tsconfig.json": '{ "extends": "./tsconfig.base.json" }',
    "flows/shape.ts": SHAPE,
    "flows/a.flow.ts": FLOW,
    ...LIBRARY,
  });
}

/** Whether this check took its result from what an earlier one left: only then is the file left as it is. */
async function check(user: Project): Promise<"taken" | "checked" | "refused"> {
  const cacheFile = join(user.directory, ".weir", "cache", "check.json");
  const before = existsSync(cacheFile) ? statSync(cacheFile, { bigint: true }).mtimeNs : undefined;
  const files = [join(user.directory, "flows", "a.flow.ts")];
  const { collections } = await checkFlows({ projectDir: user.directory, files }, cacheFile);
  if (collections === undefined) return "refused";
  expect(collections).toBe(2);
  return statSync(cacheFile, { bigint: true }).mtimeNs === before ? "taken" : "checked";
}

/** Files that were written a moment ago may yet be written again within the file system's tick. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a check of what stands is taken from the one before", { timeout: 60_000 }, async () => {
  using user = flows();
  await settle();
  expect(await check(user)).toBe("checked");
  expect(await check(user)).toBe("taken");
});

test("what a package reaches is looked at, though nothing is emitted", { timeout: 60_000 }, async () => {
  using user = flows();
  user.write({
    "node_modules/lib/two.js": 'import { cpus } from "node:os";\nexport const two = cpus().length;\n',
  });
  const cacheFile = join(user.directory, ".weir", "cache", "check.json");
  const files = [join(user.directory, "flows", "a.flow.ts")];
  const { diagnostics } = await checkFlows({ projectDir: user.directory, files }, cacheFile);
  expect(diagnostics.map(({ code }) => code)).toEqual(["WEIR3008"]);
});

const CHANGES: readonly (readonly [
  what: string,
  change: (user: Project) => void,
  then: "checked" | "refused",
])[] = [
  ["a flow file", (user) => user.write({ "flows/a.flow.ts": `${FLOW}// more\n` }), "checked"],
  [
    "a module that it imports",
    (user) => user.write({ "flows/shape.ts": SHAPE.replace("id", "key") }),
    "refused",
  ],
  [
    "the configuration that another extends",
    (user) => user.write({ "tsconfig.base.json": CONFIG.replace("true", "false") }),
    "refused",
  ],
  ["a package's types", (user) => user.write({ "node_modules/lib/index.d.ts": "export {};\n" }), "refused"],
  [
    "a package's module deep inside",
    (user) => user.write({ "node_modules/lib/two.js": "export const two = 3;\n" }),
    "checked",
  ],
  [
    "a package's manifest",
    (user) =>
      user.write({
        "node_modules/lib/package.json": '{ "name": "lib", "type": "module", "exports": "./no.js" }',
      }),
    "refused",
  ],
  [
    "a file that takes the place of an import",
    (user) => user.write({ "flows/shape.ts.d.ts": "" }),
    "checked",
  ],
  [
    "a package that is gone",
    (user) => rmSync(join(user.directory, "node_modules", "lib"), { recursive: true }),
    "refused",
  ],
  [
    "a package that comes nearer",
    (user) => mkdirSync(join(user.directory, "flows", "node_modules", "lib"), { recursive: true }),
    "checked",
  ],
  [
    "a file with its old time",
    (user) => {
      const path = join(user.directory, "flows", "a.flow.ts");
      const { atime, mtime } = statSync(path);
      user.write({ "flows/a.flow.ts": FLOW.replace('"a", http', '"A", http') });
      utimesSync(path, atime, mtime);
    },
    "refused",
  ],
];

test.each(CHANGES)("%s makes it check again", { timeout: 60_000 }, async (_, change, then) => {
  using user = flows();
  await settle();
  expect(await check(user)).toBe("checked");
  change(user);
  expect(await check(user)).toBe(then);
  // What was refused is never kept.
  if (then === "refused") expect(await check(user)).toBe("refused");
});

/** A process of its own, as the command is: whether it loaded TypeScript or esbuild. */
function loadsCompiler(user: Project): boolean {
  const script = `
    import { createRequire } from "node:module";
    import { checkFlows } from ${JSON.stringify(new URL("../../compiler/index.ts", import.meta.url).href)};
    const { directory, file } = JSON.parse(process.argv[2]);
    const { collections } = await checkFlows({ projectDir: directory, files: [file] }, directory + "/.weir/cache/check.json");
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    console.log(JSON.stringify({ collections, compiler: loaded.some((path) => /[\\/\\\\](typescript|esbuild)[\\/\\\\]/.test(path)) }));
  `;
  const argument = JSON.stringify({
    directory: user.directory,
    file: join(user.directory, "flows", "a.flow.ts"),
  });
  user.write({ "loads.mjs": script });
  const args = ["--conditions=weir-source", join(user.directory, "loads.mjs"), argument];
  const told = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  expect(told.collections).toBe(2);
  return told.compiler;
}

test("it loads neither TypeScript nor esbuild then", { timeout: 60_000 }, async () => {
  using user = flows();
  await settle();
  expect(loadsCompiler(user)).toBe(true);
  expect(loadsCompiler(user)).toBe(false);
});

test("a damaged result is not believed", { timeout: 60_000 }, async () => {
  using user = flows();
  await settle();
  await check(user);
  user.write({ ".weir/cache/check.json": '{ "request": "' });
  expect(await check(user)).toBe("checked");
});
