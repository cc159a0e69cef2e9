import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "../../../plan/canonical.ts";
import type { JsonObject } from "../../../plan/plan.ts";
import { draftOf, isStill, jsonOf } from "./json-value.ts";

const object = fc
  .dictionary(
    fc.oneof(fc.constantFrom("a", "b", "__proto__", "1", "constructor"), fc.string()),
    fc.oneof(fc.jsonValue(), fc.constantFrom(0, -0, null)),
    { noNullPrototype: true, maxKeys: 4 },
  )
  .map((value) => value as JsonObject);
/** What its text gives when it is read again. */
const read = (value: unknown) => JSON.parse(JSON.stringify(value)) as JsonObject;

it("a draft and what is made of it are as their text would be read", () => {
  fc.assert(
    fc.property(object, (value) => {
      expect(isDeepStrictEqual(draftOf(value), read(value))).toBe(true);
      expect(isDeepStrictEqual(jsonOf(value), read(value))).toBe(true);
      expect(Object.keys(draftOf(value))).toEqual(Object.keys(read(value)));
    }),
  );
});

it("a draft shares nothing with its value", () => {
  const value = { list: [{ n: 1 }], inside: { n: 1 } };
  const draft = draftOf(value) as { list: { n: number }[]; inside: { n: number } };
  draft.list[0] = { n: 2 };
  draft.inside.n = 2;
  expect(value).toEqual({ list: [{ n: 1 }], inside: { n: 1 } });
  const kept = jsonOf(draft) as typeof draft;
  draft.list.push({ n: 3 });
  expect(kept.list).toEqual([{ n: 2 }]);
});

it("a draft is still its value exactly where their texts mean the same", () => {
  const small = fc
    .dictionary(
      fc.constantFrom("a", "b"),
      fc.oneof(
        fc.nat(1),
        fc.array(fc.nat(1), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom("a", "b"), fc.nat(1)),
      ),
      { noNullPrototype: true },
    )
    .map((value) => read(value));
  fc.assert(
    fc.property(small, small, (a, b) => {
      expect(isStill(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
      expect(isStill(a, draftOf(a))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

it("a member that is undefined counts as absent", () => {
  expect(isStill({ a: 1 }, { a: 1, b: undefined })).toBe(true);
  expect(isStill({ a: 1, b: 1 }, { a: 1, b: undefined })).toBe(false);
  expect(jsonOf({ a: { b: undefined } })).toStrictEqual({ a: {} });
});

const circular: Record<string, unknown> = {};
circular.self = circular;
it.each<[object, string, string]>([
  [{ at: new Date(0) }, "/at", "is a Date"],
  [{ list: [1, Number.NaN] }, "/list/1", "is NaN"],
  [{ list: [1, undefined] }, "/list/1", "is undefined"],
  // biome-ignore lint/suspicious/noSparseArray: that is what is refused.
  [{ list: [1, , 2] }, "/list/1", "is undefined"],
  [{ a: { tags: new Set() } }, "/a/tags", "is a Set"],
  [{ n: 1n }, "/n", "is a bigint"],
  [{ f: () => 1 }, "/f", "is a function"],
  [circular, "", "nested more than 500 levels deep, or holds itself"],
])("refuses %o", (draft, path, message) => {
  expect(isStill({ at: "x" }, draft)).toBe(false);
  expect(() => jsonOf(draft)).toThrow(
    expect.objectContaining({ path, message: expect.stringContaining(message) }),
  );
});
