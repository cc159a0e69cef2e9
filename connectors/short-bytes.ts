/** Comparing a few bytes, four at a time: faster than one at a time, and than a call into Node for so few. */

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Whether `a` has from `at` on what `b` has from `from` on, for `length` bytes. Where `a` ends before that it has not; `b` must go on. */
export function hasBytes(a: DataView, at: number, b: DataView, from: number, length: number): boolean {
  if (at + length > a.byteLength) return false;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) if (a.getInt32(at + i) !== b.getInt32(from + i)) return false;
  for (let i = whole; i < length; i++) if (a.getUint8(at + i) !== b.getUint8(from + i)) return false;
  return true;
}
