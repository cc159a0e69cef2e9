/** How what is found is held against what must be there. */

/** Texts by key. Two entries of one key are one entry of both texts: a double shows. */
export function byKey<T>(
  entries: Iterable<T>,
  keyOf: (entry: T) => string,
  textOf: (entry: T) => string,
): Map<string, string> {
  const map = new Map<string, string>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const before = map.get(key);
    map.set(key, before === undefined ? textOf(entry) : `${before} and ${textOf(entry)}`);
  }
  return map;
}

const SHOWN = 4;

/** A sentence for each of the first few keys that differ, and one that counts them. */
export function differences(
  what: string,
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string[] {
  const keys = [...new Set([...expected.keys(), ...found.keys()])].filter(
    (key) => expected.get(key) !== found.get(key),
  );
  if (keys.length === 0) return [];
  const shown = keys.slice(0, SHOWN).map((key) => {
    const [wanted, there] = [expected.get(key), found.get(key)];
    if (there === undefined) return `${what}: ${key} is missing, it should be ${wanted}`;
    if (wanted === undefined) return `${what}: ${key} should not be there, and is ${there}`;
    return `${what}: ${key} should be ${wanted}, and is ${there}`;
  });
  return keys.length > SHOWN ? [...shown, `${what}: ${keys.length} keys differ`] : shown;
}
