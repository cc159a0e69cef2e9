/** Flow files are evaluated once, without side effects, packages included. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { project, transformOf } from "./project.ts";

const HEAD = `import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
const numbers = capture("numbers", http({ path: "/numbers" }), { schema: z.object({ id: z.string(), n: z.int() }), key: ["id"] });
numbers.materializeTo(pg({ url: env("DATABASE_URL"), table: "numbers" }));
`;
const GLOBALS = `declare const process: any; declare const fetch: any; declare const setTimeout: any; declare const performance: any; declare const crypto: any;
`;

/** What a flow file must not do at its top level: the statement, and how the diagnostic names it. */
const touching: readonly (readonly [statement: string, name: string])[] = [
  ["Date.now();", "Date.now()"],
  ["new Date();", "new Date()"],
  ["Date();", "Date()"],
  ["Math.random();", "Math.random()"],
  ["performance.now();", "performance.now()"],
  ["crypto.randomUUID();", "crypto.randomUUID()"],
  ['await fetch("http://localhost:1");', "fetch()"],
  ["setTimeout(() => {}, 1);", "setTimeout()"],
  ["process.env.SECRET;", "process.env.SECRET"],
  ["const { SECRET } = process.env;", "process.env.SECRET"],
  ['"SECRET" in process.env;', "process.env.SECRET"],
  ["Object.keys(process.env);", "process.env"],
];
test.each(touching)("%s", async (statement, name) => {
  using of = project({ "main.flow.ts": `${HEAD}${GLOBALS}${statement}\n` });
  const { diagnostics, build } = await of.compile();
  const touch = diagnostics.find((each) => each.code === "WEIR0007");
  expect(touch?.message).toBe(`A flow file uses ${name} while it is evaluated.`);
  expect(touch).toMatchObject({ file: join(of.directory, "main.flow.ts"), line: 8 });
  expect(build).toBeUndefined();
});

test("a module of Node that reaches outside does nothing, and is named", async () => {
  using of = project({
    "node.d.ts":
      'declare module "node:fs" { export function writeFileSync(path: string, text: string): void; }\n',
    "main.flow.ts": `/// <reference path="./node.d.ts" />\nimport { writeFileSync } from "node:fs";\n${HEAD}try { writeFileSync("written.txt", ""); } catch {}\n`,
  });
  const { diagnostics } = await of.compile();
  expect(diagnostics.map((each) => each.message)).toEqual([
    "A flow file uses node:fs.writeFileSync() while it is evaluated.",
  ]);
  expect(existsSync(join(of.directory, "written.txt"))).toBe(false);
});

test("times that are given are no clock, and what is caught is told all the same", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}export const at = new Date("2026-01-01").toISOString();\ntry { Math.random(); } catch {}\n`,
  });
  expect((await of.compile()).diagnostics.map((each) => [each.code, each.line])).toEqual([["WEIR0007", 8]]);
});

test("every problem is told, of types, of evaluation and of transforms alike", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
const word: number = "a";
numbers.derive("a", { schema: z.object({ id: z.string().trim() }), key: ["id"], transform: ({ id }) => ({ id }) });
numbers.derive("b", { schema: z.object({ id: z.string() }), key: ["id"], transform: ({ id }) => ({ id: id + Math.random() }) });
`,
  });
  const { diagnostics } = await of.compile();
  expect(diagnostics.map((each) => each.code)).toEqual([
    "WEIR0001",
    "WEIR4004",
    "WEIR1004",
    "WEIR4004",
    "WEIR3011",
  ]);
});

const FLOW_OF_PACKAGE = `${HEAD}
import { twice } from "numbers";
numbers.derive("doubled", { schema: z.object({ id: z.string(), n: z.int() }), key: ["id"], transform: (doc) => ({ id: doc.id, n: twice(doc.n) }) })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "doubled" }));
`;
const TYPES =
  "export declare function twice(n: number): number;\nexport declare function convert(doc: { id: string; n: number }): { id: string; n: number };\n";
const MODULE = {
  "package.json":
    '{ "name": "numbers", "version": "1.0.0", "type": "module", "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" } } }',
};
const at = (folder: string, files: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));

test("a package's module is one, whether imported by its name or by a path", async () => {
  const declaring = (name: string, from: string) => `import { z } from "zod";
import { capture } from "weir";
import { http } from "weir/http";
import { names } from "${from}";
names.push("${name}");
capture(names.join("-"), http({ path: "/${name}" }), { schema: z.object({ id: z.string() }), key: ["id"] });
`;
  using of = project({
    "node_modules/kit/package.json":
      '{ "name": "kit", "version": "1.0.0", "type": "module", "main": "index.js" }',
    "node_modules/kit/index.js": "export const names = [];\n",
    "node_modules/kit/index.d.ts": "export declare const names: string[];\n",
    "a.flow.ts": declaring("a", "kit"),
    "b.flow.ts": declaring("b", "./node_modules/kit/index.js"),
  });
  const { plan } = await of.build();
  expect(Object.keys(plan.collections)).toEqual(["a", "a-b"]);
});

