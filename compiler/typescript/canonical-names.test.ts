import { transform } from "esbuild";
import fc from "fast-check";
import { expect, test } from "vitest";
import { withCanonicalNames } from "./canonical-names.ts";

/** `%x%` stands for a variable, a label or a private name. */
const TEXT = `
var %f% = (%order%, { state: %state%, params: { a: %a%, b: [%b%, ...%c%], ...%rest% } }) => {
  const %day% = %order%.at.slice(0, 10), [%head% = %a%] = %c%;
  %label%: for (const %each% of %c%) for (;;) { if (%each%) break %label%; else continue %label%; }
  class %P% { #%q% = 1; order = 2; get() { return this.#%q% + this.order; } }
  try { %g%(%a%); } catch (%error%) { console.log(%error%, arguments); }
  return { customer: %order%.customer, day: %day%, c: %b%, rest: %rest%, state: %state%, p: new %P%, head: %head% };
};
function %g%(%n%) { return %n% ? %g%(%n% - 1) : undefined; }
export { %f% as default };
`;
const NAMES = [...new Set(TEXT.match(/%\w+%/g))];

const named = (names: readonly string[]) =>
  NAMES.reduce((text, name, index) => text.replaceAll(name, names[index] ?? name), TEXT);
async function canonical(code: string): Promise<string> {
  return withCanonicalNames((await transform(code, { minify: true, format: "esm" })).code);
}

// Words of the text itself among them: short forms such as { day } come and go with them.
const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,8}[0-9]$/),
  fc.constantFrom("order", "customer", "day", "rest", "state", "head", "p", "c", "a", "at"),
);

test("texts that differ in names of variables only become equal", async () => {
  const expected = await canonical(named(NAMES.map((_, index) => `name${index}`)));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: NAMES.length, maxLength: NAMES.length }),
      async (names) => {
        expect(await canonical(named(names))).toBe(expected);
      },
    ),
  );
});

test.each([
  ["another property", "order.at", "order.cents"],
  ["another variable", "n - 1", "m - 1"],
  ["another label", "break inner", "break outer"],
  ["another global", "console", "globalThis.console"],
  ["another private name", "this.#a", "this.#b"],
  ["a variable in another scope", "{ const n = 2; x(n); }", "{ const m = 2; x(n); }"],
])("%s stays another text", async (_, from, to) => {
  const code = `export default (order, n, m, x) => {
  outer: for (;;) { inner: for (;;) { if (n) break inner; if (m) break outer; } }
  class P { #a = 1; #b = 2; get() { return this.#a; } b() { return this.#b; } }
  { const n = 2; x(n); }
  return console.log(order.at, n - 1, m, P);
};`;
  expect(code).toContain(from);
  expect(await canonical(code.replace(from, to))).not.toBe(await canonical(code));
});

test("names that other modules know stay", async () => {
  const code =
    'import { readFile as read, stat } from "pkg"; export { read as give, stat };\nexport const other = (a) => a.b;';
  const text = await canonical(code);
  for (const kept of ["readFile as", "stat", "as give", "other", ".b"]) expect(text).toContain(kept);
});
