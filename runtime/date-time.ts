/** Date-times as nearly all are written, told by their characters: an expression takes several times as long. */

/** The pattern of `z.iso.datetime()`. What it matches is of the format "date-time". */
export const ZOD_DATE_TIME: string = String.raw`^(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z))$`;

const [POINT, ZERO, COLON, MINUS, T, Z] = [0x2e, 0x30, 0x3a, 0x2d, 0x54, 0x5a];
/** By month from 1 on. Of a 29th of February the year would have to be looked at. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether it is `2001-01-31T23:59:59Z`, or that with a fraction of the second. Of some that are, as a leap day, it says no. */
export function isPlainDateTime(text: string): boolean {
  const end = text.length - 1;
  if (end < 19 || text.charCodeAt(end) !== Z) return false;
  for (let at = 20; at < end; at++) if (digit(text, at) > 9) return false;
  const days = DAYS[twoDigits(text, 5)] ?? 0;
  const day = twoDigits(text, 8);
  return (
    twoDigits(text, 0) <= 99 &&
    twoDigits(text, 2) <= 99 &&
    text.charCodeAt(4) === MINUS &&
    text.charCodeAt(7) === MINUS &&
    day >= 1 &&
    day <= days &&
    text.charCodeAt(10) === T &&
    twoDigits(text, 11) <= 23 &&
    text.charCodeAt(13) === COLON &&
    twoDigits(text, 14) <= 59 &&
    text.charCodeAt(16) === COLON &&
    twoDigits(text, 17) <= 59 &&
    (end === 19 || (end > 20 && text.charCodeAt(19) === POINT))
  );
}

/** Over 99 where there are not two digits. */
function twoDigits(text: string, at: number): number {
  const tens = digit(text, at);
  const ones = digit(text, at + 1);
  return tens <= 9 && ones <= 9 ? 10 * tens + ones : 100;
}

/** Over 9 where there is none. */
function digit(text: string, at: number): number {
  return (text.charCodeAt(at) - ZERO) >>> 0;
}
