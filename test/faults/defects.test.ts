import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { DEFECTS } from "./defects.ts";
import { UNCHECKED, UNCOUNTED, UNLISTED } from "./outside/defects.ts";
import { TUNING } from "./tuning.ts";
import { UNFENCED } from "./zombies.ts";

const OUTSIDE = [...UNLISTED, ...UNCOUNTED, ...UNCHECKED];
const EDITS = [...TUNING, ...UNFENCED, ...OUTSIDE, ...DEFECTS.flatMap(({ edits }) => edits)];

it.each(EDITS)("the text that is replaced in $file is there exactly once: $find", ({ file, find }) => {
  const source = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), "utf8");
  expect(source.split(find)).toHaveLength(2);
});
