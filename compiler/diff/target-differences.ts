/** What has changed in a materialization's own definition. */
import type { MaterializationPlan } from "../../plan/plan.ts";
import { type Difference, guaranteeDifferences, optionChanges, part } from "./difference.ts";

export function* targetDifferences(
  before: MaterializationPlan,
  after: MaterializationPlan,
): Generator<Difference> {
  yield* guaranteeDifferences(before, after);
  if (before.collection !== after.collection) {
    yield {
      effect: "rebuild",
      reason: `it holds ${after.collection} instead of ${before.collection}`,
      fields: [part("target", "collection", before.collection, after.collection, "yes")],
      destructive: true,
      caution: `The rows of ${before.collection} give way. Name another target for ${after.collection} to keep both.`,
      refused: `it was materialized from ${before.collection} and is now from ${after.collection}`,
    };
  }
  const changed = optionChanges("target", before.config, after.config, (name) =>
    name === "url" ? "no" : "yes",
  );
  const address = changed.filter(({ path }) => path === "url");
  if (address.length > 0) {
    yield {
      effect: "resume",
      reason:
        "it is at another address: a checkpoint found there is gone on from, else it is filled from the beginning",
      fields: address,
      caution: "What stands at the old address stays, and is no longer kept in step.",
    };
  }
  const others = changed.filter(({ path }) => path !== "url");
  if (others.length === 0) return;
  yield {
    effect: "rebuild",
    reason: `another ${others.map(({ path }) => `"${path}"`).join(", ")} was chosen, so its rows are written anew`,
    fields: others,
    refused: "its options have changed",
  };
}
