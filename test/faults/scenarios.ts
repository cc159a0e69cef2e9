import { graphScenarios } from "./graphs.ts";
import { killScenarios } from "./kills.ts";
import { outsideScenarios } from "./outside/scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { storeZombieScenarios } from "./store-zombies.ts";
import { zombieScenarios } from "./zombies.ts";

/** All that `npm run test:faults` runs. */
export function scenarios(): Scenario[] {
  return [
    ...killScenarios(),
    ...zombieScenarios(),
    ...storeZombieScenarios(),
    ...graphScenarios(),
    ...outsideScenarios(),
  ];
}
