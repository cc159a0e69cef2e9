/**
 * Reads the store as a lake engine would: objects by name, no index and no code of the runtime. Objects under `_tail/` are
 * small fragments of what full ones will hold; a lake reader passes them over.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { byKey, differences } from "./difference.ts";
import { type JournalDocument, journalDocument, parseLines } from "./journals.ts";
import { text } from "./oracle.ts";
import type { S3Config } from "./project.ts";

export interface Fragment {
  readonly key: string;
  readonly tail: boolean;
  readonly documents: readonly JournalDocument[];
}

export function fragmentsInDirectory(directory: string, collection: string): Fragment[] {
  // Of a collection that never had a document there is nothing.
  if (!existsSync(join(directory, collection))) return [];
  const files = readdirSync(join(directory, collection), { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && file.name.endsWith(".ndjson.zst") && !file.name.startsWith("."))
    .map((file) => {
      const path = join(file.parentPath, file.name);
      return fragment(relative(join(directory, collection), path).replaceAll(sep, "/"), readFileSync(path));
    });
}

export async function fragmentsInS3(
  { endpoint, bucket, prefix }: S3Config,
  collection: string,
): Promise<Fragment[]> {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new S3Client({ endpoint, forcePathStyle: true, region: "us-east-1", credentials });
  const folder = `${prefix}/${collection}/`;
  const fragments: Fragment[] = [];
  try {
    for (let token: string | undefined, more = true; more; ) {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: folder, ContinuationToken: token }),
      );
      for (const { Key = "" } of page.Contents ?? []) {
        if (!Key.endsWith(".ndjson.zst")) continue;
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        fragments.push(
          fragment(Key.slice(folder.length), Buffer.from((await Body?.transformToByteArray()) ?? [])),
        );
      }
      token = page.NextContinuationToken;
      more = token !== undefined;
    }
  } finally {
    client.destroy();
  }
  return fragments;
}

/** `key` is relative to the collection: `region=north/p=00/date=2026-11-23/….ndjson.zst`. */
function fragment(key: string, bytes: Uint8Array): Fragment {
  const journal = key.replace(/\/(_tail\/)?date=.*$/, "");
  const lines = parseLines(zstdDecompressSync(bytes).toString("utf8"));
  return {
    key,
    tail: key.includes("/_tail/"),
    documents: lines.map((line) => journalDocument(line, journal)),
  };
}

/** What the store has is what the journals have: nothing twice in full fragments, no hole, and all of it with the tails. */
export function checkLake(
  collection: string,
  fragments: readonly Fragment[],
  documents: readonly JournalDocument[],
): string[] {
  const place = ({ journal, offset }: JournalDocument) => `${journal}@${offset}`;
  const content = ({ at, removed, document }: JournalDocument) =>
    `${at} ${removed ? "removed " : ""}${text(document)}`;
  const full = fragments.filter(({ tail }) => !tail).flatMap((each) => each.documents);
  const ends = new Map<string, number>();
  for (const { journal, offset } of full) ends.set(journal, Math.max(ends.get(journal) ?? 0, offset + 1));
  const archived = documents.filter(({ journal, offset }) => offset < (ends.get(journal) ?? 0));
  const found = differences(
    `the store's ${collection}`,
    byKey(archived, place, content),
    byKey(full, place, content),
  );
  const left = fragments.filter(({ tail, documents: own }) => {
    const last = own.at(-1);
    return tail && last !== undefined && last.offset < (ends.get(last.journal) ?? 0);
  });
  // A tail may overlap a full fragment that has just covered it: here each offset counts once.
  const all = new Map(
    fragments.flatMap((each) => each.documents).map((each) => [place(each), content(each)]),
  );
  return [
    ...found,
    ...differences(`the store's ${collection} with its tails`, byKey(documents, place, content), all),
    ...left.map(({ key }) => `the store's ${collection}: ${key} is left, though a full fragment covers it`),
    ...overlapping(fragments.filter(({ tail }) => tail)).map(
      (key) => `the store's ${collection}: ${key} overlaps another small fragment`,
    ),
  ];
}

/** They are cut one after the other, so one that overlaps belongs to nobody, and would stay for ever. */
function overlapping(tails: readonly Fragment[]): string[] {
  const seen = new Set<string>();
  return tails
    .filter(({ documents }) => {
      const places = documents.map(({ journal, offset }) => `${journal}@${offset}`);
      const overlaps = places.some((place) => seen.has(place));
      for (const place of places) seen.add(place);
      return overlaps;
    })
    .map(({ key }) => key);
}
