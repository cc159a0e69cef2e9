import { type CollectionSize, OFFLINE, type Replay } from "./change.ts";

/** Reading these collections from their first document on, or a capture's source from its beginning. */
export function replayOf(
  collections: readonly string[],
  sizes: ReadonlyMap<string, CollectionSize>,
  source?: string,
): Replay {
  const from = collections.map((collection) => ({ collection, offset: 0 as const }));
  const known = collections.map((collection) => sizes.get(collection));
  const total = (of: (size: CollectionSize) => number | undefined) => {
    let sum = 0;
    for (const size of known) {
      const value = size === undefined ? undefined : of(size);
      if (value === undefined) return OFFLINE;
      sum += value;
    }
    return source === undefined ? sum : OFFLINE;
  };
  return {
    from: source === undefined ? from : [...from, { source }],
    documents: total(({ documents }) => documents),
    bytes: total(({ bytes }) => bytes),
  };
}
