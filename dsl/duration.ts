/** A whole number with its unit, `10m`: milliseconds, seconds, minutes, hours or days. */
export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const MILLISECONDS = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** In ms; undefined if the text is no duration, or a longer one than can be counted exactly. */
export function milliseconds(duration: string): number | undefined {
  const [, count, unit = ""] = /^(\d+)([a-z]+)$/.exec(duration) ?? [];
  const ms = Number(count) * (MILLISECONDS.get(unit) ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}
