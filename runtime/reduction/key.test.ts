import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HaltError, type KeyValues } from "../../connectors/driver.ts";
import { compileKey, identityOf } from "./key.ts";

describe("compileKey", () => {
  it("reads nested and composite keys in order", () => {
    const key = compileKey(["address.city", "id"]);
    expect(key.values({ id: 7, address: { city: "Oslo" } })).toEqual(["Oslo", 7]);
  });
  it("keeps the string 1 and the number 1 apart", () => {
    const key = compileKey(["id"]);
    expect(key.identity({ id: "1" })).not.toBe(key.identity({ id: 1 }));
  });
  it("halts on a document without its key", () => {
    expect(() => compileKey(["a.b"]).values({ a: null })).toThrow(HaltError);
    expect(() => compileKey(["a.b"]).values({ a: null })).toThrow('key field "a.b"');
    expect(() => compileKey(["id"]).identity({})).toThrow('key field "id"');
  });
});

describe("identityOf", () => {
  it("is equal for equal keys only", () => {
    const part = fc.oneof(
      fc.string({ maxLength: 3, unit: fc.constantFrom(":", ";", "1", "a", "t") }),
      fc.integer({ min: -2, max: 12 }),
      fc.boolean(),
    );
    const key = fc.array(part, { minLength: 2, maxLength: 3 });
    fc.assert(
      fc.property(key, key, (a: KeyValues, b: KeyValues) => {
        if (a.length === b.length)
          expect(identityOf(a) === identityOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 5000 },
    );
  });
});
