import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { identifierComplaint } from "./identifiers.ts";
import { asideConfig, asideName } from "./place.ts";

describe("a place aside", () => {
  it("is another table of the same schema, and nothing else of the configuration", () => {
    const config = { url: { $env: "DATABASE_URL" }, table: "by_rider", schema: "raw", columns: { n: false } };
    expect(asideConfig(config, "2")).toEqual({
      ...config,
      table: "by_rider__weir_2",
      aside: { of: "by_rider", label: "2" },
    });
  });

  it("has a name that Postgres takes whole, another for each table and label", () => {
    const name = fc.string({ unit: "binary", minLength: 1, maxLength: 70 }).filter((each) => {
      return identifierComplaint(each, "table") === undefined;
    });
    // Long ones with one beginning, which cutting alone would make one.
    const long = fc
      .string({ unit: fc.constantFrom("é", "x"), maxLength: 4 })
      .map((end) => "a".repeat(52) + end);
    const label = fc.nat(2000).map(String);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(name, long), label), { maxLength: 20 }), (places) => {
        const names = places.map(([table, each]) => asideName(table, each));
        for (const each of names) expect(identifierComplaint(each, "table")).toBeUndefined();
        expect(new Set(names).size).toBe(new Set(places.map((place) => JSON.stringify(place))).size);
      }),
      { numRuns: 300 },
    );
  });
});
