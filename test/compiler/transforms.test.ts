/** However a transform is written, its bundle does what it does, and its stack leads to the flow's own lines. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { expect, test } from "vitest";
import { SHIM_TEXT } from "../../compiler/transform/shim.ts";
import { writeBuild } from "../../compiler/write-build.ts";
import { REMOVED } from "../../dsl/remove.ts";
import { sha256 } from "../../plan/canonical.ts";
import { readBuild } from "../../plan/read-build.ts";
import { project, transformOf } from "./project.ts";

const HEAD = `import { z } from "zod";
import { capture, env } from "weir";
import { http } from "weir/http";
import { pg } from "weir/postgres";
const numbers = capture("numbers", http({ path: "/numbers" }), {
  schema: z.object({ id: z.string(), n: z.int() }),
  key: ["id"],
});
const schema = z.object({ id: z.string(), n: z.int() });
`;

/** A flow that derives `doubled` by the transform written in `property`. */
function flow(property: string, before = ""): string {
  return `${HEAD}${before}
numbers.derive("doubled", { schema, key: ["id"], ${property} })
  .materializeTo(pg({ url: env("DATABASE_URL"), table: "doubled" }));
`;
}

const ARROW = "(doc: { id: string; n: number }) => ({ id: doc.id, n: doc.n * 2 })";
const forms: Readonly<Record<string, readonly [property: string, before?: string]>> = {
  "an arrow": ["transform: (doc) => ({ id: doc.id, n: doc.n * 2 })"],
  "an arrow with one bare parameter": ["transform: doc => ({ id: doc.id, n: doc.n * 2 })"],
  "a method": ["transform(doc) { return { id: doc.id, n: doc.n * 2 }; }"],
  "a method with destructuring": ["transform({ id, n }) { return { id, n: n * 2 }; }"],
  "a function expression": ["transform: function twice(doc) { return { id: doc.id, n: doc.n * 2 }; }"],
  "an asserted and parenthesized arrow": [`transform: (${ARROW} satisfies unknown)`],
  "a function declaration": [
    "transform: twice",
    "function twice(doc: { id: string; n: number }) { return { id: doc.id, n: doc.n * 2 }; }",
  ],
  "a const": ["transform: twice", `const twice = ${ARROW};`],
  "a shorthand": ["transform", `const transform = ${ARROW};`],
  "a property of a table": ["transform: table.twice", `const table = { twice: ${ARROW}, thrice: 3 };`],
  "a property of a table that it uses": [
    "transform: table.twice",
    "const table = { by: 2, twice: (doc: { id: string; n: number }): { id: string; n: number } => ({ id: doc.id, n: doc.n * table.by }) };",
  ],
  "a function handed through another": [
    "transform: same(twice)",
    `const twice = ${ARROW};\nfunction same<T>(value: T): T { return value; }`,
  ],
  "a recursive function": [
    "transform: (doc) => ({ id: doc.id, n: sum(doc.n) * 2 })",
    "function sum(n: number): number { return n <= 0 ? 0 : 1 + sum(n - 1); }",
  ],
  "an imported function": ["transform: twice", 'import { twice } from "./twice.ts";'],
  "an imported default": ["transform: twice", 'import twice from "./twice.ts";'],
  "a function through a barrel": ["transform: double", 'import { double } from "./barrel.ts";'],
  "a namespace's member": ["transform: (doc) => all.twice(doc)", 'import * as all from "./twice.ts";'],
  "a class and an enum": [
    "transform: (doc) => new Twice(doc.n).document(doc.id)",
    "enum By { Two = 2 }\nclass Twice { n: number; constructor(n: number) { this.n = n; } document(id: string) { return { id, n: this.n * By.Two }; } }",
  ],
  "a schema that it parses with": [
    "transform: (doc) => ({ id: doc.id, n: twiceOf.parse(doc.n) * 2 })",
    "const twiceOf = z.int();",
  ],
};

