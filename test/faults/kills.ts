/** A round for each protocol point, which is killed there in every phase; and one for each seeded defect. */
import type { ProtocolPoint } from "../../connectors/protocol-point.ts";
import { DEFECTS, type Defect } from "./defects.ts";
import { POINTS, stepsOf } from "./reach.ts";
import { runRound, STUCK } from "./round.ts";
import { integer, type Scenario } from "./scenario.ts";

const MAX_OCCURRENCE = 3;
/** A defect may keep the tasks from ever catching up. */
const DEFECT_WITHIN_MS = 20_000;

export function killScenarios(): Scenario[] {
  return [
    ...POINTS.map((point) => killAt(point, "directory")),
    // Everything else is the same for both stores.
    ...POINTS.filter((point) => point.startsWith("archive.")).map((point) => killAt(point, "s3")),
    ...DEFECTS.map(caught),
  ];
}

function killAt(point: ProtocolPoint, store: "directory" | "s3"): Scenario {
  return {
    name: `kill at ${point}, ${store}`,
    async run(context) {
      const steps = stepsOf(point, () => integer(context.random, 1, MAX_OCCURRENCE));
      return runRound({ history: await context.history(store), steps }, context);
    },
  };
}

function caught({ name, edits, steps }: Defect): Scenario {
  return {
    name: `defect: ${name}`,
    defect: true,
    async run(context) {
      const history = await context.history("directory");
      const options = { history, steps, edits, caughtUpWithinMs: DEFECT_WITHIN_MS };
      const outcome = await runRound(options, context);
      // That it hangs is not what the oracle is for.
      return { ...outcome, differences: outcome.differences.filter((found) => !found.startsWith(STUCK)) };
    },
  };
}
