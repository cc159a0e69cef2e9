import { expect, it } from "vitest";
import { remove } from "../../dsl/remove.ts";
import { isRemoval } from "../journal/runs.ts";
import { compileRemovals } from "./removals.ts";

const schema = {
  type: "object",
  properties: {
    place: {
      type: "object",
      properties: { city: { type: "string" }, zip: { type: "integer" } },
      required: ["city", "zip"],
    },
    n: { type: "integer" },
    1: { type: "boolean" },
  },
  required: ["place", "n", "1"],
};
const { read, line } = compileRemovals({ schema, key: ["place.zip", "place.city", "1"], reduce: {} });

it("reads a removal's key, in the key's order, and writes its line with the marker last", () => {
  const key = { place: { city: "AMS", zip: 7 }, 1: true };
  expect(read(remove(key))).toEqual({ kind: "key", key: [7, "AMS", true], document: key });
  const written = line([7, "AMS", true]);
  expect(written).toBe('{"1":true,"place":{"zip":7,"city":"AMS"},"_meta":{"removed":true}}');
  expect(isRemoval(JSON.parse(written))).toBe(true);
});

it("leaves documents alone", () => {
  for (const output of [{ place: 1 }, null, undefined, "a", []]) expect(read(output)).toBeUndefined();
});

it.each([
  [{ place: { city: "AMS" }, 1: true }, "its key field place.zip must be integer"],
  [{ place: { city: "AMS", zip: 1.5 }, 1: true }, "place.zip must be integer"],
  [{ place: { city: 1, zip: 1 }, 1: true }, "place.city must be string"],
  [{ place: { city: "AMS", zip: 1 }, 1: true, n: 1 }, "it names more than the key"],
  [{ place: { city: "AMS", zip: 1, note: "" }, 1: true }, "it names more than the key"],
])("refuses %j", (key, complaint) => {
  expect(read(remove(key))).toEqual({ kind: "wrong", complaint: expect.stringContaining(complaint) });
});
