/** A few rounds of `npm run test:faults`, chosen by a seed, and one seeded defect. */
import { expect, inject, it } from "vitest";
import { choose, runScenarios } from "./run.ts";
import { randomFrom } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { serversAt } from "./servers.ts";

const FAULTS = 2;

it("a sample of the faults changes nothing, and a seeded defect is noticed", async () => {
  const seed = Number(process.env.WEIR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (WEIR_TEST_SEED repeats it)`);
  const servers = await serversAt(inject("postgresUrl"), inject("redisUrl"));
  const lines: string[] = [];
  const random = randomFrom(seed);
  const all = scenarios();
  // What takes least time; the rest is for `npm run test:faults`.
  const faults = all.filter(({ defect = false, name }) => !defect && name.endsWith(", directory"));
  const defects = all.filter(({ name }) => name.startsWith("defect: a derivation's"));
  const chosen = [...choose(faults, FAULTS, random), ...choose(defects, 1, random)];
  try {
    const { verdict, good } = await runScenarios(chosen, {
      seed,
      servers,
      print: (line) => lines.push(line),
    });
    expect(good, lines.join("\n")).toBe(true);
    expect(verdict).toMatch(/^3 rounds, [3-9] faults fired, 0 differences$/);
  } finally {
    await servers.stop();
  }
}, 900_000);