const MODULES = {
  "twice.ts": `import { capture } from "weir";
import { http } from "weir/http";
import { z } from "zod";
export const letters = capture("letters", http({ path: "/letters" }), { schema: z.object({ id: z.string() }), key: ["id"] });
export function twice(doc: { id: string; n: number }) { return { id: doc.id, n: doc.n * BY }; }
const BY = 2;
export default (doc: { id: string; n: number }) => ({ id: doc.id, n: doc.n * BY });
`,
  "barrel.ts": 'export { twice as double, letters } from "./twice.ts";\nexport * from "./nothing.ts";\n',
  "nothing.ts": "export const nothing = 0;\n",
};

test.each(Object.keys(forms))("%s", async (form) => {
  const [property, before] = forms[form] ?? [""];
  const namespace = form === "a namespace's member";
  const modules = namespace
    ? { ...MODULES, "twice.ts": MODULES["twice.ts"].replace(/^export const letters.*$/m, "") }
    : MODULES;
  using of = project({ "main.flow.ts": flow(property, before), ...modules });
  const build = await of.build();
  const transform = await transformOf(build, "doubled");
  expect(transform({ id: "a", n: 21 }, { params: {} })).toEqual({ id: "a", n: 42 });
  // Nothing of what declares came along.
  for (const bundle of build.bundles) expect(bundle.code).not.toContain("capture(");
});

test("a generator gives several documents", async () => {
  using of = project({
    "main.flow.ts": flow("*transform(doc) { yield { id: doc.id, n: 1 }; yield { id: doc.id, n: doc.n }; }"),
  });
  const outputs = (await transformOf(await of.build(), "doubled"))({ id: "a", n: 2 }, { params: {} });
  expect([...Object(outputs)]).toEqual([
    { id: "a", n: 1 },
    { id: "a", n: 2 },
  ]);
});

test.each([
  ["imported", 'import { remove } from "weir";', "remove"],
  ["under another name", 'import { remove as gone } from "weir";', "gone"],
  ["in a function of another module", 'import { gone } from "./gone.ts";', "gone"],
  ["through another module", 'import { remove } from "./again.ts";', "remove"],
  ["as a member of all of Weir", 'import * as weir from "weir";', "weir.remove"],
])("a removal, %s, is one to the runtime, and brings nothing else of Weir along", async (_, before, name) => {
  using of = project({
    "main.flow.ts": flow(`transform: (doc) => ${name}({ id: doc.id })`, before),
    "gone.ts":
      'import { remove } from "weir";\nexport const gone = (key: { id: string }) => remove<{ id: string }>(key);\n',
    "again.ts": 'export { remove } from "weir";\n',
  });
  const build = await of.build();
  const output = (await transformOf(build, "doubled"))({ id: "a", n: 1 }, { params: {} });
  expect(output).toEqual({ [REMOVED]: { id: "a" } });
  for (const { code } of build.bundles) expect(code).not.toContain("freeze");
});

test("however remove is imported, the bundle is the same", async () => {
  const hashes = [];
  for (const [before, name] of [
    ['import { remove } from "weir";', "remove"],
    ['import * as weir from "weir";', "weir.remove"],
  ] as const) {
    using of = project({ "main.flow.ts": flow(`transform: (doc) => ${name}({ id: doc.id })`, before) });
    hashes.push((await of.build()).bundles.map(({ hash }) => hash));
  }
  expect(hashes[1]).toEqual(hashes[0]);
});

test("of a namespace of Weir, what declares is refused by its name", async () => {
  const before = 'import * as weir from "weir";';
  using of = project({
    "main.flow.ts": flow("transform: (doc) => ({ id: doc.id, n: weir.capture.length })", before),
  });
  const { diagnostics } = await of.compile();
  expect(diagnostics.map(({ code, message }) => [code, message])).toEqual([
    [
      "WEIR3009",
      "The transform of doubled reaches weir.capture, which declares flows and does not exist at run time.",
    ],
  ]);
});

