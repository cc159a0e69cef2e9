import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyFilter } from "./key-filter.ts";

describe("a key filter", () => {
  it("never calls a key new that was noted before, however it has grown", () => {
    const long = fc.string({ minLength: 60, maxLength: 70, unit: fc.constantFrom("a", "b") });
    const digits = (n: number) => String(n).padStart(3, "0");
    const text = fc.oneof(fc.string({ maxLength: 3 }), fc.nat(500).map(digits), long);
    const key = fc.tuple(text, fc.constantFrom(0, 0, 7, -9));
    const inOrder = fc
      .constantFrom(0, 100, 400)
      .map((count) => Array.from({ length: count }, (_, i) => [digits(i), 0] as const));
    fc.assert(
      fc.property(inOrder, fc.array(key, { maxLength: 200 }), (first, others) => {
        const filter = new KeyFilter(32);
        const noted = new Set<string>();
        for (const each of [...first, ...others]) {
          const isNew = filter.add(each);
          if (isNew) expect(noted).not.toContain(JSON.stringify(each));
          noted.add(JSON.stringify(each));
        }
      }),
    );
  });

  it.each([
    ["in order", (i: number) => i],
    ["in no order", (i: number) => (i * 7_919) % 100_003],
    ["in order at first", (i: number) => (i < 1_000 ? 90_000 + i : i % 90_000)],
    ["nearly in order", (i: number) => i ^ 7],
  ])("knows of nearly all new keys that they are new, %s", (_, numberOf) => {
    const filter = new KeyFilter(1_024);
    let unknown = 0;
    for (let i = 0; i < 90_000; i++) if (!filter.add([String(numberOf(i)).padStart(10, "0")])) unknown++;
    expect(unknown).toBeLessThan(1_500);
  });

  it("knows nothing of keys before a great many that came in order first, and of others as much as ever", () => {
    const filter = new KeyFilter(1_024);
    for (let i = 10_000; i < 20_000; i += 2) expect(filter.add([i])).toBe(true);
    expect([19_999, 10_001, 12_345].map((key) => filter.add([key]))).toEqual([true, false, false]);
    expect(filter.add([30_000])).toBe(true);
    let unknown = 0;
    for (let i = 20_000; i < 30_000; i++) if (!filter.add([i])) unknown++;
    expect(unknown).toBeLessThan(150);
    expect([10_000, 19_998, 19_999, 20_000, 25_000, 30_000].map((key) => filter.add([key]))).not.toContain(
      true,
    );
  });

  it("calls nothing new once it may grow no more, but what comes after all others", () => {
    const filter = new KeyFilter(32, 200);
    filter.add([1_000]);
    const answers = Array.from({ length: 200 }, (_, i) => filter.add([i]));
    expect(answers.slice(0, 30)).toContain(true);
    expect(answers.slice(150)).not.toContain(true);
    expect([1_001, 1_001, 1_000, 1_002].map((key) => filter.add([key]))).toEqual([true, false, false, true]);
  });

  it("knows of all keys that count up that they are new, whatever their length and their parts", () => {
    const filter = new KeyFilter(32, 200);
    for (let i = 0; i < 1_000; i++) expect(filter.add(["a", i])).toBe(true);
    for (let i = 0; i < 1_000; i++) expect(filter.add(["a", i])).toBe(false);
  });
});
