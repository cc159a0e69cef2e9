/**
 * Names of fragments:
 * `<collection>/p=00/date=2026-11-23/<first offset>-<last offset>-<epoch>-<digest>.ndjson.zst`, and
 * `<collection>/p=00/_tail/date=…/…` for small ones, which a lake reader that follows `date=*` skips.
 * Between collection and `p=00` stands the logical partition, where there is one: `<collection>/country=NL/p=00/…`.
 * Offsets are 16 hex digits, so that names sort by offset; the digest is the first 16 hex digits of the
 * SHA-256 of the uncompressed bytes, so that the same documents give the same name.
 */

import { partitionPath } from "../journal/logical-partition.ts";

export interface FragmentName {
  readonly collection: string;
  /** The logical partition; empty without. */
  readonly logical: string;
  readonly partition: number;
  /** True for a small fragment, which a larger one will replace. */
  readonly tail: boolean;
  /** UTC date of the documents' `at`, `YYYY-MM-DD`. */
  readonly date: string;
  /** Offset of the first document. */
  readonly first: number;
  /** Offset of the last document, inclusive. */
  readonly last: number;
  readonly epoch: number;
  /** 16 hex digits. */
  readonly digest: string;
}

export function fragmentKey(name: FragmentName): string {
  const folder = `${name.collection}/${partitionPath(name)}/${name.tail ? "_tail/" : ""}`;
  return `${folder}date=${name.date}/${hex16(name.first)}-${hex16(name.last)}-${name.epoch}-${name.digest}.ndjson.zst`;
}

/** The folder of the journal whose fragment this is, with its slash. */
export function folderOf(key: string): string {
  return key.replace(/(?:_tail\/)?date=[^/]*\/[^/]*$/, "");
}

const KEY =
  /^([^=]+?)((?:\/[^/=]+=[^/]*)*)\/p=(\d{2,})\/(_tail\/)?date=(\d{4}-\d{2}-\d{2})\/([0-9a-f]{16})-([0-9a-f]{16})-(0|[1-9]\d*)-([0-9a-f]{16})\.ndjson\.zst$/;

/** Undefined if the key is not a fragment's. */
export function parseFragmentKey(key: string): FragmentName | undefined {
  const match = KEY.exec(key);
  if (!match) return undefined;
  const [
    ,
    collection = "",
    logical = "",
    partition = "",
    tail,
    date = "",
    first = "",
    last = "",
    epoch,
    digest,
  ] = match;
  const name: FragmentName = {
    collection,
    logical: logical.slice(1),
    partition: Number(partition),
    tail: tail !== undefined,
    date,
    first: Number.parseInt(first, 16),
    last: Number.parseInt(last, 16),
    epoch: Number(epoch),
    digest: digest ?? "",
  };
  const sane =
    Number.isSafeInteger(name.first) &&
    Number.isSafeInteger(name.last) &&
    name.first <= name.last &&
    Number.isSafeInteger(name.epoch);
  // One name, one spelling: a key that we would write differently is not ours.
  return sane && fragmentKey(name) === key ? name : undefined;
}

function hex16(offset: number): string {
  return offset.toString(16).padStart(16, "0");
}
