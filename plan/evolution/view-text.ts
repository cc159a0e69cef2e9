/** How a task reads a collection, in a few words. */
import type { CollectionView, DerivationSource } from "../plan.ts";

/** `country = NL, shop = 7 | 8`; undefined where it is read whole. */
export function whereText({ where }: CollectionView): string | undefined {
  const fields = Object.entries(where ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (fields.length === 0) return undefined;
  return fields.map(([field, values]) => `${field} = ${values.map(valueText).join(" | ")}`).join(", ");
}

/** The string `7` and the number are two values. */
function valueText(value: string | number | boolean): string {
  return typeof value === "string" && /^[A-Za-z][\w-]*$/.test(value) && !/^(true|false)$/.test(value)
    ? value
    : JSON.stringify(value);
}

/** The view, part by part: `where country = NL, by customer`. Undefined where the collection is read as it is. */
export function viewText(view: CollectionView | DerivationSource): string | undefined {
  const { from, until, priority, readDelayMs, reduced, by } = "transform" in view ? view : WHOLE;
  const where = whereText(view);
  const parts = [
    where && `where ${where}`,
    from && `since ${from}`,
    until && `until ${until}`,
    priority && `priority ${priority}`,
    readDelayMs && `${durationText(readDelayMs)} behind`,
    reduced && "reduced",
    by && `by ${by.map((each) => (typeof each === "string" ? each : "a function")).join(", ")}`,
  ].filter(Boolean);
  return parts.length === 0 ? undefined : parts.join(", ");
}

const WHOLE: Partial<DerivationSource> = {};

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** In the largest unit that gives a whole number: `10m`. */
export function durationText(ms: number): string {
  const unit = UNITS.find(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
