import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Editor, FIXTURES, parsedErrors, ROOT, tsc } from "./compilers.ts";
import { COMPLETIONS, PRELUDE } from "./completions.ts";
import { type FoundError, marks, mismatches } from "./marks.ts";
import { cost, publish } from "./published.ts";

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

  test("compiles what is right under options that are stricter than ours, and can declare its types", async () => {
    expect(await tsc("typescript-7", "-p", "tsconfig.strictest.json")).toBe("");
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

// Measured with TypeScript 6 and 7 when the budgets were set: 6,841 and 6,880; 5,572 and 5,587; 4,631 and 4,637; 5,015 and
// 5,038. A flow is compiled against Weir's declarations, so that its own cost is counted and not that of checking Weir's
// sources, which an earlier budget of 15,500 was mostly spent on. Of the README's flow, 1,200 are for the typed columns of `pg`.
describe("instantiations", () => {
  beforeAll(publish);

  test.for([
    { what: "the README's flow", fixture: "good/shop.ts", errors: 0, budget: 7400 },
    { what: "a derivation of two sources", fixture: "budgets/several.ts", errors: 0, budget: 6100 },
    { what: "a key that is no field", fixture: "budgets/key-bad.ts", errors: 1, budget: 5100 },
    {
      what: "a derivation of two sources with mistakes",
      fixture: "budgets/several-bad.ts",
      errors: 5,
      budget: 5500,
    },
  ])("$what stays within $budget", async ({ fixture, errors, budget }) => {
    for (const compiler of ["typescript", "typescript-7"] as const) {
      const found = await cost(compiler, fixture);
      expect(found.errors).toBe(errors);
      expect(found.instantiations, compiler).toBeGreaterThan(0);
      expect(found.instantiations, compiler).toBeLessThan(budget);
    }
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
