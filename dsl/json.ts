/**
 * A frozen copy of a JSON value; members that are `undefined` are left out.
 * @throws Error naming the place of the first value that JSON cannot hold.
 */
export function frozenJson<T>(value: T, place: string): T {
  // The copy has the shape of the original: every branch below rebuilds what it was given.
  return copy(value, place) as T;
}

function copy(value: unknown, place: string): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) {
    return Object.freeze(value.map((element, index) => copy(element, `${place}[${index}]`)));
  }
  if (typeof value === "object" && isPlain(value)) return copyMembers(value, place);
  throw new Error(`${place} is ${nameOf(value)}, which JSON cannot hold. Give a JSON value.`);
}

function copyMembers(value: object, place: string): object {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.freeze(
    Object.fromEntries(members.map(([name, member]) => [name, copy(member, `${place}.${name}`)])),
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Flow files are evaluated in a realm of their own: their Object.prototype need not be ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value in a message. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : nameOf(value);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "function") return "a function";
  return typeof value === "object" ? `a ${value.constructor?.name ?? "foreign object"}` : String(value);
}
