/** Times in fragments: UTC with microseconds, always 27 characters: `2026-11-23T03:40:39.123456Z`. */

/** `at` in microseconds since 1970. */
export function formatTime(at: number): string {
  const milliseconds = Math.floor(at / 1000);
  const time = new Date(milliseconds).toISOString();
  if (!Number.isSafeInteger(at) || time.length !== 24)
    throw new RangeError(`The time ${at} µs is out of range.`);
  return `${time.slice(0, 23)}${String(at - milliseconds * 1000).padStart(3, "0")}Z`;
}

/** Microseconds since 1970; undefined unless the text is spelled as `formatTime` spells it. */
export function parseTime(text: string): number | undefined {
  const at = Date.parse(`${text.slice(0, 23)}Z`) * 1000 + Number(text.slice(23, 26));
  return Number.isSafeInteger(at) && formatTime(at) === text ? at : undefined;
}

/** UTC date, `YYYY-MM-DD`. */
export function dateOf(at: number): string {
  return formatTime(at).slice(0, 10);
}
