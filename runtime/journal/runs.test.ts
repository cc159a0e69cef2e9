import fc from "fast-check";
import { expect, it } from "vitest";
import { parseRun, RunDocuments, runFrom, runHead, splitLines } from "./runs.ts";

const documents = fc.array(fc.record({ s: fc.string({ unit: "binary" }), n: fc.integer() }), {
  minLength: 1,
  maxLength: 20,
});
const bytesOf = (all: readonly object[]) => Buffer.from(all.map((d) => `${JSON.stringify(d)}\n`).join(""));

it("a run parses to its documents, and any cut of it to that part of them", () => {
  fc.assert(
    fc.property(documents, fc.nat(), (all, cut) => {
      const run = { first: 100, count: all.length, at: 1, lines: bytesOf(all) };
      const at = cut % all.length;
      expect(parseRun(run)).toEqual(all);
      expect(parseRun(runFrom(run, 100 + at))).toEqual(all.slice(at));
      if (at > 0) expect(parseRun(runHead(run, at))).toEqual(all.slice(0, at));
    }),
  );
});

it("a long run parses to its documents, and one that holds other than it says is refused", () => {
  const all = Array.from({ length: 5_000 }, (_, n) => ({ n, s: "\n".repeat(n % 50) }));
  const run = { first: 7, count: all.length, at: 1, lines: bytesOf(all) };
  expect(parseRun(run)).toEqual(all);
  expect(() => parseRun({ ...run, count: 4_999 })).toThrow(
    "at offset 7 holds 5000 documents instead of 4999",
  );
  expect(() => parseRun({ ...run, count: 5_001 })).toThrow(
    "at offset 7 holds 5000 documents instead of 5001",
  );
});

it("a document of a run is taken as its line or comes as an object, each once and in order", () => {
  fc.assert(
    fc.property(documents, fc.infiniteStream(fc.boolean()), (all, wants) => {
      const run = { first: 0, count: all.length, at: 1, lines: bytesOf(all) };
      const left = new RunDocuments(run);
      const got = all.map(() => {
        let line = "";
        const isTaken = left.offer((bytes, from) => {
          if (!wants.next().value) return -1;
          const end = bytes.indexOf(0x0a, from);
          line = Buffer.from(bytes.subarray(from, end)).toString();
          return end;
        });
        return isTaken ? JSON.parse(line) : left.next();
      });
      expect(got).toEqual(all);
    }),
  );
});

it("lines split between documents, in order, each piece within the limit", () => {
  fc.assert(
    fc.property(documents, fc.integer({ min: 200, max: 400 }), (all, limit) => {
      const bytes = bytesOf(all);
      const pieces = splitLines(bytes, limit);
      expect(Buffer.concat(pieces.map(({ lines }) => lines))).toEqual(bytes);
      expect(pieces.reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
      for (const { lines } of pieces) expect(lines.byteLength).toBeLessThanOrEqual(limit);
    }),
  );
});

it("a document over the limit is refused", () => {
  expect(() => splitLines(Buffer.from(`{"s":"${"x".repeat(50)}"}\n`), 20)).toThrow(
    /over the limit of 20 bytes/,
  );
});
