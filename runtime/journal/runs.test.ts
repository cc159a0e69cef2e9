import fc from "fast-check";
import { expect, it } from "vitest";
import { parseRun, runFrom, runHead, splitLines } from "./runs.ts";

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
