/** What has changed in a materialization's own definition, and what its collection's schema asks of it. */
import { fieldsOf } from "../field-schema.ts";
import type { Json, MaterializationPlan, Plan } from "../plan.ts";
import { compareSchemas } from "./compare-schemas.ts";
import {
  type Difference,
  fieldChange,
  guaranteeDifferences,
  optionChanges,
  otherDifferences,
  own,
  part,
  sameJson,
} from "./difference.ts";
import { SCHEMA_RULES } from "./schema-rules.ts";
import { asObject } from "./schema-shape.ts";
import { type Misfit, misfitsOf } from "./target-form.ts";
import { whereText } from "./view-text.ts";

/** `base` has the new names: see `withRenames`. */
export function targetDifferences(
  name: string,
  base: Plan,
  next: Plan,
  renamed: boolean,
): readonly Difference[] {
  const [before, after] = [own(base.materializations, name), own(next.materializations, name)];
  if (before === undefined || after === undefined) return [];
  const key = own(next.collections, after.collection)?.key ?? [];
  return [
    ...definitionDifferences(before, withoutNewColumns(before, after, base), renamed, key),
    ...schemaDifferences(before, after, base, next),
  ];
}

/** What the options say of a field that the collection did not have is no change of what stands: see `misfitsOf`. */
function withoutNewColumns(
  before: MaterializationPlan,
  after: MaterializationPlan,
  base: Plan,
): MaterializationPlan {
  const collection = own(base.collections, before.collection);
  const { columns, ...config } = after.config;
  if (collection === undefined || columns === undefined) return after;
  const [had, old] = [asObject(before.config.columns), fieldsOf(collection.schema)];
  const left = Object.entries(asObject(columns)).filter(
    ([path]) => path.includes(".") || old.has(path) || Object.hasOwn(had, path),
  );
  const none = left.length === 0 && before.config.columns === undefined;
  return { ...after, config: none ? config : { ...config, columns: Object.fromEntries(left) } };
}

function* definitionDifferences(
  before: MaterializationPlan,
  after: MaterializationPlan,
  renamed: boolean,
  key: readonly string[],
): Generator<Difference> {
  yield* guaranteeDifferences(before, after);
  const refilled = isRefilled(before, after);
  if (refilled) {
    yield {
      effect: "rebuild",
      reason: "its backfill counter has moved, so it is emptied and filled again from history",
      fields: [part("target", "backfill", before.backfill ?? 0, after.backfill ?? 0, "yes")],
      inPlace: true,
      caution: EMPTIED,
    };
  }
  if (before.collection !== after.collection) {
    yield {
      effect: "rebuild",
      reason: `it holds ${after.collection} instead of ${before.collection}`,
      fields: [part("target", "collection", before.collection, after.collection, "yes")],
      destructive: true,
      caution: `The rows of ${before.collection} give way, and are kept until weir drop. Name another target for ${after.collection} to go on with both.`,
    };
  }
  if (!sameJson(before.where, after.where)) {
    yield {
      effect: "rebuild",
      reason: `it holds another part of ${after.collection}`,
      fields: [part("target", "where", whereText(before), whereText(after), "yes")],
      ...(refilled ? { inPlace: true } : {}),
    };
  }
  if (before.mode !== after.mode) {
    const [was, is] = [before.mode ?? "standard", after.mode ?? "standard"];
    const delta = is === "delta";
    yield {
      effect: "rebuild",
      reason: delta
        ? "it holds a row for each document as it was appended instead of one per key"
        : "it holds one row per key instead of one for each document",
      fields: [part("target", "mode", was, is, "yes")],
      destructive: true,
      caution: `A table of the other form takes its place; this one is kept until weir drop. Name another table for the ${is} mode to go on with both.`,
    };
  }
  yield* optionDifferences(before, after, refilled, renamed ? NAMING : new Set(), key);
  if (before.onSchemaChange !== after.onSchemaChange) {
    const [was, is] = [before.onSchemaChange ?? "halt", after.onSchemaChange ?? "halt"];
    yield {
      effect: "update",
      reason: "what it does where its collection's schema changes is another from here on",
      fields: [part("target", "onSchemaChange", was, is, "not-needed")],
    };
  }
  yield* otherDifferences(before, after, KNOWN);
}

