/** A UTC date, `2026-01-01`, which is its first moment, or an RFC 3339 time, `2026-01-01T12:00:00Z`. */
export type Instant = `${number}-${number}-${number}${"" | `T${string}`}`;

// RFC 3339, section 5.6, or its full-date alone.
const INSTANT = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?$/;

/** In ms since 1970 UTC, fractions of one dropped; undefined if the text is no instant. */
export function instantMilliseconds(instant: string): number | undefined {
  const [, date, time = "T00:00:00Z"] = INSTANT.exec(instant) ?? [];
  if (date === undefined) return undefined;
  // `Date` rolls over what no month has: 30 February reads as 2 March.
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date)) return undefined;
  const ms = Date.parse(`${date}${time}`);
  return Number.isNaN(ms) ? undefined : ms;
}
