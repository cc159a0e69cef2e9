import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyFilter } from "./key-filter.ts";

describe("a key filter", () => {
  it("never calls a key new that was noted before, however it has grown", () => {
    const long = fc.string({ minLength: 60, maxLength: 70, unit: fc.constantFrom("a", "b") });
    const key = fc.tuple(fc.oneof(fc.string({ maxLength: 3 }), long), fc.integer({ min: -9, max: 9 }));
    fc.assert(
      fc.property(fc.array(key, { maxLength: 200 }), (keys) => {
        const filter = new KeyFilter(32);
        const noted = new Set<string>();
        for (const each of keys) {
          const isNew = filter.add(each);
          if (isNew) expect(noted).not.toContain(JSON.stringify(each));
          noted.add(JSON.stringify(each));
        }
      }),
    );
  });

  it("knows of nearly all new keys that they are new", () => {
    const filter = new KeyFilter(1_024);
    let unknown = 0;
    for (let i = 0; i < 100_000; i++) if (!filter.add([String(i).padStart(10, "0")])) unknown++;
    expect(unknown).toBeLessThan(1_500);
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
