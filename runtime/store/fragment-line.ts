/**
 * The lines of a fragment: each is the document with `"_meta":{"offset":N,"at":"…Z"}` as its last property. A removal's
 * line has `"_meta":{"removed":true,"offset":N,"at":"…Z"}`.
 *
 * Offset and time are put in and taken out as bytes, without parsing JSON: a line ends in
 * `"offset":N,"at":"2026-11-23T03:40:39.123456Z"}}`, and N is known.
 */
import { MetaSuffix } from "./meta-suffix.ts";

export const LF = 0x0a;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** Ends a removal's line. */
const REMOVED = Buffer.from('"_meta":{"removed":true}}');
const META = Buffer.from('"_meta":{');

/** How much longer a line gets by its offset and time, at most. */
export const MOST_META_BYTES = META.length + 1 + MetaSuffix.maxLength;

/** Whether `lines[from…end)` is in braces, as far as that can be told by its ends. */
export function isObject(lines: Buffer, from: number, end: number): boolean {
  return end >= from + 2 && lines[from] === OPEN && lines[end - 1] === CLOSE;
}

/** Writes the line `lines[from…end)` with its offset and time to `text` at `to`; returns where it ends. */
export function putLine(
  lines: Buffer,
  from: number,
  end: number,
  suffix: MetaSuffix,
  text: Buffer,
  to: number,
): number {
  let next = to;
  if (isRemoval(lines, from, end)) {
    lines.copy(text, next, from, end - 2);
    next += end - 2 - from;
    text[next++] = COMMA;
    return suffix.put("offset", text, next);
  }
  lines.copy(text, next, from, end - 1);
  next += end - 1 - from;
  return suffix.put(isEmptyObject(lines, from, end) ? "meta" : "comma", text, next);
}

/** `lines[from…end)` is one line. A removal's ends in REMOVED, as the document's last property, not as the end of a longer name. */
function isRemoval(lines: Buffer, from: number, end: number): boolean {
  if (lines[end - 2] !== CLOSE || lines[end - 3] !== 0x65) return false;
  const start = end - REMOVED.length;
  if (start <= from || lines.compare(REMOVED, 0, REMOVED.length, start, end) !== 0) return false;
  return lines[start - 1] === COMMA || lines[start - 1] === OPEN;
}

/** Whether nothing but white space stands between the line's braces. */
function isEmptyObject(lines: Buffer, from: number, end: number): boolean {
  let at = end - 2;
  while (at > from && (lines[at] === 0x20 || lines[at] === 0x09 || lines[at] === 0x0d)) at--;
  return at === from;
}

/**
 * Of a line that starts at `from`, and whose `"offset":…` starts at `cut`: where that of it ends which is in the line
 * without offset and time, before the closing braces (one, or two of a removal). -1 where its `_meta` is malformed.
 */
export function keptEnd(text: Buffer, from: number, cut: number): number {
  if (isRemovalCut(text, cut)) {
    const end = cut - 1;
    const start = end - (REMOVED.length - 2);
    const isWhole =
      text[end] === COMMA && start > from && text.compare(REMOVED, 0, REMOVED.length - 2, start, end) === 0;
    return isWhole ? end : -1;
  }
  const end = cut - META.length;
  if (end <= from) return -1;
  // Of so few bytes a loop is faster than a call into Node.
  for (let i = 0; i < META.length; i++) if (text[end + i] !== META[i]) return -1;
  return text[end - 1] === COMMA ? end - 1 : end;
}

/** Whether something stands in `_meta` before the offset: only removals have that. */
export function isRemovalCut(text: Buffer, cut: number): boolean {
  return text[cut - 1] !== OPEN;
}

/** Writes the line `text[from…end)`, where `end` is its `keptEnd`, to `room` at `to`; returns where it ends. */
export function putKept(
  text: Buffer,
  from: number,
  end: number,
  isRemoval: boolean,
  room: Buffer,
  to: number,
): number {
  text.copy(room, to, from, end);
  let next = to + end - from;
  room[next++] = CLOSE;
  if (isRemoval) room[next++] = CLOSE;
  room[next++] = LF;
  return next;
}
