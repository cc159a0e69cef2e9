/**
 * How two present values of one field combine. The caller deals with absence: a named strategy skips it.
 *
 * `null` is a value for `first` and `last`. For all others it counts less than any value: it is skipped where there is
 * one, and stays where there is none.
 */
import { HaltError } from "../../connectors/driver.ts";
import { type FieldSchema, fieldAt, fieldsInside } from "../../plan/field-schema.ts";
import type { ExactSum, Json, JsonSchema, MergeByKey, ReduceStrategy } from "../../plan/plan.ts";
import { compareScalars, type Scalar } from "./compare.ts";
import { canonicalDecimal, canonicalInt64, sumDecimals, sumInt64 } from "./exact-sum.ts";
import { compareInstants } from "./instant.ts";
import { asObject, mergeArrays, mergeObjects } from "./merge.ts";
import { isOwn, ownIf } from "./own-values.ts";
import { combineSets, settleSet } from "./set.ts";

export interface Strategy {
  /**
   * Throws `HaltError`, which says what is wrong with the values but not where; the reducer adds field and key.
   * Arguments stay as they are, but where `owned` says that the older one is the caller's alone and will not be used any
   * more: then what an owned combination made before may be extended in place.
   */
  combine(older: Json, newer: Json, owned: boolean): Json;
  /**
   * Throws what `combine` would, at less cost where that copies the older value: for two values each of which `settle`
   * has taken. Without it, `combine` is to be called for that.
   */
  readonly check?: (older: Json, newer: Json) => void;
  /** The value in a whole row, where that is another than in a document that may yet be combined with older ones. */
  readonly settle?: (value: Json) => Json;
}

type Combine = Strategy["combine"];

/** Of the field at `path`. */
export function compileStrategy(strategy: ReduceStrategy, schema: JsonSchema, path: string): Strategy {
  const field = fieldAt(schema, path);
  if (typeof strategy === "object") return "sum" in strategy ? exactSum(strategy) : mergeByKey(strategy);
  switch (strategy) {
    case "sum":
      return { combine: skipNull(isInteger(field) ? sumIntegers : sumNumbers) };
    case "min":
    case "max":
      return { combine: skipNull(extreme(strategy, field?.format === "date-time")) };
    case "first":
      return { combine: (older) => older };
    case "last":
      return { combine: (_, newer) => newer };
    case "append":
      return { combine: skipNull(append), check: checkArrays };
    case "set":
      return setOf(schema, path);
    case "merge":
      return { combine: skipNull(mergeObjects), check: checkObjects };
  }
}

function exactSum({ sum }: ExactSum): Strategy {
  return sum === "decimal"
    ? { combine: skipNull(sumDecimals), settle: keepNull(canonicalDecimal) }
    : { combine: skipNull(sumInt64), settle: keepNull(canonicalInt64) };
}

function mergeByKey({ merge }: MergeByKey): Strategy {
  const combine = mergeArrays(merge.key);
  return {
    combine: skipNull(combine),
    settle: keepNull((value) => combine([], value, false)),
    check: allow,
  };
}

function setOf(schema: JsonSchema, path: string): Strategy {
  const lists = fieldsInside(schema, path);
  const required = {
    add: lists.get("add")?.required === true,
    remove: lists.get("remove")?.required === true,
  };
  return {
    combine: skipNull((older, newer, owned) => combineSets(older, newer, required, owned)),
    check: allow,
    settle: keepNull((value) => settleSet(value, required)),
  };
}

/** What each of two values is by itself, `settle` has seen. */
function allow(): void {}

function checkArrays(older: Json, newer: Json): void {
  if (older === null || newer === null) return;
  if (!Array.isArray(older) || !Array.isArray(newer)) throw noArrays(older, newer);
}

function checkObjects(older: Json, newer: Json): void {
  if (older === null || newer === null) return;
  for (const value of [older, newer]) asObject(value);
}

function keepNull(settle: (value: Json) => Json): (value: Json) => Json {
  return (value) => (value === null ? null : settle(value));
}

function isInteger(field: FieldSchema | undefined): boolean {
  return field !== undefined && !field.types.has("number") && field.types.has("integer");
}

function skipNull(combine: Combine): Combine {
  return (older, newer, owned) =>
    older === null ? newer : newer === null ? older : combine(older, newer, owned);
}

function sumIntegers(older: Json, newer: Json): Json {
  const sum = plus(older, newer);
  if (Number.isSafeInteger(sum)) return sum;
  throw new HaltError(
    `the sum ${older} + ${newer} leaves the range of exact integers, ±${Number.MAX_SAFE_INTEGER}; sum a larger unit, or make the field a number (z.number()) and accept rounding`,
  );
}

function sumNumbers(older: Json, newer: Json): Json {
  const sum = plus(older, newer);
  if (Number.isFinite(sum)) return sum;
  throw new HaltError(`the sum ${older} + ${newer} leaves the range of numbers; sum a larger unit`);
}

function plus(older: Json, newer: Json): number {
  if (typeof older === "number" && typeof newer === "number") return older + newer;
  throw new HaltError(`"sum" takes numbers, but found ${kind(typeof older === "number" ? newer : older)}`);
}

type Extreme = "min" | "max";

function append(older: Json, newer: Json, owned: boolean): Json {
  if (!Array.isArray(older) || !Array.isArray(newer)) throw noArrays(older, newer);
  const all: Json[] = owned && isOwn(older) ? older : ownIf(owned, [...older]);
  for (const element of newer) all.push(element);
  return all;
}

function noArrays(older: Json, newer: Json): HaltError {
  return new HaltError(`"append" takes arrays, but found ${kind(Array.isArray(older) ? newer : older)}`);
}

/** On a tie the older value stays. */
function extreme(strategy: Extreme, instants: boolean): Combine {
  const sign = strategy === "min" ? 1 : -1;
  return (older, newer) => {
    if (typeof older === "number" && typeof newer === "number") {
      return sign * (newer - older) < 0 ? newer : older;
    }
    if (instants && typeof older === "string" && typeof newer === "string") {
      return sign * compareInstants(newer, older) < 0 ? newer : older;
    }
    return sign * compareScalars(asScalar(newer, strategy), asScalar(older, strategy)) < 0 ? newer : older;
  };
}

function asScalar(value: Json, strategy: Extreme): Scalar {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new HaltError(`"${strategy}" takes strings, numbers or booleans, but found ${kind(value)}`);
}

function kind(value: Json): string {
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
