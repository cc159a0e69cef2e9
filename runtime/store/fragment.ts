/**
 * The codec of fragments. A fragment is one zstd frame with a checksum, holding NDJSON: a closed range of a
 * journal's offsets without a hole, each line the document with its offset and time (`fragment-line.ts`).
 */
import type { Run } from "../journal/run.ts";
import type { FragmentName } from "./fragment-name.ts";
import { FragmentReader } from "./fragment-reader.ts";
import { type EncodedFragment, type FragmentSource, FragmentWriter } from "./fragment-writer.ts";

export interface DecodedFragment {
  readonly name: FragmentName;
  readonly first: number;
  readonly count: number;
  /** Neighbours of the same `at` come as one run. Their `lines` are views of one buffer. */
  readonly runs: readonly Run[];
}

/** Same documents, same epoch: same bytes and name. Rejects with `RangeError` where the runs break the rules above. */
export async function encodeFragment({ runs, ...place }: FragmentSource): Promise<EncodedFragment> {
  const writer = new FragmentWriter();
  try {
    for await (const run of runs) await writer.add(run);
    return await writer.end(place);
  } finally {
    writer.close();
  }
}

/**
 * Reads a whole fragment back, as `encodeFragment` got it, and verifies all of it: the frame's checksum and extent, and
 * the name's digest, offsets and date. Rejects with `CorruptFragmentError`.
 */
export async function decodeFragment(
  bytes: Uint8Array,
  key: string,
  maxUncompressedBytes?: number,
): Promise<DecodedFragment> {
  const reader = await FragmentReader.open(bytes, key, 0, undefined, maxUncompressedBytes);
  try {
    const runs = await reader.next(Number.POSITIVE_INFINITY);
    const { first, last } = reader.name;
    return { name: reader.name, first, count: last - first + 1, runs };
  } finally {
    await reader.close();
  }
}
