import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RespArguments } from "./resp.ts";

/** As the protocol says it, one argument at a time. */
function commandOf(texts: readonly string[]): Buffer {
  const parts = texts.flatMap((text) => {
    const bytes = Buffer.from(text, "utf8");
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${texts.length}\r\n`), ...parts]);
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "\r\n", "$3\r\nabc\r\n", "\0", "é", "x".repeat(47), "x".repeat(48)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("a", "ü", "😀"), fc.nat(20_000)).map(([c, n]) => c.repeat(n)),
  },
);
const texts = fc.array(text, { maxLength: 40 });

describe("RespArguments", () => {
  it("writes any arguments as the protocol has them, in a buffer that is used again", () => {
    const used = new RespArguments();
    fc.assert(
      fc.property(texts, (given) => {
        used.clear();
        for (const each of given) used.add(each);
        expect(used.count).toBe(given.length);
        expect(used.command.equals(commandOf(given))).toBe(true);
        expect(RespArguments.of(...given).command.equals(commandOf(given))).toBe(true);
      }),
    );
  });
  it("joins arguments that were written apart, and leaves those as they are", () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 5 }), texts, (groups, after) => {
        const all = new RespArguments();
        for (const group of groups) {
          const apart = RespArguments.of(...group);
          all.append(apart);
          expect(apart.command.equals(commandOf(group))).toBe(true);
        }
        for (const each of after) all.add(each);
        expect(all.command.equals(commandOf([...groups.flat(), ...after]))).toBe(true);
      }),
    );
  });
  it("writes more arguments than a transaction has", () => {
    const given = Array.from({ length: 100_000 }, (_, i) => String(i));
    expect(RespArguments.of(...given).command.equals(commandOf(given))).toBe(true);
  });
  it("lets go of a buffer that a large transaction has made large", () => {
    const used = RespArguments.of("x".repeat(2 * 1024 * 1024));
    used.clear();
    used.add("a");
    expect(used.command.buffer.byteLength).toBeLessThan(64 * 1024);
    expect(used.command.equals(commandOf(["a"]))).toBe(true);
  });
});
