/**
 * The mistakes that are made most while flows are written. Each is caught at the right token, which the example marks as
 * `⟦token⟧`, with a message that says what to do.
 */
import { expect, test } from "vitest";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { MISTAKES, type Mistake } from "./mistakes/mistakes.ts";
import { project } from "./project.ts";

const PRELUDE = `import { drizzleTable } from "./tables.ts";
import { capture, derive, env, remove } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";
void [capture, derive, env, remove, files, http, pg, redis, z, drizzleTable];
`;
const TABLES = `import { pgTable, text } from "drizzle-orm/pg-core";
export const drizzleTable = pgTable("spend", { customer: text("customer").primaryKey(), cents: text("cents").notNull() });
`;

const together = MISTAKES.filter((mistake) => !mistake.alone);
const alone = MISTAKES.filter((mistake) => mistake.alone);

test("there are at least thirty", () => {
  expect(MISTAKES.length).toBeGreaterThanOrEqual(30);
  expect(new Set(MISTAKES.map(({ title }) => title)).size).toBe(MISTAKES.length);
});

const compiled = compile(together);

test.each(together)("$title", { timeout: 120_000 }, async (mistake) => {
  expectCaught(mistake, await compiled);
});

test.each(alone)("$title", { timeout: 120_000 }, async (mistake) => {
  expectCaught(mistake, await compile([mistake]));
});

interface Compiled {
  readonly directory: string;
  readonly diagnostics: readonly Diagnostic[];
}

async function compile(mistakes: readonly Mistake[]): Promise<Compiled> {
  using user = project({ "flows/tables.ts": TABLES });
  user.write(Object.fromEntries(mistakes.map((mistake) => [fileOf(mistake), textOf(mistake).text])));
  const { diagnostics } = await user.compile();
  return { directory: user.directory, diagnostics };
}

function fileOf({ title }: Mistake): string {
  return `flows/${title.replaceAll(/\W+/g, "-")}.flow.ts`;
}

/** `§` in a flow stands for a name of its own. */
function textOf(mistake: Mistake): { text: string; line: number; column: number; token: string } {
  const marked =
    PRELUDE +
    mistake.flow.trim().replaceAll(
      "§",
      fileOf(mistake)
        .replaceAll(/^flows\/|\.flow\.ts$/g, "")
        .toLowerCase(),
    );
  const start = marked.indexOf("⟦");
  const end = marked.indexOf("⟧");
  if (start < 0 || end < start) throw new Error(`${mistake.title}: no token is marked.`);
  const before = marked.slice(0, start);
  return {
    text: `${before}${marked.slice(start + 1, end)}${marked.slice(end + 1)}\n`,
    line: before.split("\n").length,
    column: before.length - before.lastIndexOf("\n"),
    token: marked.slice(start + 1, end),
  };
}

function expectCaught(mistake: Mistake, { directory, diagnostics }: Compiled): void {
  const { line, column, text } = textOf(mistake);
  const own = diagnostics.filter(({ file }) => file === `${directory}/${fileOf(mistake)}`);
  const shown = (own.length > 0 ? own : diagnostics).map(
    (each) => `${each.code} at ${each.line}:${each.column}: ${each.message} | ${each.fix}`,
  );
  const found = own.find((each) => each.line === line && each.column === column);
  expect(found?.code, `${shown.join("\n")}\nexpected at ${line}:${column} of\n${text}`).toBe(mistake.code);
  expect(`${found?.message} ${found?.fix}`).toMatch(mistake.says);
  // A mistake is told once at its place.
  const here = own.filter((each) => each.line === line && each.column === column);
  expect(here.length, shown.join("\n")).toBe(1);
}
