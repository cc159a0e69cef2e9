/** Memory of documents: who owns it, and when it is given back. */

/** What stands before the lines in a buffer of `roomForLines`. No text of JSON has a byte of 0. */
const MARK = Buffer.from("\0room for a seal", "latin1");

/** In a buffer of `roomForLines`, before the lines: the head writes there what it keeps with them, and so need not copy them. */
export const BEFORE_LINES = MARK.length;

/** Bytes for lines that are to be appended, in a buffer of their own. */
export function roomForLines(bytes: number): Buffer {
  const all = Buffer.allocUnsafeSlow(BEFORE_LINES + bytes);
  all.set(MARK);
  return all.subarray(BEFORE_LINES);
}

/** Parts of lines, one behind the other, in bytes of `roomForLines`. */
export function joinedLines(parts: readonly Uint8Array[]): Buffer {
  const all = roomForLines(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Lines behind a room that was used, in a buffer of which nobody needs what was written there. */
export function linesBehindRoom(all: Uint8Array): Buffer {
  all.set(MARK);
  return Buffer.from(all.buffer, all.byteOffset + BEFORE_LINES, all.byteLength - BEFORE_LINES);
}

/** Whether a view has all of its buffer. */
export function isWhole({ buffer, byteLength }: ArrayBufferView): boolean {
  return byteLength === buffer.byteLength;
}

/** Whether a view is as `roomForLines` gave it, in this thread or another, and the room before it has not been used. */
export function hasRoom({ buffer, byteOffset, byteLength }: ArrayBufferView): boolean {
  return (
    byteOffset === BEFORE_LINES &&
    byteOffset + byteLength === buffer.byteLength &&
    MARK.equals(new Uint8Array(buffer, 0, BEFORE_LINES))
  );
}

/** Smaller ones are not worth it, and may be parts of Node's pool, which cannot be given back. */
const LARGE_BYTES = 128 * 1024;

/**
 * Gives the memory of a buffer back at once. The collector does not hurry with what has grown old: it lets each thread have
 * some 64 MB of buffers that nobody uses. Only for who has the last use of all of it: every view is empty afterwards.
 */
export function letGo(buffer: ArrayBufferLike, leastBytes: number = LARGE_BYTES): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached && buffer.byteLength >= leastBytes)
    buffer.transfer(0);
}
