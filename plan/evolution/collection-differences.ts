/** What has changed in a collection's own definition and in the task that fills it. */
import { fieldAt } from "../field-schema.ts";
import type { CapturePlan, CollectionPlan, Plan } from "../plan.ts";
import { withContinuation } from "./continuation.ts";
import { derivationDifferences } from "./derivation-differences.ts";
import {
  type Difference,
  type FieldChange,
  guaranteeDifferences,
  onErrorDifferences,
  optionChanges,
  otherDifferences,
  own,
  part,
  reduceDifferences,
  sameJson,
  schemaDifferences,
} from "./difference.ts";

export function collectionDifferences(name: string, base: Plan, next: Plan): readonly Difference[] {
  const [before, after] = [base.collections[name], next.collections[name]];
  if (before === undefined || after === undefined) return [];
  const [captured, wasCaptured] = [own(next.captures, name), own(base.captures, name)];
  const [derived, wasDerived] = [own(next.derivations, name), own(base.derivations, name)];
  const found = [
    ...kindDifferences(wasCaptured !== undefined, captured !== undefined),
    ...(wasCaptured && captured ? captureDifferences(wasCaptured, captured) : []),
    ...(wasDerived && derived ? derivationDifferences(wasDerived, derived) : []),
    ...keyDifferences(before, after, captured !== undefined),
    ...schemaDifferences(before, after).map((each) => (captured ? withSenders(each, after) : each)),
    ...reduceDifferences(before, after, captured !== undefined),
    ...journalDifferences(before, after, captured !== undefined),
    ...otherDifferences(before, after, KNOWN),
  ];
  return wasDerived && derived ? withContinuation(found, wasDerived, derived) : found;
}

/** A `renamedFrom` says where what is stored comes from, and nothing of what it is: `renames.ts`. */
const KNOWN = new Set(["schema", "key", "reduce", "partitionBy", "partitions", "renamedFrom"]);

/** A closed schema refuses what it does not name: a field that is removed must go at its source first. */
function withSenders(difference: Difference, { schema }: CollectionPlan): Difference {
  const removed = difference.fields.filter(({ rule }) => rule === "removed").map(({ path }) => path);
  if (removed.length === 0 || difference.effect !== "update" || schema.additionalProperties !== false)
    return difference;
  const caution = `A document that still has ${removed.join(" or ")} is refused from now on. Let the source leave it out first, or keep it as an optional field.`;
  return { ...difference, caution };
}

function* kindDifferences(wasCaptured: boolean, captured: boolean): Generator<Difference> {
  if (wasCaptured === captured) return;
  const [was, is] = wasCaptured ? ["captured", "derived"] : ["derived", "captured"];
  yield {
    effect: "rebuild",
    reason: `it was ${was} and is now ${is}`,
    fields: [part("source", "kind", was, is, "yes")],
    destructive: true,
    caution: `What was ${was} is not in the rebuilt collection, and is kept beside it until weir drop. Give the ${is} one a name of its own to go on with both.`,
  };
}

function* captureDifferences(before: CapturePlan, after: CapturePlan): Generator<Difference> {
  yield* guaranteeDifferences(before, after);
  yield* onErrorDifferences(before, after, "a row that is no document of its schema");
  const moved = before.connector !== after.connector;
  if (!moved && sameJson(before.config, after.config)) return;
  const rebuilt = moved || !goesOn(before, after);
  const changed = optionChanges("source", before.config, after.config, () => (rebuilt ? "no" : "not-needed"));
  const options = changed.map(({ path }) => path).join(", ");
  if (!rebuilt) {
    yield before.connector === "http"
      ? {
          effect: "resume",
          reason: "documents are posted to another path from here on: those stored before stay",
          fields: changed,
          caution: "The old path answers 404 once this runs: change the senders with it.",
        }
      : {
          effect: "resume",
          reason: "it goes on from its cursor: whether it waits for more has changed",
          fields: changed,
        };
    return;
  }
  const connector = moved ? [part("source", "connector", before.connector, after.connector, "no")] : [];
  const what = moved
    ? `it reads from ${after.connector} instead of ${before.connector}`
    : `the ${options} of its source has changed`;
  yield {
    effect: "rebuild",
    reason: `${what}; its cursor does not apply, so the source is read from its beginning`,
    fields: [...connector, ...changed],
    destructive: true,
    caution:
      "Documents that the old source gave are not in the rebuilt collection, and are kept beside it until weir drop. Declare the new source under a new name to go on with both.",
  };
}

