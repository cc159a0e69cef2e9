/** Comparing a few bytes, four at a time: faster than one at a time, and than a call into Node for so few. */

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/**
 * Whether `a` has from `at` on what `b` has from `from` on, for `length` bytes. Both must go on for so long: that is the caller's to look
 * at, who knows the lengths. Asked for its own a view takes as long as the comparison.
 */
export function hasBytes(a: DataView, at: number, b: DataView, from: number, length: number): boolean {
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) if (a.getInt32(at + i) !== b.getInt32(from + i)) return false;
  for (let i = whole; i < length; i++) if (a.getUint8(at + i) !== b.getUint8(from + i)) return false;
  return true;
}
