import { createHash } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Run } from "../journal/run.ts";
import { CorruptFragmentError } from "./corrupt-fragment.ts";
import { decodeFragment, encodeFragment } from "./fragment.ts";
import { fragmentKey, parseFragmentKey } from "./fragment-name.ts";
import { formatTime, parseTime } from "./fragment-time.ts";
import type { FragmentSource } from "./fragment-writer.ts";

const NOON = Date.parse("2026-11-23T12:00:00Z") * 1000;

function run(first: number, at: number, lines: readonly string[]): Run {
  return { first, at, count: lines.length, lines: Buffer.from(lines.map((line) => `${line}\n`).join("")) };
}

function source(runs: readonly Run[], rest: Partial<FragmentSource> = {}): FragmentSource {
  return { collection: "shop/orders", logical: "", partition: 0, tail: false, epoch: 3, runs, ...rest };
}

/** JSON of a document, sometimes with white space inside, or of a removal. */
const line = fc.oneof(
  fc
    .dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constant('a"_meta')), fc.jsonValue(), {
      maxKeys: 4,
    })
    .filter((document) => !Object.hasOwn(document, "_meta"))
    .map((document) => JSON.stringify(document)),
  fc.constantFrom(
    "{}",
    "{ }",
    "{\t \r}",
    '{"a":{}}',
    '{ "a" : 1 }',
    '{"a\\"_meta":{"removed":true}}',
    '{"x":{"_meta":{"removed":true}}}',
    '{"x":",\\"_meta\\":{\\"offset\\":3}}"}',
  ),
  fc.string().map((key) => `{"id":${JSON.stringify(key)},"_meta":{"removed":true}}`),
);

const batches = fc
  .record({
    first: fc.oneof(fc.constantFrom(0, 7, 95, 9_995, 2 ** 48 - 3), fc.nat()),
    // Gaps of at least 1 µs: runs of one time come back as one.
    parts: fc.array(
      fc.tuple(fc.array(line, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 5_000_000 })),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
  })
  .map(({ first, parts }) => {
    let offset = first;
    let at = NOON;
    return parts.map(([lines, gap]) => {
      at += gap;
      const made = run(offset, at, lines);
      offset += lines.length;
      return made;
    });
  });

describe("a fragment", () => {
  test("gives back the runs that it was made of, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (runs) => {
        const encoded = await encodeFragment(source(runs));
        const decoded = await decodeFragment(encoded.bytes, encoded.key);
        expect(decoded.first).toBe(runs[0]?.first);
        expect(decoded.count).toBe(encoded.count);
        expect(decoded.runs.map(readable)).toEqual(runs.map(readable));
        const again = await encodeFragment(source(runs));
        expect(again.key).toBe(encoded.key);
        expect(Buffer.compare(again.bytes, encoded.bytes)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test("holds NDJSON whose last property is _meta with offset and time", async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (runs) => {
        const encoded = await encodeFragment(source(runs));
        const text = zstdDecompressSync(encoded.bytes).toString();
        expect(Buffer.byteLength(text)).toBe(encoded.uncompressedBytes);
        const documents = text.trimEnd().split("\n");
        const expected = runs.flatMap((one) =>
          Buffer.from(one.lines)
            .toString()
            .trimEnd()
            .split("\n")
            .map((json, index) => ({ json, offset: one.first + index, at: formatTime(one.at) })),
        );
        expect(documents).toHaveLength(expected.length);
        for (const [index, { json, offset, at }] of expected.entries()) {
          const document = JSON.parse(documents[index] ?? "");
          const { _meta: removed, ...rest } = JSON.parse(json);
          expect(document).toEqual({ ...rest, _meta: { ...removed, offset, at } });
          expect(Object.keys(document).at(-1)).toBe("_meta");
        }
      }),
      { numRuns: 100 },
    );
  });

  test("is named by collection, partition, date, offsets, epoch and digest", async () => {
    const at = Date.parse("2026-11-23T03:40:39.123Z") * 1000 + 456;
    const encoded = await encodeFragment(
      source([run(255, at, ['{"id":"a"}', '{"id":"b","_meta":{"removed":true}}'])]),
    );
    expect(encoded.key).toMatch(
      /^shop\/orders\/p=00\/date=2026-11-23\/00000000000000ff-0000000000000100-3-[0-9a-f]{16}\.ndjson\.zst$/,
    );
    expect(zstdDecompressSync(encoded.bytes).toString()).toBe(
      '{"id":"a","_meta":{"offset":255,"at":"2026-11-23T03:40:39.123456Z"}}\n' +
        '{"id":"b","_meta":{"removed":true,"offset":256,"at":"2026-11-23T03:40:39.123456Z"}}\n',
    );
    const small = await encodeFragment(source([run(0, at, ["{}"])], { tail: true, partition: 112 }));
    expect(small.key).toMatch(
      /^shop\/orders\/p=112\/_tail\/date=2026-11-23\/0{16}-0{16}-3-[0-9a-f]{16}\.ndjson\.zst$/,
    );
    expect(parseFragmentKey(small.key)).toEqual(small.name);
    const parted = await encodeFragment(source([run(0, at, ["{}"])], { logical: "country=/p=07" }));
    expect(parted.key).toMatch(/^shop\/orders\/country=\/p=07\/p=00\/date=2026-11-23\/0{16}-0{16}-3-/);
    expect(parseFragmentKey(parted.key)).toEqual(parted.name);
  });

  test("has one name for the same documents, and another in another epoch", async () => {
    const runs = [run(0, NOON, ['{"a":1}'])];
    const [one, other] = [
      await encodeFragment(source(runs)),
      await encodeFragment(source(runs, { epoch: 4 })),
    ];
    expect(other.key).not.toBe(one.key);
    expect(other.name.digest).toBe(one.name.digest);
  });

  test("merges neighbours of one time", async () => {
    const encoded = await encodeFragment(source([run(0, NOON, ['{"a":1}']), run(1, NOON, ['{"a":2}'])]));
    const { runs } = await decodeFragment(encoded.bytes, encoded.key);
    expect(runs.map(readable)).toEqual([readable(run(0, NOON, ['{"a":1}', '{"a":2}']))]);
  });

  test.each([
    ["nothing", []],
    ["a hole", [run(0, NOON, ["{}"]), run(2, NOON, ["{}"])]],
    ["a time that falls", [run(0, NOON, ["{}"]), run(1, NOON - 1, ["{}"])]],
    ["two dates", [run(0, NOON, ["{}"]), run(1, NOON + 43_200_000_000, ["{}"])]],
    ["a wrong count", [{ ...run(0, NOON, ["{}"]), count: 2 }]],
    ["an array", [run(0, NOON, ["[1]"])]],
    ["a last line without an end", [{ ...run(0, NOON, []), count: 1, lines: Buffer.from('{"a":1}') }]],
    ["an offset past 2^53", [run(2 ** 53 - 1, NOON, ["{}", "{}"])]],
  ])("is not made of %s", async (_, runs) => {
    await expect(encodeFragment(source(runs))).rejects.toThrow(RangeError);
  });
});

