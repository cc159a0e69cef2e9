/** What has changed in how a derivation computes its collection. */
import type { DerivationPlan, StatePlan } from "../plan.ts";
import { meaningOf } from "../schema-meaning.ts";
import { compareSchemas } from "./compare-schemas.ts";
import {
  type Difference,
  type FieldChange,
  onErrorDifferences,
  otherDifferences,
  part,
  sameJson,
} from "./difference.ts";
import { asObject } from "./schema-shape.ts";
import { sourceDifferences } from "./source-differences.ts";

export function* derivationDifferences(before: DerivationPlan, after: DerivationPlan): Generator<Difference> {
  yield* sourceDifferences(before, after);
  if (!sameJson(before.params, after.params)) {
    const says = "the params of its transform have changed";
    yield {
      effect: "rebuild",
      reason: `${says}, so all of its documents are computed again`,
      fields: [part("transform", "params", before.params, after.params, "yes")],
      continued: { effect: "resume", reason: says },
    };
  }
  yield* stateDifferences(before.state, after.state);
  yield* shardDifferences(before.shards, after.shards);
  yield* onErrorDifferences(before, after, "a document that it cannot derive from");
  yield* otherDifferences(before, after, KNOWN);
}

/** `removes` follows from the functions, whose bundles have changed where it has. `continues` is no difference by itself. */
const KNOWN = new Set(["sources", "params", "state", "removes", "shards", "onError", "continues"]);

/** Shards only divide the work: what it gives, and what is stored of it, is the same for any number of them. */
function* shardDifferences(before: number | undefined, after: number | undefined): Generator<Difference> {
  if (before === after) return;
  const how =
    after === undefined ? "as many shards as suit the machine" : after === 1 ? "1 shard" : `${after} shards`;
  yield {
    effect: "update",
    reason: `it runs in ${how} from here on, which go on from where it stands: nothing that is stored changes`,
    fields: [part("transform", "shards", before, after, "not-needed")],
  };
}

/** What a shuffle key has in its state comes of all documents so far: another form of it is made from the first on. */
function* stateDifferences(
  before: StatePlan | undefined,
  after: StatePlan | undefined,
): Generator<Difference> {
  if (sameJson(before, after)) return;
  const initial = sameJson(before?.initial, after?.initial)
    ? []
    : [part("state", "initial", before?.initial, after?.initial, "yes")];
  const sameMeaning =
    before !== undefined &&
    after !== undefined &&
    sameJson(meaningOf(before.schema), meaningOf(after.schema));
  if (sameMeaning && initial.length === 0) {
    yield {
      effect: "update",
      reason: "the schema of its state is written differently and allows the same values",
      fields: [part("state", "schema", undefined, undefined, "not-needed")],
    };
    return;
  }
  const what = before === undefined ? "it has" : after === undefined ? "it no longer has" : "it has another";
  yield {
    effect: "rebuild",
    reason: `${what} state, which all of its documents are computed with again`,
    fields: [...(sameMeaning ? [] : stateFields(before, after)), ...initial],
    continued: "what a shuffle key has in its state comes of all documents so far",
  };
}

function stateFields(before: StatePlan | undefined, after: StatePlan | undefined): readonly FieldChange[] {
  const found =
    before === undefined || after === undefined ? [] : compareSchemas(before.schema, after.schema);
  if (found.length > 0) {
    return found.map((each) =>
      part("state", each.path || "schema", each.before ?? undefined, each.after ?? undefined, "yes"),
    );
  }
  const names = (state: StatePlan | undefined) =>
    state && Object.keys(asObject(state.schema.properties)).sort().join(", ");
  return [part("state", "schema", names(before), names(after), "yes")];
}
