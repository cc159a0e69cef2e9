import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { JsonObject } from "../../plan/plan.ts";
import { collectionOf } from "../fixtures/target.ts";
import { planColumns } from "./columns.ts";
import { JsonLineReader } from "./json-line.ts";
import { KeyText } from "./key-filter.ts";
import { compileCopyLine } from "./values.ts";

const columns = planColumns(
  collectionOf(
    z.object({
      id: z.string(),
      part: z.int(),
      at: z.iso.datetime().optional(),
      ratio: z.number().optional(),
      ok: z.boolean().nullable().optional(),
      text: z.string().nullable().optional(),
    }),
    ["id", "part"],
  ),
);
const lineOf = compileCopyLine(columns);

/** The line of COPY, or undefined where it is left to the parser. */
function read(reader: JsonLineReader, json: string, before = ""): string | undefined {
  const bytes = Buffer.from(`${before}${json}\n{"id":"next","part":1}\n`);
  const from = Buffer.byteLength(before);
  const end = reader.read(bytes, from);
  if (end < 0) return undefined;
  expect(end).toBe(from + Buffer.byteLength(json));
  const out = new Uint8Array(reader.widthOf(end - from));
  return Buffer.from(out.subarray(0, reader.write(bytes, out, 0))).toString();
}

const reader = () => JsonLineReader.of(columns) as JsonLineReader;

/** Numbers as their authors write them, and as JavaScript does. */
const number = fc.oneof(
  fc.constantFrom("0", "-0", "-0.0", "1.50", "1e3", "1E-7", "123456789012345678", "0.1000000000000000055"),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.constantFrom('"', "\\", "\t", "null", "ü"),
);
const members = fc.record(
  {
    id: text.map((value) => JSON.stringify(value)),
    part: fc.oneof(
      fc.integer().map(String),
      fc.constantFrom("-0", "1.0", "9007199254740991", "-9007199254740991"),
    ),
    at: fc.constantFrom('"2001-01-01T00:00:00Z"', '"1999-12-31T23:59:59.5+05:30"'),
    ratio: number,
    ok: fc.constantFrom("true", "false", "null"),
    text: fc.oneof(
      text.map((value) => JSON.stringify(value)),
      fc.constant("null"),
    ),
    more: fc.oneof(number, fc.constantFrom('"x"', "null", "true", "[1]", '{"id":"inner"}')),
  },
  { requiredKeys: ["id", "part"] },
);

describe("a row from a document's JSON", () => {
  it("is the one of the document, whatever the document, its fields' order and its author's hand", () => {
    fc.assert(
      fc.property(
        members,
        fc.infiniteStream(fc.nat(9)),
        fc.constantFrom("", "", " "),
        fc.boolean(),
        (given, dice, space, shuffles) => {
          const all = Object.entries(given);
          if (shuffles) all.sort(() => Number(dice.next().value) - 4.5);
          const json = `{${all.map(([name, value]) => `"${name}":${space}${value}`).join(",")}}`;
          const document = JSON.parse(json) as JsonObject;
          const own = reader();
          for (let lesson = 0; lesson < 2; lesson++) {
            const row = read(own, json, "before\n");
            if (row !== undefined) expect(row).toBe(lineOf(document));
            own.learn(document);
          }
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['{"id":"a","part":1}', "a\t1\t\\N\t\\N\t\\N\t\\N\n"],
    ['{"id":"ü","part":-12,"ratio":-0.25,"ok":true,"text":null}', "ü\t-12\t\\N\t-0.25\tt\t\\N\n"],
    [
      '{"id":"a","part":1,"at":"2001-01-01T00:00:00Z","ok":false,"text":""}',
      "a\t1\t2001-01-01T00:00:00Z\t\\N\tf\t\n",
    ],
  ])("is read of what is plain: %s", (json, row) => {
    expect(read(reader(), json)).toBe(row);
  });

  it.each([
    ...['{"id":"a\\n","part":1}', '{"id":"a","part":1e3}', '{"id":"a","part":1.5}', '{"id":"a","part":-0}'],
    ...[
      '{"id":"a","part":"1"}',
      '{"id":1,"part":1}',
      '{"id":"a","part":1,"ratio":1.50}',
      '{"id":"a" ,"part":1}',
    ],
    ...[
      '{"id":"a","part":1,"_meta":{"removed":true}}',
      '{"id":"a","id":"b","part":1}',
      '{"part":1,"id":"a"}',
    ],
  ])("is not read of what is not: %s", (json) => {
    expect(read(reader(), json)).toBeUndefined();
  });

  it("is not read of a line that the bytes end in, wherever they do, and whatever stands behind them", () => {
    const line = Buffer.from('{"id":"a","part":-12,"ratio":0.5,"ok":true,"text":null}\n');
    for (let end = 0; end < line.length; end++) expect(reader().read(line.subarray(0, end), 0)).toBe(-1);
  });

  it("is read of other fields in another order, once these were learnt", () => {
    const own = reader();
    const json = '{"part":1,"more":5,"id":"a"}';
    expect(read(own, json)).toBeUndefined();
    own.learn(JSON.parse(json));
    expect(read(own, json)).toBe("a\t1\t\\N\t\\N\t\\N\t\\N\n");
    expect(read(own, '{"part":2,"id":"b"}')).toBe("b\t2\t\\N\t\\N\t\\N\t\\N\n");
  });

  it("has the hash of its key, or none", () => {
    fc.assert(
      fc.property(text, fc.integer(), (id, part) => {
        const own = reader();
        const bytes = Buffer.from(`${JSON.stringify({ id, part })}\n`);
        const [found, expected] = [new KeyText(), new KeyText()];
        if (own.read(bytes, 0) < 0 || !own.readKey(bytes, found)) return;
        expected.begin();
        expected.add(id);
        expected.add(String(part));
        expect([found.a, found.b]).toEqual([expected.a, expected.b]);
      }),
    );
  });
});

it("there is none where a column holds what JSON writes otherwise", () => {
  const nested = collectionOf(z.object({ id: z.string(), list: z.array(z.string()) }), ["id"]);
  expect(JsonLineReader.of(planColumns(nested))).toBeUndefined();
});
