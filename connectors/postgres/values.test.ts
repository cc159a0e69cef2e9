import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json, JsonSchema } from "../../plan/plan.ts";
import { HaltError } from "../driver.ts";
import { planColumns } from "./columns.ts";
import { arrayLiteral, copyText } from "./framing.ts";
import { encodeChange } from "./values.ts";

const columns = planColumns({
  // Zod types its JSON Schema more narrowly than `JsonSchema`; the value is plain JSON.
  schema: z.toJSONSchema(
    z.object({ id: z.string(), n: z.int().nullish(), t: z.string().optional(), j: z.any() }),
  ) as JsonSchema,
  key: ["id"],
  reduce: {},
});
const encode = (fields: Record<string, Json>) =>
  encodeChange(columns, { op: "put", key: ["a"], document: { id: "a", ...fields } });

describe("encodeChange", () => {
  it("tells absence from null where the column does", () => {
    expect(encode({})).toEqual(["put", "a", null, null, null]);
    expect(encode({ n: null, j: null })).toEqual(["put", "a", null, null, "null"]);
  });
  it("writes integers beyond the exact ones without an exponent", () => {
    expect(encode({ n: 2 ** 62 })[2]).toBe("4611686018427387904");
  });
  it.each<[string, Record<string, Json>, string]>([
    ["U+0000", { t: "a\0" }, 'Field "t" of key "a" holds the character U+0000'],
    ["half a surrogate pair", { t: "\ud800" }, 'Field "t" of key "a" holds half of a surrogate pair'],
    ["U+0000 in jsonb", { j: { deep: ["\\\0"] } }, 'Field "j" of key "a" holds U+0000 or half'],
    ["half a pair in jsonb", { j: "\udc00" }, 'Field "j" of key "a" holds U+0000 or half'],
    [
      "an integer beyond bigint",
      { n: 2 ** 63 },
      'Field "n" of key "a" is 9223372036854776000, beyond bigint',
    ],
    ["another type", { n: "1" }, 'Field "n" of key "a" is "1", which its column, bigint, cannot hold'],
  ])("halts on %s", (_, fields, message) => {
    expect(() => encode(fields)).toThrow(HaltError);
    expect(() => encode(fields)).toThrow(message);
  });
  it("takes a backslash before u0000 for what it is", () => {
    expect(encode({ j: "\\u0000" })[4]).toBe('"\\\\u0000"');
  });
});

describe("framing", () => {
  it("escapes for COPY", () => {
    const text = Buffer.concat([...copyText([["put", "a\tb\\N\n", null, ""]])]).toString();
    expect(text).toBe("put\ta\\tb\\\\N\\n\t\\N\t\n");
  });
  it("quotes in arrays", () => {
    expect(arrayLiteral(['a"b\\', null, "NULL", ""])).toBe('{"a\\"b\\\\",NULL,"NULL",""}');
  });
});
