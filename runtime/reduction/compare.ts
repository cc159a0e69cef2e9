/**
 * Order of JSON scalars, as `min` and `max` use it. Total, so that folding in any grouping gives the same result.
 */
export type Scalar = string | number | boolean;

/**
 * Compares strings by Unicode code point: the order of their UTF-8 bytes, and of SQL's `COLLATE "C"`.
 * JavaScript's `<` compares UTF-16 units, which puts U+10000 before U+FFFF.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x < FIRST_SURROGATE || y < FIRST_SURROGATE ? x - y : weight(x) - weight(y);
  }
  return a.length - b.length;
}

const FIRST_SURROGATE = 0xd800;

/** Surrogates stand for code points above every single unit, so they go after U+E000…U+FFFF. */
function weight(unit: number): number {
  return unit < 0xe000 ? unit + 0x10000 : unit;
}

/** Booleans (false first), then numbers, then strings; each kind by its own order. */
export function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return rank(a) - rank(b);
}

function rank(value: Scalar): number {
  return typeof value === "boolean" ? 0 : typeof value === "number" ? 1 : 2;
}