// Whoever has to change this hash moves the bundles of all users whose transforms use the shim.
test("the shim is frozen", () => {
  expect(sha256(SHIM_TEXT)).toBe("dae42b4dfde32b78efb2052ad2d737cff960cd6577287af7abfcfe5e0c2126da");
});

test("flows made by a loop share one bundle and differ in params", async () => {
  using of = project({
    "main.flow.ts": `${HEAD}
for (const by of [2, 3]) {
  numbers.derive(\`by-\${by}\`, { schema, key: ["id"], params: { by }, transform: (doc, { params }) => ({ id: doc.id, n: doc.n * params.by }) })
    .materializeTo(pg({ url: env("DATABASE_URL"), table: \`by_\${by}\` }));
}
`,
  });
  const build = await of.build();
  expect(build.bundles).toHaveLength(1);
  expect(Object.values(build.plan.derivations).map((each) => each.params)).toEqual([{ by: 2 }, { by: 3 }]);
  expect((await transformOf(build, "by-3"))({ id: "a", n: 2 }, { params: { by: 3 } })).toEqual({
    id: "a",
    n: 6,
  });
});

test("a run-time stack leads to the flow file's own line and column", async () => {
  const before =
    '/** Fails. */\nfunction fail(n: number): number {\n  if (n < 0) throw new Error("negative");\n  return n;\n}';
  const source = flow("\n  transform: (doc) => ({\n    id: doc.id,\n    n: fail(doc.n),\n  }),", before);
  using of = project({ "flows/main.flow.ts": source });
  const directory = join(of.directory, "build");
  await writeBuild(await of.build(), directory);
  const { plan, bundles } = await readBuild(directory);
  const path = bundles.get(plan.derivations.doubled?.sources[0]?.transform.bundle ?? "") ?? "";
  // In a process of its own: the test runner rewrites stacks.
  const script = `import(${JSON.stringify(pathToFileURL(path).href)}).then((m) => m.default({ id: "a", n: -1 })).catch((e) => console.log(e.stack))`;
  const stack = execFileSync(process.execPath, ["-e", script], { encoding: "utf8" });
  const map = new TraceMap(readFileSync(`${path}.map`, "utf8"));
  const places = [...stack.matchAll(/\.mjs:(\d+):(\d+)/g)].slice(0, 2).map(([, line, column]) => {
    const { source: file, line: row } = originalPositionFor(map, {
      line: Number(line),
      column: Number(column) - 1,
    });
    return `${file}: ${source.split("\n")[(row ?? 0) - 1]?.trim()}`;
  });
  expect(places).toEqual([
    'flows/main.flow.ts: if (n < 0) throw new Error("negative");',
    "flows/main.flow.ts: n: fail(doc.n),",
  ]);
  expect(map.sourcesContent).toContain(source);
});

test("a build is read back whole, and not when a bundle was changed", async () => {
  using of = project({ "main.flow.ts": flow(`transform: ${ARROW}`) });
  const build = await of.build();
  const directory = join(of.directory, "build");
  mkdirSync(join(directory, "bundles"), { recursive: true });
  const stale = join(directory, "bundles", `${"0".repeat(64)}.mjs`);
  writeFileSync(stale, "");
  await writeBuild(build, directory);
  const read = await readBuild(directory);
  expect(read.planHash).toBe(build.planHash);
  expect(read.plan).toEqual(build.plan);
  expect(existsSync(stale)).toBe(false);
  const [path = ""] = read.bundles.values();
  writeFileSync(path, "export default (doc) => doc;\n");
  await expect(readBuild(directory)).rejects.toThrow(/is not as it was built/);
  writeFileSync(
    join(directory, "plan.json"),
    build.planJson.replace('"formatVersion":1', '"formatVersion":2'),
  );
  await expect(readBuild(directory)).rejects.toThrow(/formatVersion/);
});
