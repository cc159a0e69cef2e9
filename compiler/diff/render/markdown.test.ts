import { expect, test } from "vitest";
import { type Change, diffOf } from "../change.ts";
import type { PlanGraph } from "../plan-graph.ts";
import { MARKER, renderDiffMarkdown } from "./markdown.ts";
import { renderDiffText } from "./text.ts";

const change = (name: string, more: Partial<Change> = {}): Change => ({
  ...{
    kind: "derivation",
    name,
    action: "rebuild",
    destructive: false,
    reason: "Its transform has changed.",
  },
  ...{ because: [name], fields: [], replay: null, caution: null, refusedToday: null },
  ...more,
});
const graphOf = (changes: readonly Change[]): PlanGraph => ({
  nodes: changes.map(({ name }) => ({ id: name, kind: "collection", label: name })),
  edges: [],
});
const many = (count: number) => diffOf(Array.from({ length: count }, (_, i) => change(`c/${1000 + i}`)));

test.each([1_500, 4_000, 20_000, 65_536])(
  "at most %i characters, and what is left out is counted",
  (limit) => {
    const diff = many(600);
    const text = renderDiffMarkdown(diff, graphOf(diff.changes), limit);
    expect(text.length).toBeLessThanOrEqual(limit);
    expect(text.startsWith(MARKER)).toBe(true);
    const shown = { row: text.split("| 🟡 |").length - 1, detail: text.split("<details>").length - 1 };
    for (const [word, count] of Object.entries(shown)) {
      if (count < 600) expect(text).toMatch(new RegExp(`Left out, .*\\b${600 - count} ${word}s`));
      else expect(text).not.toMatch(new RegExp(`Left out, .*${word}s`));
    }
    expect(text.split("<details>").length).toBe(text.split("</details>").length);
  },
);

test("nothing is said to be left out where all of it fits", () => {
  const diff = many(3);
  expect(renderDiffMarkdown(diff, graphOf(diff.changes))).not.toContain("Left out");
});

test("what somebody else wrote ends no cell, no code span and no comment, and mentions nobody", () => {
  const evil = "a|b`c`<!-- d -->\n## @somebody <img src=x>\u202e";
  const before = "```|`";
  const diff = diffOf([
    change(evil, {
      reason: `About ${evil}.`,
      fields: [{ aspect: "field", path: evil, rule: "removed", before, after: null, storedRowsGetIt: "no" }],
    }),
  ]);
  const text = renderDiffMarkdown(diff, graphOf(diff.changes));
  const row = text.split("\n").find((line) => line.startsWith("| 🟡"));
  expect(row?.replaceAll("\\|", "").split("|").length).toBe(6);
  expect(text).not.toContain("\n## @");
  // Within code, nothing is a mention, HTML or a link.
  const prose = text
    .replaceAll(/```mermaid\n[^`]*```/g, "")
    .replaceAll(/<code>.*?<\/code>/g, "")
    .replaceAll(/(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)/g, "");
  expect(prose).toContain("somebody");
  expect(prose).not.toContain("@somebody");
  expect(prose).not.toContain("<img");
  expect(text).toContain("```` ```|` ````");
  expect(text).not.toContain("\u202e");
});

test("a terminal gets no control characters of somebody else's", () => {
  const text = renderDiffText(diffOf([change("a\u001b[2Jb")]), { color: false });
  expect(text).toContain("a\\u{1b}[2Jb");
});

test("colours only where they are asked for", () => {
  expect(renderDiffText(many(1), { color: true })).toContain("\u001b[");
  expect(renderDiffText(many(1), { color: false })).not.toContain("\u001b");
});

test("a statement keeps its lines, and what is in it ends no block", () => {
  const diff = diffOf([
    change("t", { action: "create", sql: ['CREATE TABLE "a\n```\n@somebody" (\n  id text\n)', "B\u001b"] }),
  ]);
  expect(renderDiffMarkdown(diff, graphOf(diff.changes))).toContain(
    'Makes its table, where there is none, by:\n\n````sql\nCREATE TABLE "a\n```\n@somebody" (\n  id text\n);\n\nB\\u{1b}\n````\n',
  );
  expect(renderDiffText(diff, { color: false })).toContain(
    '  makes its table, where there is none, by\n    CREATE TABLE "a\n    ```\n    @somebody" (\n      id text\n    )\n    B\\u{1b}\n',
  );
});
