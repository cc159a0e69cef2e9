/**
 * Sums of numbers that travel as strings, exact where JSON's doubles are not: decimals of any length, and 64-bit
 * integers. Both are the sums that SQL's `numeric` and `bigint` give, digit for digit.
 */
import { HaltError } from "../../connectors/driver.ts";
import type { Json } from "../../plan/plan.ts";

/** Digits in units of 10^-scale: "1.50" is 150 with scale 2. */
interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** The sum has as many digits behind the point as the longer of the two: "1.50" + "0.5" is "2.00". */
export function sumDecimals(older: Json, newer: Json): string {
  const a = parseDecimal(older);
  const b = parseDecimal(newer);
  const scale = Math.max(a.scale, b.scale);
  return format({ units: scaled(a, scale) + scaled(b, scale), scale });
}

/** Without surplus zeros before the point, and zero without a sign; digits behind the point stay. */
export function canonicalDecimal(value: Json): string {
  return format(parseDecimal(value));
}

function parseDecimal(value: Json): Decimal {
  const match = typeof value === "string" ? /^(-?\d+)(?:\.(\d+))?$/.exec(value) : null;
  if (match === null) {
    throw new HaltError(
      `{ sum: "decimal" } takes strings such as "-12.50", but found ${show(value)}; write digits, with at most a sign and a point`,
    );
  }
  const [, whole = "", fraction = ""] = match;
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

function scaled({ units, scale }: Decimal, to: number): bigint {
  return scale === to ? units : units * 10n ** BigInt(to - scale);
}

function format({ units, scale }: Decimal): string {
  if (scale === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

export function sumInt64(older: Json, newer: Json): string {
  const sum = parseInt64(older) + parseInt64(newer);
  if (sum >= MIN && sum <= MAX) return String(sum);
  throw new HaltError(
    `the sum ${show(older)} + ${show(newer)} leaves the range of 64-bit integers, ${MIN} to ${MAX}; sum a larger unit, or use { sum: "decimal" }, which has no such range`,
  );
}

export function canonicalInt64(value: Json): string {
  return String(parseInt64(value));
}

function parseInt64(value: Json): bigint {
  const parsed = typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : undefined;
  if (parsed !== undefined && parsed >= MIN && parsed <= MAX) return parsed;
  throw new HaltError(
    `{ sum: "int64" } takes strings of 64-bit integers such as "-12", but found ${show(value)}; write digits, with at most a sign, within ${MIN} to ${MAX}`,
  );
}

function show(value: Json): string {
  return JSON.stringify(value).slice(0, 60);
}
