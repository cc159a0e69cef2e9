/** A few rounds of `npm run test:faults`, chosen by a seed, and one seeded defect. */
import { expect, inject, it } from "vitest";
import { runScenarios } from "./run.ts";
import { scenarios } from "./scenarios.ts";
import { serversAt } from "./servers.ts";

const ROUNDS = 2;

it("a sample of the faults changes nothing, and a seeded defect is noticed", async () => {
  const seed = Number(process.env.WEIR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (WEIR_TEST_SEED repeats it)`);
  const servers = await serversAt(inject("postgresUrl"), inject("redisUrl"));
  const lines: string[] = [];
  const run = (wanted: "faults" | "defect", rounds: number) =>
    runScenarios(
      scenarios().filter(({ defect = false, name }) =>
        wanted === "defect"
          ? name.startsWith("defect: a derivation's")
          : !defect && name.endsWith(", directory"),
      ),
      { seed, rounds, servers, print: (line) => lines.push(line) },
    );
  try {
    const faults = await run("faults", ROUNDS);
    const defect = await run("defect", 1);
    expect([faults.good, defect.good], lines.join("\n")).toEqual([true, true]);
    expect(faults.verdict).toMatch(new RegExp(`^${ROUNDS} rounds, \\d+ faults fired, 0 differences$`));
  } finally {
    await servers.stop();
  }
}, 300_000);