/** HTTP keeps no cursor, and that of files holds whether they are watched or not. */
function goesOn(before: CapturePlan, after: CapturePlan): boolean {
  const { watch: _before, ...was } = before.config;
  const { watch: _after, ...is } = after.config;
  return before.connector === "http" || (before.connector === "files" && sameJson(was, is));
}

/** A derived collection's removals name rows by the old key; a captured one holds whole documents only. */
function* keyDifferences(
  before: CollectionPlan,
  after: CollectionPlan,
  captured: boolean,
): Generator<Difference> {
  if (sameJson(before.key, after.key)) return;
  const text = ({ key }: CollectionPlan) => key.join(", ");
  const change = (stored: "yes" | "no" | "not-needed" | "checked") => [
    part("key", "key", text(before), text(after), stored),
  ];
  if (sameJson([...before.key].sort(), [...after.key].sort())) {
    const reordered = "its key fields stand in another order";
    yield isDivided(before, after)
      ? {
          effect: "rebuild",
          reason: `${reordered}, by which its documents are divided among partitions`,
          fields: change("yes"),
        }
      : {
          effect: "update",
          reason: `${reordered}: documents stay as they are, and whatever holds or reads them reduced is made again`,
          fields: change("not-needed"),
          readers: "reduced",
        };
    return;
  }
  if (!captured) {
    yield {
      effect: "rebuild",
      reason: "its key has changed: removals stored before name rows by the old one",
      fields: change("yes"),
    };
    return;
  }
  if (after.key.every((path) => wasRequired(before, after, path))) {
    if (isDivided(before, after)) {
      yield {
        effect: "rebuild",
        reason: "its key has changed, by which its documents are divided among partitions",
        fields: change("yes"),
      };
      return;
    }
    yield {
      effect: "update",
      reason:
        "its key has changed: documents stored before have the new one's fields, targets have a row per key",
      fields: change("not-needed"),
      readers: "targets",
    };
    return;
  }
  yield {
    effect: "rebuild",
    reason: "its key has changed to fields that documents stored before may lack",
    fields: change("checked"),
  };
}

/** Whether the key's hash decides where a document is. */
function isDivided(before: CollectionPlan, after: CollectionPlan): boolean {
  return (before.partitions ?? 1) > 1 || (after.partitions ?? 1) > 1;
}

function wasRequired(before: CollectionPlan, after: CollectionPlan, path: string): boolean {
  const [was, is] = [fieldAt(before.schema, path), fieldAt(after.schema, path)];
  return was?.required === true && is !== undefined && [...was.types].every((type) => is.types.has(type));
}

/** Which journal a document is in follows from its partition fields and the hash of its key. */
function* journalDifferences(
  before: CollectionPlan,
  after: CollectionPlan,
  captured: boolean,
): Generator<Difference> {
  const [fieldsBefore, fields] = [before.partitionBy ?? [], after.partitionBy ?? []];
  const [countBefore, count] = [before.partitions ?? 1, after.partitions ?? 1];
  const changes: FieldChange[] = [];
  if (!sameJson(fieldsBefore, fields)) {
    const list = (names: readonly string[]) => (names.length === 0 ? undefined : names.join(", "));
    changes.push(part("journals", "partitionBy", list(fieldsBefore), list(fields), "yes"));
  }
  if (countBefore !== count) changes.push(part("journals", "partitions", countBefore, count, "yes"));
  if (changes.length === 0) return;
  yield {
    effect: "rebuild",
    reason: "it is cut into other journals, so its documents are written to them anew",
    fields: changes,
    ...(captured
      ? {
          caution:
            "Documents of one key keep their order; those of different keys may come in another. The old journals are kept until weir drop.",
        }
      : {}),
  };
}
