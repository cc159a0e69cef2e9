/** Text of a flow, or of a base that somebody else wrote, made safe to show. */

/** Control and formatting characters as escapes: none of them may move a cursor or turn the reading direction. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`,
  );
}

export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;
}
