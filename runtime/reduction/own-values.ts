/**
 * Values that combining has made itself, one document after the other, and that nobody else has: they are extended in place.
 * Otherwise a key that many documents append to would have its whole value copied for each of them.
 */
const own = new WeakSet<object>();

export function isOwn(value: object): boolean {
  return own.has(value);
}

/** Marks a value that was just made, if it will be its owner's alone. */
export function ownIf<T extends object>(owned: boolean, value: T): T {
  if (owned) own.add(value);
  return value;
}
