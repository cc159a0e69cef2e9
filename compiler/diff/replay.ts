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
  const found = views.map(({ collection }) => sizes.get(collection));
  const known = found.filter((size) => size !== undefined);
  const total = source === undefined && known.length === found.length ? sumOf(known) : UNKNOWN;
  const partly = views.some(
    (view) =>
      view.where !== undefined ||
      ("from" in view && view.from !== undefined) ||
      ("until" in view && view.until !== undefined),
  );
  return {
    from: source === undefined ? from : [...from, { source }],
    ...total,
    ...(partly ? { atMost: true } : {}),
  };
}

const UNKNOWN = { documents: OFFLINE, bytes: OFFLINE, times: OFFLINE } as const;

function sumOf(sizes: readonly CollectionSize[]): CollectionSize {
  const spans = sizes.flatMap(({ times }) => times ?? []);
  // A date comes before all times of its day, in the order of texts too.
  const [from] = spans.map((span) => span.from).sort();
  const to = spans
    .map((span) => span.to)
    .sort()
    .at(-1);
  return {
    documents: sizes.reduce((sum, { documents }) => sum + documents, 0),
    bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    times: from === undefined || to === undefined ? null : { from, to },
  };
}
