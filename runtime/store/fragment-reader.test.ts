import { createHash, randomBytes } from "node:crypto";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { letGo } from "../../connectors/buffers.ts";
import type { Run } from "../journal/run.ts";
import { CorruptFragmentError } from "./corrupt-fragment.ts";
import { encodeFragment } from "./fragment.ts";
import { FragmentReader } from "./fragment-reader.ts";
import { digestOf } from "./known-object.ts";

const MIB = 1024 * 1024;
const NOON = Date.parse("2026-11-23T12:00:00Z") * 1000;
const PLACE = { collection: "a", logical: "", partition: 0, tail: false, epoch: 1 };

/** Of lines with text of these lengths, each run of its own time. */
function runsOf(first: number, runs: readonly (readonly number[])[]): Run[] {
  let next = first;
  return runs.map((lengths, i) => {
    const texts = lengths.map((length) => `{"text":"${"é".repeat(length)}"}\n`);
    const run = { first: next, at: NOON + i, count: lengths.length, lines: Buffer.from(texts.join("")) };
    next += lengths.length;
    return run;
  });
}

/** Every document, with its offset and time. */
function documentsOf(runs: readonly Run[]): readonly string[] {
  return runs.flatMap(({ first, at, lines }) =>
    Buffer.from(lines)
      .toString()
      .trimEnd()
      .split("\n")
      .map((line, i) => `${first + i} ${at} ${line}`),
  );
}

const sizeOf = (runs: readonly Run[]) => runs.reduce((sum, { lines }) => sum + lines.byteLength, 0);
const countOf = (runs: readonly Run[]) => runs.reduce((sum, { count }) => sum + count, 0);

/** Reads to the end. */
async function piecesOf(reader: FragmentReader, maxBytes: number): Promise<Run[][]> {
  const pieces: Run[][] = [];
  while (!reader.isAtEnd) pieces.push(await reader.next(maxBytes));
  await reader.close();
  return pieces;
}