describe("a damaged fragment", () => {
  const original = encodeFragment(
    source([
      run(
        95,
        NOON,
        Array.from({ length: 40 }, (_, n) => `{"id":${n},"text":"${"é".repeat(n)}"}`),
      ),
      run(135, NOON + 1, ['{"id":7,"_meta":{"removed":true}}', "{}"]),
    ]),
  );

  test("never serves anything but the original, whichever bit is flipped", async () => {
    const { bytes, key } = await original;
    const whole = (await decodeFragment(bytes, key)).runs.map(readable);
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // A few bits of a zstd frame carry nothing: with them flipped it still decompresses to the same bytes.
      const decoded = await decodeFragment(damaged, key).catch((error: unknown) => error);
      if (decoded instanceof CorruptFragmentError) refused++;
      else if (decoded instanceof Error) throw decoded;
      else expect((await decodeFragment(damaged, key)).runs.map(readable), `bit ${bit}`).toEqual(whole);
    }
    expect(refused).toBeGreaterThan(bytes.length * 8 * 0.95);
  });

  test("is found out wherever it is cut", async () => {
    const { bytes, key } = await original;
    for (let length = 0; length < bytes.length; length++) {
      await expect(decodeFragment(bytes.subarray(0, length), key)).rejects.toThrow(CorruptFragmentError);
    }
  });

  test("is found out when anything follows its frame", async () => {
    const { bytes, key } = await original;
    for (const extra of [Buffer.from([0]), bytes, Buffer.from("28b52ffd", "hex")]) {
      await expect(decodeFragment(Buffer.concat([bytes, extra]), key)).rejects.toThrow(
        /bytes follow|damaged/,
      );
    }
  });

  test("is found out under another name", async () => {
    const { bytes, name, key } = await original;
    for (const wrong of [
      { ...name, first: name.first + 1 },
      { ...name, last: name.last + 1 },
      { ...name, last: name.last - 1 },
      { ...name, first: name.first + 1, last: name.last + 1 },
      { ...name, date: "2026-11-24" },
      { ...name, digest: "0".repeat(16) },
    ]) {
      await expect(decodeFragment(bytes, fragmentKey(wrong))).rejects.toThrow(CorruptFragmentError);
    }
    await expect(decodeFragment(bytes, key.replace(".zst", ".gz"))).rejects.toThrow(
      /its name is not that of a fragment/,
    );
  });

  test("is found out though its digest fits: offsets, times and _meta are read", async () => {
    const time = "2026-11-23T12:00:00.000000Z";
    const good = `{"a":1,"_meta":{"offset":0,"at":"${time}"}}\n`;
    const cases = [
      good.repeat(2),
      good.replace("}}\n", "}} \n"),
      good.slice(0, -1),
      good.replace("_meta", "_mate"),
      good.replace("T12", "T25"),
      good.replace('{"offset"', '{"gone":1,"offset"'),
      good.replace("2026-11-23", "2026-11-22"),
      `${good}\n`,
      "\n",
      "",
    ];
    for (const text of cases) {
      const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
      const bytes = zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
      const key = `c/p=00/date=2026-11-23/${"0".repeat(16)}-${"0".repeat(16)}-1-${digest}.ndjson.zst`;
      await expect(decodeFragment(bytes, key), text).rejects.toThrow(CorruptFragmentError);
    }
  });

  test("without a checksum, or larger than the bound, is refused", async () => {
    const { key, bytes, uncompressedBytes } = await original;
    await expect(decodeFragment(zstdCompressSync(zstdDecompressSync(bytes)), key)).rejects.toThrow(
      /with a checksum/,
    );
    await expect(decodeFragment(bytes, key, uncompressedBytes - 1)).rejects.toThrow(/more than \d+ bytes/);
    await expect(decodeFragment(bytes, key, uncompressedBytes)).resolves.toBeDefined();
  });
});

describe("the time of a document", () => {
  test("is written with microseconds and read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8e15 }), (at) => {
        expect(formatTime(at)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(parseTime(formatTime(at))).toBe(at);
      }),
    );
  });

  test.each([
    "2026-02-30T00:00:00.000000Z",
    "2026-11-23T24:00:00.000000Z",
    "2026-11-23T00:00:00.000 00Z",
    "x",
  ])("is not %s", (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});

function readable({ first, at, count, lines }: Run) {
  return { first, at, count, lines: Buffer.from(lines).toString() };
}
