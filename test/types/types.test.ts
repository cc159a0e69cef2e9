import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Editor, FIXTURES, parsedErrors, ROOT, tsc } from "./compilers.ts";
import { COMPLETIONS, PRELUDE } from "./completions.ts";
import { type FoundError, marks, mismatches } from "./marks.ts";

const fixtures = (folder: string) =>
  readdirSync(join(FIXTURES, folder)).map((name) => ({
    name: `${folder}/${name}`,
    text: readFileSync(join(FIXTURES, folder, name), "utf8"),
  }));
const good = fixtures("good");
const bad = fixtures("bad");

describe("TypeScript 7", () => {
  let errors: FoundError[] = [];
  test("both compilers are the versions that the types are tested with", async () => {
    expect(await tsc("typescript-7", "--version")).toBe("Version 7.0.2\n");
    expect(await tsc("typescript", "--version")).toBe("Version 6.0.3\n");
  });

  test("compiles the fixtures", async () => {
    errors = parsedErrors(await tsc("typescript-7", "-p", "tsconfig.json"));
    expect(errors.length).toBeGreaterThan(0);
  });

  test.for(good)("$name has no error", ({ name }) => {
    expect(errors.filter(({ file }) => file === name)).toEqual([]);
  });

  test.for(bad)("$name has its errors and no other", ({ name, text }) => {
    const actual = errors.filter(({ file }) => file === name);
    expect(mismatches(marks(name, text), actual)).toEqual([]);
  });

  test("reports no error outside of the fixtures", () => {
    const names = [...good, ...bad].map(({ name }) => name);
    expect(errors.filter(({ file }) => !names.includes(file))).toEqual([]);
  });
});

describe("TypeScript 6", () => {
  const editor = new Editor();
  for (const { name, text } of [...good, ...bad]) editor.write(join(FIXTURES, name), text);

  test.for(good)("$name has no error", ({ name }) => {
    expect(editor.errors(join(FIXTURES, name))).toEqual([]);
  });

  test.for(bad)("$name has its errors, on exactly the marked text, and no other", ({ name, text }) => {
    const expected = marks(name, text);
    expect(expected.length).toBeGreaterThan(0);
    expect(mismatches(expected, editor.errors(join(FIXTURES, name)))).toEqual([]);
  });

  test.for([
    ["flows", 5],
    ["reductions", 1],
  ] as const)("the manual's page on %s compiles as it stands", ([name, least]) => {
    const page = readFileSync(join(ROOT, `docs/${name}.md`), "utf8");
    const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block);
    expect(blocks.length).toBeGreaterThanOrEqual(least);
    const path = join(FIXTURES, "manual.ts");
    editor.write(path, blocks.join("\n"));
    expect(editor.errors(path)).toEqual([]);
  });

  test.for(COMPLETIONS)("completion offers $title", ({ flow, offers }) => {
    const path = join(FIXTURES, "completion.ts");
    editor.write(path, PRELUDE + flow.replace("|", ""));
    expect(editor.completions(path, PRELUDE.length + flow.indexOf("|"))).toEqual([...offers].sort());
  });
});

// What the types cost on the README's flow: 14,416 when the budget was set, of which the schemas alone are 353.
describe("instantiations", () => {
  test.for([
    { compiler: "typescript", options: [] },
    // Several checkers would count what they share several times.
    { compiler: "typescript-7", options: ["--singleThreaded"] },
  ] as const)("$compiler checks the README's flow within 15,500", async ({ compiler, options }) => {
    const output = await tsc(compiler, "-p", "tsconfig.shop.json", "--extendedDiagnostics", ...options);
    expect(Number(/^Instantiations:\s+(\d+)$/m.exec(output)?.[1])).toBeLessThan(15_500);
  });
});

test("the marks' reader finds what it should and says what differs", () => {
  const text = 'const a = 1;\n//    ^ error: "b" | "a"\n//        ^ error: two\n';
  const one = { file: "f", line: 1, column: 7, length: 1, message: '"b" | "a"' };
  const two = { file: "f", line: 1, column: 11, length: 1, message: "two" };
  expect(marks("f", text)).toEqual([one, two]);
  expect(mismatches([one, two], [{ ...one, message: 'x "a" | "b" y' }, two])).toEqual([]);
  expect(mismatches([one], [{ ...one, column: 8 }])).toHaveLength(2);
  expect(mismatches([one], [{ ...one, length: 2 }])).toHaveLength(2);
  expect(mismatches([one], [{ ...one, line: 2 }])).toHaveLength(2);
  expect(mismatches([one], [two])).toHaveLength(2);
});
