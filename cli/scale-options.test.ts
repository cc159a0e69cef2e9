import { expect, it } from "vitest";
import { parseShards } from "./scale-options.ts";

it("takes a whole number from 1 on, or auto", () => {
  expect(parseShards("4")).toBe(4);
  expect(parseShards("auto")).toBe("auto");
  for (const text of ["0", "-1", "1.5", "many", "", "12345678"])
    expect(() => parseShards(text)).toThrow(/or auto/);
});
