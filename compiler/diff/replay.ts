import type { CollectionView, DerivationSource } from "../../plan/plan.ts";
import { type CollectionSize, OFFLINE, type Replay } from "./change.ts";

/** Reading these collections from their first document on, or a capture's source from its beginning. */
export function replayOf(
  views: readonly (CollectionView | DerivationSource)[],
  sizes: ReadonlyMap<string, CollectionSize>,
  source?: string,
): Replay {
  const collections = [...new Set(views.map(({ collection }) => collection))];
  const from = collections.map((collection) => ({ collection, offset: 0 as const }));
  // A collection that is read twice is counted twice.
  const known = views.map(({ collection }) => sizes.get(collection));
  const total = (of: (size: CollectionSize) => number | undefined) => {
    let sum = 0;
    for (const size of known) {
      const value = size === undefined ? undefined : of(size);
      if (value === undefined) return OFFLINE;
      sum += value;
    }
    return source === undefined ? sum : OFFLINE;
  };
  const partly = views.some(
    (view) =>
      view.where !== undefined ||
      ("from" in view && view.from !== undefined) ||
      ("until" in view && view.until !== undefined),
  );
  return {
    from: source === undefined ? from : [...from, { source }],
    documents: total(({ documents }) => documents),
    bytes: total(({ bytes }) => bytes),
    ...(partly ? { atMost: true } : {}),
  };
}
