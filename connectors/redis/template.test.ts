import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CollectionPlan } from "../../plan/plan.ts";
import { compileTemplate } from "./template.ts";

const collection: CollectionPlan = {
  schema: {
    type: "object",
    properties: { a: { type: "string" }, b: { type: "string" }, n: { type: "integer" } },
    required: ["a", "b", "n"],
  },
  key: ["a", "b", "n"],
  reduce: {},
};

describe("compileTemplate", () => {
  it("leaves the last value as it is", () => {
    expect(compileTemplate("spend:{a}", collection).render(["x:%y", "", 0])).toBe("spend:x:%y");
  });
  it("writes a delimiter in an earlier value as bytes", () => {
    expect(compileTemplate("{a}:{b}", collection).render(["x:y%z", "p:q", 0])).toBe("x%3Ay%25z:p:q");
    expect(compileTemplate("{a}é{b}", collection).render(["é", "", 0])).toBe("%C3%A9é");
  });
  it.each(["{a}:{b}:{n}", "p{n}-{b}--{a}-s", "{a}aa{b}b{n}", "{b}[{a}]*{n}?"])(
    "keeps keys apart: %s",
    (text) => {
      const { render } = compileTemplate(text, collection);
      const value = fc.string({
        unit: fc.constantFrom(":", "%", "-", "a", "b", "2", "5", "[", "]", "*"),
        maxLength: 4,
      });
      const key = fc.tuple(value, value, fc.integer({ min: -2, max: 25 }));
      fc.assert(
        fc.property(key, key, (one, other) => {
          expect(render(one) === render(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
        }),
        { numRuns: 3000 },
      );
    },
  );
  it("gives a pattern in which the text stands for itself", () => {
    expect(compileTemplate("a*[{a}]?{b}", collection).pattern).toBe("a\\*\\[*\\]\\?*");
  });
  it("refuses what cannot keep keys apart", () => {
    expect(() => compileTemplate("{a}{b}", collection)).toThrow(
      "must stand between {a} and the next placeholder",
    );
    expect(() => compileTemplate("{a}%{b}", collection)).toThrow("must stand between");
    expect(() => compileTemplate("{x}", collection)).toThrow(
      'names "x", which is no key field; the key is (a, b, n)',
    );
    expect(() => compileTemplate("{a}", collection).render(["\ud800", "", 0])).toThrow(
      "half of a surrogate pair",
    );
  });
});
