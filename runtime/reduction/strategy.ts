/**
 * How two present values of one field combine. The caller deals with absence: a named strategy skips it.
 *
 * `null` is a value for `first` and `last`. For `sum`, `min` and `max` it counts less than any value: it is skipped
 * where there is one, and stays where there is none.
 */
import { HaltError } from "../../connectors/driver.ts";
import type { FieldSchema } from "../../plan/field-schema.ts";
import type { Json, ReduceStrategy } from "../../plan/plan.ts";
import { compareScalars, type Scalar } from "./compare.ts";
import { compareInstants } from "./instant.ts";

/** Throws `HaltError`, which says what is wrong with the values but not where; the reducer adds field and key. */
export type Combine = (older: Json, newer: Json) => Json;

export function compileStrategy(strategy: ReduceStrategy, field: FieldSchema | undefined): Combine {
  switch (strategy) {
    case "sum":
      return skipNull(isInteger(field) ? sumIntegers : sumNumbers);
    case "min":
    case "max":
      return skipNull(extreme(strategy, field?.format === "date-time"));
    case "first":
      return (older) => older;
    case "last":
      return (_, newer) => newer;
  }
}

function isInteger(field: FieldSchema | undefined): boolean {
  return field !== undefined && !field.types.has("number") && field.types.has("integer");
}

function skipNull(combine: Combine): Combine {
  return (older, newer) => (older === null ? newer : newer === null ? older : combine(older, newer));
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

/** On a tie the older value stays. */
function extreme(strategy: "min" | "max", instants: boolean): Combine {
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

function asScalar(value: Json, strategy: ReduceStrategy): Scalar {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new HaltError(`"${strategy}" takes strings, numbers or booleans, but found ${kind(value)}`);
}

function kind(value: Json): string {
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
