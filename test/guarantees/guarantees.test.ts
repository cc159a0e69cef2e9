/** docs/guarantees.md promises nothing without a test: each row of its tables links to tests by their titles. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const page = fileURLToPath(new URL("../../docs/guarantees.md", import.meta.url));

interface Promised {
  readonly sentence: string;
  readonly tests: readonly { readonly title: string; readonly file: string }[];
}

/** The rows of tables with the columns "promised", "by what", "shown by". */
function promisesIn(text: string): Promised[] {
  const rows = text.split("\n").filter((line) => line.startsWith("| ") && !/^\| (promised|---)/.test(line));
  return rows.map((row) => {
    const [sentence = "", , shown = ""] = row.slice(1, -1).split(" | ");
    const links = [...shown.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
    return {
      sentence: sentence.trim(),
      tests: links.map(([, title = "", file = ""]) => ({ title, file: resolve(dirname(page), file) })),
    };
  });
}

const promises = promisesIn(readFileSync(page, "utf8"));

it("has promises", () => {
  expect(promises.length).toBeGreaterThan(30);
});

describe.each(promises.map((promised) => [promised.sentence, promised] as const))("%s", (_, { tests }) => {
  it("names tests that exist", () => {
    expect(tests).not.toEqual([]);
    for (const { title, file } of tests) {
      expect(existsSync(file), `${file} exists`).toBe(true);
      const source = readFileSync(file, "utf8").replaceAll('\\"', '"');
      expect(source.includes(title), `${join(file)} has a test named ${title}`).toBe(true);
    }
  });
});
