import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../plan/plan.ts";
import { compileRecogniser } from "../../runtime/recogniser/recogniser.ts";
import { HaltError } from "../driver.ts";
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
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return directory;
}

const settings = (baseDir: string) => ({ baseDir, http: { host: "127.0.0.1", port: 0 } });

/** Runs to the end and gives what was appended and what it failed with. */
async function read(baseDir: string, config: JsonObject, rest: Partial<RecordedOptions> = {}) {
  const capture = new RecordedCapture({ config, ...rest });
  const error: unknown = await driver.run([capture.context], settings(baseDir)).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(linesMatchValues(capture)).toBe(true);
  return { capture, error, documents: capture.documents };
}

async function haltOf(baseDir: string, config: JsonObject, rest: Partial<RecordedOptions> = {}) {
  const { error, ...found } = await read(baseDir, config, rest);
  if (!(error instanceof HaltError)) throw new Error(`Expected a HaltError, got ${String(error)}`);
  return { ...found, message: error.message };
}

function ndjson(...documents: readonly JsonObject[]): string {
  return documents.map((document) => `${JSON.stringify(document)}\n`).join("");
}

const schema = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: { type: "string" },
    price: { type: "number" },
    sold: { type: "boolean" },
    note: { type: "string" },
    rank: { anyOf: [{ type: "integer" }, { type: "null" }] },
  },
  required: ["id", "name", "price", "sold", "rank"],
};

const refuseStrings = (document: unknown) =>
  Object.values(document ?? {}).includes("bad") ? { path: "/name", rule: "type: must be good" } : undefined;