describe("a fragment that is read some at a time", () => {
  test("gives the same documents in pieces of any size, from any offset", async () => {
    const lengths = fc.array(fc.array(fc.nat(50), { minLength: 1, maxLength: 8 }), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(100), fc.nat(40), fc.nat(300), async (runs, first, skip, maxBytes) => {
        const made = runsOf(first, runs);
        const { bytes, key } = await encodeFragment({ ...PLACE, runs: made });
        const from = first + (skip % countOf(made));
        const pieces = await piecesOf(await FragmentReader.open(bytes, key, from), maxBytes);
        expect(documentsOf(pieces.flat())).toEqual(documentsOf(made).slice(from - first));
        for (const piece of pieces) {
          if (sizeOf(piece) > maxBytes) expect(countOf(piece)).toBe(1);
          else expect(piece.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("finds lines across the parts in which it is decompressed, and lines longer than those", async () => {
    const made = runsOf(0, [[400_000, 7, 400_000], [2 * MIB], [1], [300_000, 300_000]]);
    const { bytes, key } = await encodeFragment({ ...PLACE, runs: made });
    const pieces = await piecesOf(await FragmentReader.open(bytes, key), MIB);
    expect(documentsOf(pieces.flat())).toEqual(documentsOf(made));
    expect(pieces.length).toBeGreaterThan(4);
  });

  test("takes the same memory, however long it is", async () => {
    const { bytes, key } = await encodeFragment({ ...PLACE, runs: longRuns(64) });
    const reader = await FragmentReader.open(bytes, key);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    while (!reader.isAtEnd) {
      for (const { lines } of await reader.next(512 * 1024)) letGo(lines.buffer);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(most).toBeLessThan(8 * MIB);
  });

  test("is verified whole before a document is handed out", async () => {
    const { bytes, key } = await encodeFragment({ ...PLACE, runs: longRuns(3) });
    const damaged = Buffer.from(bytes);
    const place = damaged.length - 1000;
    damaged[place] = (damaged[place] ?? 0) ^ 1;
    await expect(FragmentReader.open(damaged, key)).rejects.toThrow(CorruptFragmentError);
  });

  test("is not looked through first where the object is as it was put, and is where it is another", async () => {
    const made = [...longRuns(3)];
    const { bytes, key, uncompressedBytes } = await encodeFragment({ ...PLACE, runs: made });
    const known = { digest: digestOf(bytes), textBytes: uncompressedBytes };
    // A wrong digest of the documents is found by looking through them alone.
    const misnamed = key.replace(/[0-9a-f]{16}(?=\.ndjson)/, "0".repeat(16));
    await expect(FragmentReader.open(bytes, misnamed)).rejects.toThrow(/SHA-256/);
    const pieces = await piecesOf(await FragmentReader.open(bytes, misnamed, 0, known), MIB);
    expect(countOf(pieces.flat())).toBe(countOf(made));
    const damaged = Buffer.from(bytes);
    damaged[bytes.length - 1000] = (damaged[bytes.length - 1000] ?? 0) ^ 1;
    await expect(FragmentReader.open(damaged, key, 0, known)).rejects.toThrow(CorruptFragmentError);
    // As another version may have compressed it.
    const text = zstdDecompressSync(bytes);
    const params = { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 9 };
    const otherwise = zstdCompressSync(text, { params });
    expect(otherwise.equals(bytes)).toBe(false);
    const same = await piecesOf(await FragmentReader.open(otherwise, key, 0, known), MIB);
    expect(documentsOf(same.flat())).toEqual(documentsOf(made));
  });

  test("hands out no document past the last of its name", async () => {
    const line = (offset: number) =>
      `{"a":1,"_meta":{"offset":${offset},"at":"2026-11-23T12:00:00.000000Z"}}\n`;
    const text = line(0) + line(1);
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
    const bytes = zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    const key = `a/p=00/date=2026-11-23/${"0".repeat(16)}-${"0".repeat(16)}-1-${digest}.ndjson.zst`;
    const reader = await FragmentReader.open(bytes, key);
    await expect(reader.next(1)).rejects.toThrow(/more than 1 documents/);
  });
});

describe("a fragment that is written", () => {
  test("takes the same memory, however long it is", async () => {
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const watched = function* () {
      for (const run of longRuns(64)) {
        yield run;
        letGo(run.lines.buffer);
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
    };
    const { bytes } = await encodeFragment({ ...PLACE, runs: watched() });
    expect(most).toBeLessThan(bytes.byteLength + 8 * MIB);
  });

  test("has the same bytes, however its documents came", async () => {
    const whole = runsOf(0, [Array.from({ length: 5000 }, (_, i) => (i * 7919) % 700)]);
    const [run] = whole as [Run];
    const lines = Buffer.from(run.lines);
    const parts: Run[] = [];
    for (let from = 0, first = 0; from < lines.length; first++) {
      const end = lines.indexOf("\n", from) + 1;
      parts.push({ first, count: 1, at: run.at, lines: lines.subarray(from, end) });
      from = end;
    }
    const [one, other] = [
      await encodeFragment({ ...PLACE, runs: whole }),
      await encodeFragment({ ...PLACE, runs: parts }),
    ];
    expect(other.key).toBe(one.key);
    expect(Buffer.compare(other.bytes, one.bytes)).toBe(0);
  });
});

/** So many runs of a MiB that hardly compress to less than a tenth. */
function* longRuns(count: number): Generator<Run> {
  const filler = "n".repeat(1000);
  for (let i = 0; i < count; i++) {
    const line = (n: number) =>
      `{"id":${n},"random":"${randomBytes(60).toString("hex")}","text":"${filler}"}\n`;
    const lines = Buffer.from(Array.from({ length: 900 }, (_, n) => line(i * 900 + n)).join(""));
    yield { first: i * 900, count: 900, at: NOON + i, lines };
  }
}
