/**
 * Order of RFC 3339 date-times by the instant they name, to any number of fractional digits.
 * By text, `…:00.5Z` sorts before `…:00Z`, and `+02:00` means nothing; a field of format `date-time` with `max`
 * is meant to keep the latest. It is also the order of SQL's timestamptz, whatever text each instant had.
 */
import { compareCodePoints } from "./compare.ts";

/** Instants first; equal instants by text, so that the order is total. Text that is no date-time sorts by text, last. */
export function compareInstants(a: string, b: string): number {
  if (a.length === b.length && inUtc(a) && inUtc(b)) return compareCodePoints(a, b);
  const x = parse(a);
  const y = parse(b);
  if (x === undefined || y === undefined) {
    if (x === y) return compareCodePoints(a, b);
    return x === undefined ? 1 : -1;
  }
  return x.seconds - y.seconds || compareCodePoints(x.fraction, y.fraction) || compareCodePoints(a, b);
}

/** Two such texts of one length have the same fields at the same places: their text is in the order of their instants. */
function inUtc(text: string): boolean {
  return text.charCodeAt(text.length - 1) === 90 /* Z */ && text.charCodeAt(10) === 84 /* T */;
}

interface Instant {
  /** Since 1970 in UTC. */
  readonly seconds: number;
  /** Digits behind the point, without trailing zeros: they compare as text. */
  readonly fraction: string;
}

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;

function parse(text: string): Instant | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  const date = new Date(0);
  // Unlike Date.UTC, this takes the years 0 to 99 as they are.
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const offset = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * (sign === "-" ? -60 : 60);
  const ofDay = Number(hour) * 3600 + Number(minute) * 60 + Number(second ?? 0);
  return { seconds: date.getTime() / 1000 + ofDay - offset, fraction: (fraction ?? "").replace(/0+$/, "") };
}