describe("files", () => {
  test("are read in the byte order of their names, whatever their format", async () => {
    const base = await directoryOf({
      "in/b.json": '[{"id":2},\n {"id":3}]',
      "in/a.ndjson": ndjson({ id: 1 }),
      "in/c.csv": "id\n4\n",
      "in/Z.jsonl.gz": gzipSync(ndjson({ id: 0 })),
      "in/sub/d.json.gz": gzipSync("[]"),
      "in/sub/e.csv.gz": gzipSync("id\n5\n"),
      "in/.hidden.ndjson": ndjson({ id: 99 }),
    });
    const { documents, error } = await read(base, { path: "in/**/*" }, { schema });
    expect(error).toBeUndefined();
    expect(documents.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("may be one file, by a path that a glob would read otherwise, or by an absolute path", async () => {
    const base = await directoryOf({
      "old (1)/[x].ndjson": ndjson({ id: 1 }),
      "b.ndjson": ndjson({ id: 2 }),
    });
    expect((await read(base, { path: "old (1)/[x].ndjson" })).documents).toEqual([{ id: 1 }]);
    expect((await read("/", { path: join(base, "*.ndjson") })).documents).toEqual([{ id: 2 }]);
  });

  test("give their name and row to the fields that ask for it, before validation", async () => {
    const base = await directoryOf({
      "d/x/a.ndjson": `\n${ndjson({ v: 1 }, { v: 2, file: "other" })}`,
      "d/b.json": '[{"v":3}]',
      "d/c.csv": "v\n4\n",
    });
    const seen: unknown[] = [];
    const { documents } = await read(
      base,
      { path: "d/**/*.{ndjson,json,csv}", provenance: { file: "file", row: "row" } },
      { validate: (document) => void seen.push(structuredClone(document)) },
    );
    expect(documents).toEqual([
      { v: 3, file: "b.json", row: 0 },
      { v: "4", file: "c.csv", row: 0 },
      { v: 1, file: "x/a.ndjson", row: 0 },
      { v: 2, file: "x/a.ndjson", row: 1 },
    ]);
    expect(seen).toEqual(documents);
  });

  test("without a match halt, naming the glob and the directory", async () => {
    const base = await directoryOf({ "a.txt": "" });
    const { message } = await haltOf(base, { path: "in/*.ndjson" });
    expect(message).toContain("No file matches in/*.ndjson in");
    expect(message).toContain(join(base, "in"));
  });

  test("of an unknown extension halt, and are read with a format", async () => {
    const base = await directoryOf({ "a.log": ndjson({ id: 1 }) });
    expect((await haltOf(base, { path: "*.log" })).message).toMatch(/a\.log: no format .* Set format/);
    expect((await read(base, { path: "*.log", format: "ndjson" })).documents).toEqual([{ id: 1 }]);
  });

  test("are bounded unless they are watched", () => {
    expect(driver.bounded({ path: "x" })).toBe(true);
    expect(driver.bounded({ path: "x", watch: true })).toBe(false);
  });
});

describe.each([
  ["parsed", undefined],
  ["recognised where it can be", recogniseIds],
])("NDJSON, %s", (_, recognise) => {
  test("keeps each line's own bytes, without what surrounds it", async () => {
    const base = await directoryOf({
      "a.ndjson": '\ufeff{"a": 1.0, "b":"é"}\r\n\n  {"c":\t2} \n{"d":1e3}\n   \n{"last":"no line feed"}',
    });
    const { capture } = await read(base, { path: "a.ndjson" }, { recognise });
    expect(capture.text).toBe('{"a": 1.0, "b":"é"}\n{"c":\t2}\n{"d":1e3}\n{"last":"no line feed"}\n');
  });

  test("has lines longer than a chunk, and rows past one batch", async () => {
    const rows = Array.from({ length: 12_345 }, (_, id) => ({ id }));
    const long = { id: -1, text: "x".repeat(3_000_000) };
    const base = await directoryOf({ "a.ndjson": ndjson(...rows, long, { id: -2 }) });
    const { documents, capture } = await read(base, { path: "a.ndjson" }, { recognise });
    expect(documents).toEqual([...rows, long, { id: -2 }]);
    expect(Math.max(...capture.appended.map(({ values }) => values.length))).toBeLessThanOrEqual(5_000);
  });

  test.each([
    ["malformed JSON", '{"id":', /in\/a\.ndjson:4: malformed JSON/],
    ["an array", "[1]", /in\/a\.ndjson:4: type: a document is a JSON object, not an array/],
    ["a reserved property", '{"_meta":1}', /in\/a\.ndjson:4: \/_meta: reserved/],
    ["a violation", '{"name":"bad"}', /in\/a\.ndjson:4: \/name: type: must be good/],
    [
      "bytes that are not UTF-8",
      Buffer.from('{"name":"\xff"}', "latin1"),
      /in\/a\.ndjson:4: the text is not UTF-8/,
    ],
  ])("halts at %s with file and line, having stored what comes before", async (_what, line, expected) => {
    const content = Buffer.concat([
      Buffer.from('{"id":1}\n\n{"id":2}\n'),
      Buffer.from(line),
      Buffer.from('\n{"id":3}\n'),
    ]);
    const base = await directoryOf({ "in/a.ndjson": content });
    const first = await haltOf(base, { path: "in/*" }, { validate: refuseStrings, recognise });
    expect(first.message).toMatch(expected);
    expect(first.documents).toEqual([{ id: 1 }, { id: 2 }]);
    await writeFile(join(base, "in/a.ndjson"), '{"id":1}\n\n{"id":2}\n{"id":"corrected"}\n{"id":3}\n');
    const then = await read(
      base,
      { path: "in/*" },
      { cursor: first.capture.cursor, validate: refuseStrings, recognise },
    );
    expect(then.error).toBeUndefined();
    expect(then.documents).toEqual([{ id: "corrected" }, { id: 3 }]);
  });

  test("names the right line after a restart", async () => {
    const rows = Array.from({ length: 6_000 }, (_, id) => ({ id }));
    const base = await directoryOf({ "a.ndjson": `${ndjson(...rows)}{"name":"bad"}\n` });
    const first = await haltOf(base, { path: "*" }, { validate: refuseStrings, recognise });
    const again = await haltOf(
      base,
      { path: "*" },
      { validate: refuseStrings, recognise, cursor: first.capture.cursor },
    );
    expect(first.message).toContain("a.ndjson:6001: /name");
    expect(again.message).toBe(first.message);
    expect(again.documents).toEqual([]);
  });
});

describe("a JSON array", () => {
  test("gives its elements, nested ones whole", async () => {
    const rows = [{ id: 1, list: [1, [2, {}]], text: "[{\u2028é😀" }, {}, { "": null, n: -1.5e-7 }];
    const base = await directoryOf({
      "a.json": `\ufeff \n${JSON.stringify(rows, null, 2)}\n `,
      "b.json": "[]",
    });
    expect((await read(base, { path: "*.json" })).documents).toEqual(rows);
  });

  test.each([
    ["a bad element", '[{"id":1},{"name":"bad"},{"id":2}]', /a\.json:row 1: \/name/, [{ id: 1 }]],
    ["an element that is no object", '[{"id":1},7]', /a\.json:row 1: type: a document/, [{ id: 1 }]],
    ["malformed JSON", '[{"id":1},{"id":}]', /a\.json:row 1: malformed JSON/, [{ id: 1 }]],
    [
      "an array without an end",
      '[{"id":1},{"id":2}',
      /a\.json:row 2: malformed JSON: the array has no end/,
      [{ id: 1 }, { id: 2 }],
    ],
    ["something after the end", '[{"id":1}] [', /a\.json:row 1: malformed JSON/, [{ id: 1 }]],
    ["an object", '{"id":1}', /a\.json is not a JSON array.*format: "ndjson"/, []],
    ["nothing", " ", /a\.json:row 0: malformed JSON: the array has no end/, []],
  ])("halts at %s", async (_, content, expected, before) => {
    const base = await directoryOf({ "a.json": content });
    const { message, documents } = await haltOf(base, { path: "a.json" }, { validate: refuseStrings });
    expect(message).toMatch(expected);
    expect(documents).toEqual(before);
  });
});

describe("CSV", () => {
  test("gets its values' types from the schema", async () => {
    const base = await directoryOf({
      "a.csv":
        '\ufeffid,name,price,sold,note,rank,extra\r\n1,"a ""b""\n, c",1.50,TRUE,,,x\r\n\r\n-2, 7 ,1e3,false,n,5,\n',
    });
    expect((await read(base, { path: "*.csv" }, { schema })).documents).toEqual([
      { id: 1, name: 'a "b"\n, c', price: 1.5, sold: true, rank: null, extra: "x" },
      { id: -2, name: " 7 ", price: 1000, sold: false, note: "n", rank: 5, extra: "" },
    ]);
  });

  test("leaves what does not fit as text, for validation to refuse", async () => {
    const base = await directoryOf({ "a.csv": "id,price,sold\n1.5,x,1\n9007199254740993,1e999,yes\n" });
    expect((await read(base, { path: "*.csv" }, { schema })).documents).toEqual([
      { id: "1.5", price: "x", sold: "1" },
      { id: "9007199254740993", price: "1e999", sold: "yes" },
    ]);
  });

  test.each([
    ["a violation", "id,name\n1,a\n\n2,bad\n3,c\n", /a\.csv:4: \/name/],
    ["a row with a cell too many", "id,name\n1,a\n2,b,c\n", /a\.csv:3: malformed CSV/],
    ["an open quote", 'id,name\n1,a\n2,"b\n', /a\.csv:\d+: malformed CSV/],
    [
      "bytes that are not UTF-8",
      Buffer.from("id,name\n1,a\n2,\xff\n", "latin1"),
      /a\.csv:3: the text is not UTF-8/,
    ],
  ])("halts at %s with file and line, having stored what comes before", async (_, content, expected) => {
    const base = await directoryOf({ "a.csv": content });
    const { message, documents } = await haltOf(base, { path: "a.csv" }, { schema, validate: refuseStrings });
    expect(message).toMatch(expected);
    expect(documents).toEqual([{ id: 1, name: "a" }]);
  });

  test("halts at a header with a column twice, or without a name", async () => {
    const base = await directoryOf({ "a.csv": "id,id\n1,2\n", "b.csv": "id,\n1,2\n" });
    expect((await haltOf(base, { path: "a.csv" })).message).toMatch(
      /a\.csv:1: the header names the column "id" twice/,
    );
    expect((await haltOf(base, { path: "b.csv" })).message).toMatch(
      /b\.csv:1: column 2 of the header has no name/,
    );
  });
});

describe("a restart", () => {
  test("goes on after the last committed row, wherever it was killed, exactly once", async () => {
    const file = fc.record({
      name: fc.stringMatching(/^[a-zé]{1,3}(\/[a-z0-9]{1,2})?$/),
      format: fc.constantFrom("ndjson", "json", "csv", "bare"),
      packed: fc.boolean(),
      rows: fc.array(fc.string({ unit: "grapheme", maxLength: 9 }), { maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { minLength: 1, maxLength: 4, selector: ({ name }) => name.split("/")[0] }),
        // So many appends are committed before each kill; a batch is 5,000 rows, so rows are repeated.
        fc.array(fc.nat({ max: 3 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 1_500 }),
        fc.boolean(),
        async (files, kills, times, recognises) => {
          const expected: JsonObject[] = [];
          const contents: Record<string, Buffer> = {};
          const named = files
            .map((one) => ({
              ...one,
              path: `${one.name}.${one.format === "bare" ? "jsonl" : one.format}${one.packed ? ".gz" : ""}`,
            }))
            .sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
          for (const { path, format, packed, rows } of named) {
            const documents = Array.from({ length: rows.length * times }, (_, n) => ({
              id: `${path}:${n}`,
              text: rows[n % rows.length] ?? "",
            }));
            expected.push(...documents);
            const text = Buffer.from(render(format, documents));
            contents[path] = packed ? gzipSync(text, { level: 1 }) : text;
          }
          const base = await directoryOf(contents);
          const strings = {
            type: "object",
            properties: { id: { type: "string" }, text: { type: "string" } },
            required: ["id", "text"],
          };
          const found: JsonObject[] = [];
          let cursor: Json | undefined;
          for (const stopAfter of [...kills, Number.POSITIVE_INFINITY]) {
            const { capture, error, documents } = await read(
              base,
              { path: "**/*" },
              {
                cursor,
                schema: strings,
                recognise: recognises ? compileRecogniser(strings) : undefined,
                onAppend: (index) => {
                  if (index >= stopAfter) throw new Error("killed here");
                },
              },
            );
            if (error) expect(String(error)).toContain("killed here");
            found.push(...documents);
            cursor = capture.cursor;
          }
          expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
          expect(found).toEqual(expected);
          const idle = await read(base, { path: "**/*" }, { cursor });
          expect(idle.error === undefined || expected.length === 0).toBe(true);
          expect(idle.documents).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);

  test("finds every append boundary of one file good to go on from", async () => {
    const rows = Array.from({ length: 17_000 }, (_, id) => ({ id, text: "é".repeat(id % 7) }));
    const base = await directoryOf({
      "a.ndjson": ndjson(...rows.slice(0, 9_000)),
      "b.json": JSON.stringify(rows.slice(9_000)),
    });
    const whole = await read(base, { path: "*" });
    expect(whole.documents).toEqual(rows);
    let before = 0;
    for (const { values, cursor } of whole.capture.appended) {
      before += values.length;
      const rest = await read(base, { path: "*" }, { cursor });
      expect(rest.documents).toEqual(rows.slice(before));
    }
  });

  test("keeps the cursor small however many files are done", async () => {
    const base = await directoryOf(
      Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`${1000 + n}.ndjson`, ndjson({ n })])),
    );
    const { capture } = await read(base, { path: "*" });
    expect(capture.documents).toHaveLength(300);
    expect(JSON.stringify(capture.cursor).length).toBeLessThan(200);
  });

  test("reads new files, and new rows of the last one", async () => {
    const base = await directoryOf({ "a.ndjson": ndjson({ id: 1 }), "b.ndjson": '{"id":2}' });
    const first = await read(base, { path: "*" });
    await appendFile(join(base, "b.ndjson"), `\n${ndjson({ id: 3 })}`);
    await writeFile(join(base, "c.ndjson"), ndjson({ id: 4 }));
    const next = await read(base, { path: "*" }, { cursor: first.capture.cursor });
    expect(next.documents).toEqual([{ id: 3 }, { id: 4 }]);
  });

  test("halts where a file was replaced, has shrunk, was lengthened within a line, or is gone", async () => {
    const rows = Array.from({ length: 5_500 }, (_, id) => ({ id }));
    const base = await directoryOf({ "a.ndjson": ndjson(...rows) });
    const path = join(base, "a.ndjson");
    const first = await read(
      base,
      { path: "*" },
      { onAppend: (index) => (index > 0 ? Promise.reject(new Error("kill")) : undefined) },
    );
    const cursor = first.capture.cursor;
    await rename(path, join(base, "..", "moved.ndjson"));
    await writeFile(path, ndjson({ id: -1 }, ...rows));
    expect((await haltOf(base, { path: "*" }, { cursor })).message).toMatch(/a\.ndjson was replaced/);
    await rename(join(base, "..", "moved.ndjson"), path);
    await truncate(path, 100);
    expect((await haltOf(base, { path: "*" }, { cursor })).message).toMatch(
      /a\.ndjson has shrunk: \d+ bytes were read, 100 are there/,
    );
    await rm(path);
    await writeFile(join(base, "b.ndjson"), "");
    expect((await haltOf(base, { path: "*" }, { cursor })).message).toMatch(
      /a\.ndjson is gone .*Put it back/,
    );

    const open = await directoryOf({ "x.ndjson": '{"id":1}\n{"id":2}' });
    const read2 = await read(open, { path: "*" });
    await appendFile(join(open, "x.ndjson"), ' {"id":3}\n');
    expect((await haltOf(open, { path: "*" }, { cursor: read2.capture.cursor })).message).toMatch(
      /x\.ndjson:2: the line was made longer/,
    );
  });

  test("halts where a finished file that cannot grow has changed, or a new one sorts before", async () => {
    const base = await directoryOf({ "b.csv": "id\n1\n", "c.csv": "id\n2\n" });
    const { capture } = await read(base, { path: "*" });
    await appendFile(join(base, "c.csv"), "3\n");
    expect((await haltOf(base, { path: "*" }, { cursor: capture.cursor })).message).toMatch(
      /c\.csv was changed after it had been read: 5 bytes then, 7 now/,
    );
    await truncate(join(base, "c.csv"), 5);
    await writeFile(join(base, "a.csv"), "id\n0\n");
    expect((await haltOf(base, { path: "*" }, { cursor: capture.cursor })).message).toMatch(
      /1 new file\(s\) in .* sort before b\.csv/,
    );
  });

  test("halts at a damaged gzip file", async () => {
    const packed = gzipSync(ndjson(...Array.from({ length: 1_000 }, (_, id) => ({ id }))));
    const base = await directoryOf({ "a.ndjson.gz": packed.subarray(0, -20) });
    expect((await haltOf(base, { path: "*" })).message).toMatch(
      /a\.ndjson\.gz is damaged: .*Put a whole gzip file there/,
    );
  });
});

describe("appends", () => {
  test("are made one at a time, and none after one that was refused", async () => {
    const rows = Array.from({ length: 40_000 }, (_, id) => ({ id }));
    const base = await directoryOf({ "a.ndjson": ndjson(...rows) });
    let under = 0;
    let most = 0;
    const { error, documents, capture } = await read(
      base,
      { path: "*" },
      {
        onAppend: async (index) => {
          most = Math.max(most, ++under);
          await new Promise((resolve) => setTimeout(resolve, 3));
          under--;
          if (index === 3) throw new Error("refused");
        },
      },
    );
    expect(String(error)).toContain("refused");
    expect(most).toBe(1);
    expect(documents).toEqual(rows.slice(0, 15_000));
    const rest = await read(base, { path: "*" }, { cursor: capture.cursor });
    expect(rest.documents).toEqual(rows.slice(15_000));
  });
});

describe("watched files", () => {
  async function watching(base: string, path: string, cursor?: Json) {
    const capture = new RecordedCapture({ config: { path, watch: true }, cursor });
    const running = driver.run([capture.context], settings(base));
    running.catch(() => {});
    const until = async (count: number) => {
      for (let tries = 0; tries < 100 && capture.documents.length < count; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    return { capture, running, until };
  }

  test("are followed: new files in any order, new lines, never half a line", async () => {
    const base = await directoryOf({});
    const { capture, running, until } = await watching(base, "*.ndjson");
    await writeFile(join(base, "m.ndjson"), '{"id":1}\n{"id":2');
    await until(1);
    await writeFile(join(base, "a.ndjson"), ndjson({ id: 3 }));
    await until(2);
    expect(capture.documents.map(({ id }) => id)).toEqual([1, 3]);
    await appendFile(join(base, "m.ndjson"), '2}\n{"id":4}\n');
    await until(4);
    capture.abort();
    await running;
    expect(capture.documents.map(({ id }) => id)).toEqual([1, 3, 22, 4]);

    await appendFile(join(base, "a.ndjson"), ndjson({ id: 5 }));
    const again = await watching(base, "*.ndjson", capture.cursor);
    await again.until(1);
    again.capture.abort();
    await again.running;
    expect(again.capture.documents).toEqual([{ id: 5 }]);
  });

  test("halt when one has shrunk", async () => {
    const base = await directoryOf({ "a.ndjson": ndjson({ id: 1 }, { id: 2 }) });
    const { running, until } = await watching(base, "*.ndjson");
    await until(2);
    await truncate(join(base, "a.ndjson"), 9);
    await expect(running).rejects.toThrow(/a\.ndjson has shrunk/);
  });
});

function render(format: string, documents: readonly JsonObject[]): string {
  switch (format) {
    case "json":
      return JSON.stringify(documents, null, documents.length % 2 === 0 ? 1 : 0);
    case "csv":
      return [
        "id,text",
        ...documents.map((one) => `${one.id},"${String(one.text).replaceAll('"', '""')}"`),
      ].join("\r\n");
    case "bare":
      return ndjson(...documents).trimEnd();
    default:
      return ndjson(...documents);
  }
}