function isRefilled(before: MaterializationPlan, after: MaterializationPlan): boolean {
  return (before.backfill ?? 0) !== (after.backfill ?? 0);
}

const KNOWN = new Set([
  ...["connector", "config", "guarantee", "collection", "where"],
  ...["mode", "backfill", "onSchemaChange", "renamedFrom"],
]);

const EMPTIED = "Until it has caught up, rows are missing in it.";

function* optionDifferences(
  before: MaterializationPlan,
  after: MaterializationPlan,
  refilled: boolean,
  ignored: ReadonlySet<string>,
  key: readonly string[],
): Generator<Difference> {
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
  const others = changed.filter(({ path }) => path !== "url" && !ignored.has(path));
  if (others.length === 0) return;
  const covered = others.every(({ path }) => REFILLED.get(after.connector)?.has(path));
  const declared = after.config.primaryKey !== undefined;
  const rekeyed =
    !declared &&
    after.mode !== "delta" &&
    key.some((path) => !sameJson(columnOf(before, path), columnOf(after, path)));
  yield {
    effect: "rebuild",
    reason: `another ${others.map(({ path }) => `"${path}"`).join(", ")} was chosen, so its rows are written anew`,
    fields: others,
    ...(covered && refilled && !rekeyed ? { caution: declared ? UNALTERED : REMAINS } : {}),
    ...(covered && refilled && !rekeyed ? { inPlace: true } : {}),
  };
}

function columnOf({ config }: MaterializationPlan, path: string): Json | undefined {
  return asObject(config.columns)[path];
}

/** The options that a target has its name from. */
const NAMING: ReadonlySet<string> = new Set(["table", "key"]);

/** A table that is declared elsewhere is altered by its own migrations, and the driver halts where they are missing. */
const UNALTERED =
  "The table itself is not altered: where its columns do not fit, the task halts and names what to run.";

const REMAINS =
  "Where its columns do not fit, the emptied table is altered. Columns that no field has any more stay, without values.";

/** By connector, the options that a target which is emptied and filled again may take anew. */
const REFILLED: ReadonlyMap<string, ReadonlySet<string>> = new Map([["postgres", new Set(["columns"])]]);

/** What a compatible change of the collection's schema asks of a target; any other has it filled again with the collection. */
function* schemaDifferences(
  before: MaterializationPlan,
  after: MaterializationPlan,
  base: Plan,
  next: Plan,
): Generator<Difference> {
  const { collection } = after;
  const [was, is] = [own(base.collections, collection), own(next.collections, collection)];
  if (was === undefined || is === undefined || before.collection !== collection) return;
  const found = compareSchemas(was.schema, is.schema);
  if (found.some(({ rule }) => !SCHEMA_RULES[rule].compatible)) return;
  const misfits = found.length === 0 ? [] : misfitsOf(after, was, is);
  if (misfits.length === 0 && !found.some(({ rule }) => SCHEMA_RULES[rule].reachesTargets)) return;
  const fields = found.map(fieldChange);
  const named = (remedy: Misfit["remedy"]) => misfits.filter((each) => each.remedy === remedy);
  const [refused, filled, altered] = [named("refused"), named("fill"), named("alter")];
  const backfills = isRefilled(before, after) || (after.onSchemaChange === "backfill" && filled.length > 0);
  if (backfills && misfits.length > 0 && misfits.every(({ isReshaped }) => isReshaped)) {
    yield {
      effect: "rebuild",
      reason: `fields of ${collection} have changed so that its table is emptied, altered and filled again`,
      fields,
      upstream: collection,
      caution: EMPTIED,
      inPlace: true,
    };
    return;
  }
  const changed = `fields of ${collection} have changed`;
  yield {
    effect: filled.length > 0 ? "rebuild" : "update",
    reason:
      filled.length > 0
        ? `${changed}: ${said(filled)}, so it is filled again`
        : altered.length > 0
          ? `${changed}: its table is altered where it stands (${said(altered)})`
          : `${changed}; rows already stored stay as they are`,
    fields,
    upstream: collection,
    ...(refused.length > 0 ? { refused: said(refused) } : {}),
  };
}

function said(misfits: readonly Misfit[]): string {
  return misfits.map(({ says }) => says).join(" and ");
}
