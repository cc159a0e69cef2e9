import { type History, makeHistory, s3Store } from "./history.ts";
import { removeDirectory } from "./project.ts";
import { type Outcome, randomFrom, type Scenario, type ScenarioContext, seedOf } from "./scenario.ts";
import type { Servers } from "./servers.ts";

export interface RunOptions {
  readonly seed: number;
  readonly servers: Servers;
  print(line: string): void;
}

export interface Verdict {
  /** `N rounds, N faults fired, N differences`. */
  readonly verdict: string;
  /** No difference, no fault that did not fire, every seeded defect caught. */
  readonly good: boolean;
}

export async function runScenarios(scenarios: readonly Scenario[], options: RunOptions): Promise<Verdict> {
  const { seed, servers, print } = options;
  const histories = new Map<string, Promise<History>>();
  const history = (store: "directory" | "s3") => {
    const made =
      histories.get(store) ?? makeHistory(store === "s3" ? s3Store(servers) : { kind: "directory" });
    histories.set(store, made);
    return made;
  };
  const total = { rounds: 0, fired: 0, differences: 0, failures: 0 };
  for (const scenario of scenarios) {
    const own = seedOf(seed, scenario.name);
    const log: string[] = [];
    const context: ScenarioContext = {
      seed: own,
      random: randomFrom(own),
      servers,
      history,
      log: (message) => log.push(message),
    };
    const started = Date.now();
    const outcome = await outcomeOf(scenario, context);
    const failures = failuresOf(scenario, outcome);
    total.rounds++;
    total.fired += outcome.fired;
    total.failures += failures.length;
    if (scenario.defect !== true) total.differences += outcome.differences.length;
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const caught = scenario.defect === true ? `, caught: ${outcome.differences[0] ?? "no"}` : "";
    print(
      `${failures.length === 0 ? "ok  " : "FAIL"} ${scenario.name} (${seconds} s, ${outcome.fired} fired${caught})`,
    );
    if (failures.length === 0) continue;
    for (const failure of failures) print(`     ${failure}`);
    print(`     again: npm run test:faults -- --seed ${seed} --only ${JSON.stringify(scenario.name)}`);
    for (const message of log) print(message);
  }
  for (const made of histories.values())
    await made.then(
      ({ directory }) => removeDirectory(directory),
      () => {},
    );
  return {
    verdict: `${total.rounds} rounds, ${total.fired} faults fired, ${total.differences} differences`,
    good: total.failures === 0,
  };
}

async function outcomeOf(scenario: Scenario, context: ScenarioContext): Promise<Outcome> {
  try {
    return await scenario.run(context);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { fired: 0, missed: [`the scenario itself failed: ${reason}`], differences: [] };
  }
}

function failuresOf({ defect }: Scenario, { missed, differences }: Outcome): string[] {
  if (defect !== true) return [...missed, ...differences];
  return differences.length > 0 ? [...missed] : [...missed, "the oracle does not notice the defect"];
}

/** All, or so many; in their order. */
export function choose(scenarios: readonly Scenario[], rounds: number, random: () => number): Scenario[] {
  const left = scenarios.map((_, i) => i);
  while (left.length > rounds) left.splice(Math.floor(random() * left.length), 1);
  return left.map((i) => scenarios[i]).filter((scenario) => scenario !== undefined);
}
