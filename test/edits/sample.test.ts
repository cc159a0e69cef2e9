/** A short sequence of `npm run test:edits`, chosen by a seed. */
import { expect, inject, it } from "vitest";
import { runSequences } from "./sequences.ts";

it("after edits of a flow, each applied by a run, what is there is what a fresh run of the last flow makes", async () => {
  const seed = Number(process.env.WEIR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (WEIR_TEST_SEED repeats it)`);
  const lines: string[] = [];
  const { verdict, good } = await runSequences({
    ...{ seed, sequences: 1, steps: 4 },
    ...{ postgresUrl: inject("postgresUrl"), redisUrl: inject("redisUrl") },
    print: (line) => lines.push(line),
  });
  expect(good, lines.join("\n")).toBe(true);
  expect(verdict).toMatch(/^1 sequences, \d+ runs, 0 differences$/);
}, 900_000);