test("a package's function is bundled in, and the package's own start may read the clock", async () => {
  const code = "export const started = Date.now();\nexport const twice = (n) => n * 2;\n";
  using of = project({
    "main.flow.ts": FLOW_OF_PACKAGE,
    ...at("node_modules/numbers", { ...MODULE, "index.js": code, "index.d.ts": TYPES }),
  });
  const build = await of.build();
  expect((await transformOf(build, "doubled"))({ id: "a", n: 2 }, { params: {} })).toEqual({ id: "a", n: 4 });
  const [hash] = build.bundles.map((each) => each.hash);
  of.write(at("node_modules/numbers", { "index.js": code.replace("n * 2", "n * 3") }));
  expect((await of.build()).bundles.map((each) => each.hash)).not.toEqual([hash]);
});

test("a package's function can be a transform itself", async () => {
  const code =
    "const BY = 2;\nexport const twice = (n) => n * BY;\nexport function convert(doc) { return { id: doc.id, n: twice(doc.n) }; }\n";
  const flow = FLOW_OF_PACKAGE.replace("{ twice }", "{ convert }").replace(
    /transform: .*? \}\) \}/,
    "transform: convert }",
  );
  using of = project({
    "main.flow.ts": flow,
    ...at("node_modules/numbers", { ...MODULE, "index.js": code, "index.d.ts": TYPES }),
  });
  expect((await transformOf(await of.build(), "doubled"))({ id: "a", n: 2 }, { params: {} })).toEqual({
    id: "a",
    n: 4,
  });
});

test("where a CommonJS package is installed does not move the hash", async () => {
  const manifest = '{ "name": "numbers", "version": "1.0.0", "main": "index.js", "types": "index.d.ts" }';
  const files = {
    "package.json": manifest,
    "index.js": "exports.twice = (n) => n * 2;\n",
    "index.d.ts": TYPES,
  };
  using near = project({ "main.flow.ts": FLOW_OF_PACKAGE, ...at("node_modules/numbers", files) });
  using deep = project({ "a/main.flow.ts": FLOW_OF_PACKAGE, ...at("a/node_modules/numbers", files) });
  const [first, second] = [await near.build(), await deep.build()];
  expect(second.planHash).toBe(first.planHash);
});

test("a package that uses a module of Node inside a transform is refused", async () => {
  const code =
    'import { readFileSync } from "node:fs";\nexport const twice = (n) => readFileSync(String(n)).length;\n';
  using of = project({
    "main.flow.ts": FLOW_OF_PACKAGE,
    ...at("node_modules/numbers", { ...MODULE, "index.js": code, "index.d.ts": TYPES }),
  });
  const { diagnostics } = await of.compile();
  expect(diagnostics.map((each) => each.code)).toEqual(["WEIR3008"]);
  expect(diagnostics[0]?.related[0]?.file).toContain("node_modules/numbers/index.js");
});

test("a module of Node that a transform reaches is told with every import that leads there", async () => {
  using of = project({
    "main.flow.ts": FLOW_OF_PACKAGE.replace('from "numbers"', 'from "./lib/first.ts"'),
    "lib/first.ts":
      'import { twice as second } from "./second.ts";\nexport const twice = (n: number) => second(n);\n',
    "lib/second.ts":
      '/// <reference path="../node.d.ts" />\nimport { createHash } from "node:crypto";\nexport const twice = (n: number) => createHash(String(n)).length;\n',
    "node.d.ts": 'declare module "node:crypto" { export function createHash(name: string): string; }\n',
  });
  const { diagnostics } = await of.compile();
  const found = diagnostics.find(({ code }) => code === "WEIR3008");
  const name = (file: string) => file.slice(of.directory.length + 1);
  expect(found?.related.map(({ file, line, message }) => [name(file), line, message])).toEqual([
    ["main.flow.ts", 8, "./lib/first.ts is imported here."],
    ["lib/first.ts", 1, "./second.ts is imported here."],
    ["lib/second.ts", 2, "It is imported here."],
  ]);
});

test("a TypeBox schema makes a collection", async () => {
  const flow = FLOW_OF_PACKAGE.replace('import { twice } from "numbers";', 'import Type from "typebox";')
    .replace(
      'z.object({ id: z.string(), n: z.int() }), key: ["id"], transform',
      'Type.Object({ id: Type.String(), n: Type.Integer() }), key: ["id"], transform',
    )
    .replace("twice(doc.n)", "doc.n");
  using of = project({ "main.flow.ts": flow });
  const { plan } = await of.build();
  expect(plan.collections.doubled?.schema).toEqual({
    type: "object",
    properties: { id: { type: "string" }, n: { type: "integer" } },
    required: ["id", "n"],
  });
});
