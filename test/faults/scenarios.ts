import { killScenarios } from "./kills.ts";
import type { Scenario } from "./scenario.ts";

/** All that `npm run test:faults` runs. */
export function scenarios(): Scenario[] {
  return [...killScenarios()];
}
