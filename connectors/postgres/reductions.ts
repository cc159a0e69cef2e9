/**
 * Reductions as SQL, and only where SQL gives exactly the row that the runtime's result would give.
 * `t` is the stored row, `excluded` the newer one.
 */
import type { CollectionPlan } from "../../plan/plan.ts";
import { isTextual } from "./column-type.ts";
import type { Column, TableColumns } from "./columns.ts";
import { quote, quoteLiteral } from "./identifiers.ts";

/** The marker by which the driver knows the error that `sumOfIntegers` raises. */
export const SUM_OVERFLOW = "weir-sum-overflow";
/** The same, of 64-bit integers. */
export const INT64_OVERFLOW = "weir-int64-overflow";

interface Range {
  readonly low: bigint;
  readonly high: bigint;
}
const EXACT: Range = { low: BigInt(Number.MIN_SAFE_INTEGER), high: BigInt(Number.MAX_SAFE_INTEGER) };
const INT64: Range = { low: -(2n ** 63n), high: 2n ** 63n - 1n };

/** New values by column name, or undefined where any of the collection's reductions must be the runtime's. */
export function reductionsInSql(
  collection: CollectionPlan,
  columns: TableColumns,
): ReadonlyMap<string, string> | undefined {
  // A path into an object: the column is jsonb, whose inside SQL would have to rewrite.
  if (Object.keys(collection.reduce).some((path) => path.includes("."))) return undefined;
  const expressions = new Map<string, string>();
  for (const column of columns.all) {
    if (column.inKey) continue;
    const expression = reduction(column, columns.key);
    if (expression === undefined) return undefined;
    expressions.set(column.name, expression);
  }
  return expressions;
}

function reduction(column: Column, key: readonly Column[]): string | undefined {
  const stored = `t.${quote(column.name)}`;
  const newer = `excluded.${quote(column.name)}`;
  const maybeMissing = !column.field.required;
  const nullHidesAbsence = maybeMissing && column.type !== "jsonb" && column.field.types.has("null");
  if (typeof column.strategy === "object") {
    if (!("sum" in column.strategy)) return undefined;
    if (column.type === "bigint") return sumOfIntegers(column, key, INT64);
    return column.type === "numeric" ? skipNull(column, `${stored} + ${newer}`) : undefined;
  }
  switch (column.strategy) {
    case undefined:
      return newer;
    case "set":
    case "merge":
      return undefined;
    case "append":
      // A JSON null would become an element.
      if (column.type !== "jsonb" || column.field.types.size !== 1) return undefined;
      return maybeMissing ? `coalesce(${stored} || ${newer}, ${newer}, ${stored})` : `${stored} || ${newer}`;
    case "sum":
      if (column.field.types.has("integer")) {
        return column.type === "bigint" || column.type === "numeric"
          ? sumOfIntegers(column, key, EXACT)
          : undefined;
      }
      return column.type === "double precision" ? skipNull(column, `${stored} + ${newer}`) : undefined;
    case "min":
    case "max": {
      if (column.type === "jsonb" || column.type === "uuid") return undefined;
      // As text, date-times would go by code point, not by instant.
      if (column.field.format === "date-time" && isTextual(column)) return undefined;
      // Strings go by code point, whatever the database's collation; both functions skip NULL.
      const collate = isTextual(column) ? ' COLLATE "C"' : "";
      return `${column.strategy === "min" ? "least" : "greatest"}(${stored}${collate}, ${newer}${collate})`;
    }
    case "first":
      return maybeMissing ? `coalesce(${stored}, ${newer})` : stored;
    case "last":
      if (nullHidesAbsence) return undefined;
      return maybeMissing ? `coalesce(${newer}, ${stored})` : newer;
  }
}

function skipNull(column: Column, sum: string): string {
  if (column.notNull) return sum;
  const name = quote(column.name);
  return `CASE WHEN t.${name} IS NULL THEN excluded.${name} WHEN excluded.${name} IS NULL THEN t.${name} ELSE ${sum} END`;
}

/**
 * Raises where the runtime would halt. SQL has no function that raises, so a text that is no number is cast to one; it
 * holds the key, so that nothing folds the cast before a row needs it.
 */
function sumOfIntegers(column: Column, key: readonly Column[], range: Range): string {
  const name = quote(column.name);
  const sum = `t.${name} + excluded.${name}`;
  // Beyond bigint the sum itself would fail, without naming its key.
  const tried = range === INT64 ? `t.${name}::numeric + excluded.${name}` : sum;
  const keyAsJson = `jsonb_build_array(${key.map((each) => `t.${quote(each.name)}`).join(", ")})::text`;
  const raise = `(${quoteLiteral(`${range === INT64 ? INT64_OVERFLOW : SUM_OVERFLOW} ${column.name} `)} || ${keyAsJson})::bigint`;
  const inRange = `${tried} BETWEEN ${range.low} AND ${range.high}`;
  return skipNull(column, `CASE WHEN ${inRange} THEN ${sum} ELSE ${raise} END`);
}
