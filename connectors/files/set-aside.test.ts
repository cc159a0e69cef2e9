/** Rows that are no documents, where they are set aside. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../plan/plan.ts";
import type { RefusedRow } from "../driver.ts";
import {
  linesMatchValues,
  RecordedCapture,
  type RecordedOptions,
  recogniseIds,
} from "../fixtures/recorded-capture.ts";
import { driver } from "./driver.ts";

const made: string[] = [];
afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function directoryOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "weir-files-"));
  made.push(directory);
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
  return directory;
}

const isBad = (document: unknown) => (document as { text?: unknown } | null)?.text === "bad";
const validate = (document: unknown) =>
  isBad(document) ? { path: "/text", rule: "must be good" } : undefined;

async function read(baseDir: string, config: JsonObject, rest: Partial<RecordedOptions> = {}) {
  const capture = new RecordedCapture({ config, validate, setsAside: true, ...rest });
  const error: unknown = await driver
    .run([capture.context], { baseDir, http: { host: "127.0.0.1", port: 0 } })
    .then(
      () => undefined,
      (caught: unknown) => caught,
    );
  expect(linesMatchValues(capture)).toBe(true);
  return { capture, error };
}

describe("a bad row is set aside with its place, and reading goes on after it", () => {
  test("in NDJSON", async () => {
    const lines = [
      '{"id":1}',
      "",
      '{"id":',
      "[1]",
      '{"_meta":1}',
      '{"id":2}',
      '{"text":"bad"}',
      '{"file":"mine","text":"bad"}',
      '{"id":3}',
    ];
    const broken = Buffer.concat([Buffer.from(lines.join("\n")), Buffer.from('\n{"a":"\xff"}', "latin1")]);
    const base = await directoryOf({ "a.ndjson": broken, "b.ndjson": '{"id":4}\n' });
    const config = { path: "*.ndjson", provenance: { file: "file", row: "row" } };
    const { capture, error } = await read(base, config);
    expect(error).toBeUndefined();
    expect(capture.documents).toEqual([
      { id: 1, file: "a.ndjson", row: 0 },
      { id: 2, file: "a.ndjson", row: 4 },
      { id: 3, file: "a.ndjson", row: 7 },
      { id: 4, file: "b.ndjson", row: 0 },
    ]);
    const at = (row: number, line: number) => ({ file: "a.ndjson", row, line });
    expect(capture.refused).toEqual([
      {
        ...at(1, 3),
        violation: { path: "", rule: expect.stringContaining("malformed JSON") },
        original: '{"id":',
      },
      {
        ...at(2, 4),
        violation: { path: "", rule: expect.stringContaining("not an array") },
        original: "[1]",
      },
      {
        ...at(3, 5),
        violation: { path: "/_meta", rule: expect.stringContaining("reserved") },
        original: '{"_meta":1}',
      },
      {
        ...at(5, 7),
        violation: { path: "/text", rule: "must be good" },
        original: { text: "bad", file: "a.ndjson", row: 5 },
      },
      {
        ...at(6, 8),
        violation: { path: "/text", rule: "must be good" },
        original: { text: "bad", file: "a.ndjson", row: 6 },
      },
      {
        ...at(8, 10),
        violation: { path: "", rule: "the text is not UTF-8" },
        original: '{"a":"\ufffd"}',
      },
    ]);
  });

  test("in a JSON array and in CSV", async () => {
    const base = await directoryOf({
      "a.json": '[{"id":1}, 7, {"text":"bad"}, {"id":2}]',
      "b.csv": "id,text\n3,good\n4,bad\n5,good\n",
    });
    const { capture, error } = await read(base, { path: "*" });
    expect(error).toBeUndefined();
    expect(capture.documents.map(({ id }) => id)).toEqual([1, 2, "3", "5"]);
    expect(capture.refused).toEqual([
      {
        ...{ file: "a.json", row: 1, original: 7 },
        violation: { path: "", rule: expect.stringContaining("not a number") },
      },
      {
        file: "a.json",
        row: 2,
        original: { text: "bad" },
        violation: { path: "/text", rule: "must be good" },
      },
      {
        ...{ file: "b.csv", row: 1, line: 3, original: { id: "4", text: "bad" } },
        violation: { path: "/text", rule: "must be good" },
      },
    ]);
  });

  test("but what cannot be read on still halts: an array that is broken off", async () => {
    const base = await directoryOf({ "a.json": '[{"id":1}, {"id":2' });
    const { capture, error } = await read(base, { path: "*" });
    expect(String(error)).toMatch(/a\.json:row 1: malformed JSON/);
    expect(capture.documents).toEqual([{ id: 1 }]);
  });
});

test("documents and bad rows are handed over once, wherever it was killed", async () => {
  const row = fc.constantFrom("good", "good", "bad", "broken");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("ndjson", "json", "csv"),
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 1_500 }),
      fc.array(fc.nat({ max: 3 }), { maxLength: 5 }),
      fc.constantFrom(undefined, recogniseIds),
      async (format, kinds, times, kills, recognise) => {
        const rows = Array.from(
          { length: kinds.length * times },
          (_, id) => kinds[id % kinds.length] ?? "good",
        );
        // Only of NDJSON a row can be broken by itself.
        const text = rows.map((kind, id) => {
          if (format === "csv") return `${id},${kind}`;
          return kind === "broken" && format === "ndjson"
            ? `{"id":${id},`
            : JSON.stringify({ id, text: kind });
        });
        const content =
          format === "csv"
            ? `id,text\n${text.join("\n")}\n`
            : format === "json"
              ? `[${text.join(",")}]`
              : text.join("\n");
        const base = await directoryOf({ [`a.${format}`]: content });
        const documents: JsonObject[] = [];
        const refused: RefusedRow[] = [];
        let cursor: Json | undefined;
        for (const stopAfter of [...kills, Number.POSITIVE_INFINITY]) {
          const { capture, error } = await read(
            base,
            { path: "*" },
            {
              cursor,
              recognise,
              onAppend: (index) => {
                if (index >= stopAfter) throw new Error("killed here");
              },
            },
          );
          if (error) expect(String(error)).toContain("killed here");
          documents.push(...capture.documents);
          refused.push(...capture.refused);
          cursor = capture.cursor;
        }
        const isRefused = (kind: string) => kind === "bad" || (kind === "broken" && format === "ndjson");
        const rowsOf = (wanted: boolean) =>
          rows.flatMap((kind, id) => (isRefused(kind) === wanted ? [id] : []));
        expect(documents.map(({ id }) => Number(id))).toEqual(rowsOf(false));
        expect(refused.map((each) => each.row)).toEqual(rowsOf(true));
      },
    ),
    { numRuns: 30 },
  );
}, 120_000);
