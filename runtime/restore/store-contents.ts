/** What a store holds of a history: its claims, its cuts, and the objects of a cut's journals. */
import { type Cut, type CutName, listCuts, readCut } from "../archive/cut.ts";
import type { JournalId, SnapshotJournal } from "../head/head.ts";
import { journalFolder } from "../journal/logical-partition.ts";
import { folderOf, parseFragmentKey } from "../store/fragment-name.ts";
import type { ObjectStore } from "../store/store.ts";
import { Boundaries, type ClaimName, listClaims, readClaim } from "../store-epoch/claims.ts";
import { type Candidate, firstGap } from "./coverage.ts";

/** The store cannot bring the history back. The message says what is missing. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
}

export interface Claims {
  readonly names: readonly ClaimName[];
  readonly boundaries: Boundaries;
}

/** A cut all of whose documents are there. */
export interface RestorableCut {
  readonly name: CutName;
  readonly cut: Cut;
  readonly candidates: ReadonlyMap<JournalId, readonly Candidate[]>;
  /** Why newer ones were passed over. */
  readonly passedOver: readonly string[];
  /** Keys of all cuts that the store had. */
  readonly listed: ReadonlySet<string>;
}

export async function readClaims(store: ObjectStore): Promise<Claims> {
  const names = await listClaims(store);
  const claims = await Promise.all(names.map((name) => readClaim(store, name)));
  return { names, boundaries: new Boundaries(claims) };
}

/**
 * The newest that can be read and whose documents are all there. Throws `RestoreError` if there is none.
 * @param unreadable by the key of a cut, why its documents cannot be read
 */
export async function newestCut(
  store: ObjectStore,
  { names, boundaries }: Claims,
  unreadable: ReadonlyMap<string, string>,
): Promise<RestorableCut> {
  const cuts = (await listCuts(store)).filter(({ epoch, clock }) => boundaries.counts(epoch, clock));
  if (cuts.length === 0) {
    throw new RestoreError(
      names.length === 0
        ? `${store.description} holds no history of Weir. Check the store's configuration.`
        : `${store.description} holds a history of which no cut was put yet: it cannot be restored. Run with the data directory that wrote it.`,
    );
  }
  const listed = new Set(cuts.map(({ key }) => key));
  const passedOver: string[] = [];
  for (const name of cuts.toReversed()) {
    const known = unreadable.get(name.key);
    if (known !== undefined) {
      passedOver.push(`${name.key}: ${known}`);
      continue;
    }
    try {
      const cut = await readCut(store, name);
      const candidates = await candidatesOf(store, cut, boundaries);
      const gaps = gapsOf(cut, candidates);
      if (gaps.length === 0) return { name, cut, candidates, passedOver, listed };
      passedOver.push(`${name.key}: ${gaps.join("; ")}`);
    } catch (error) {
      passedOver.push(`${name.key}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new RestoreError(
    `${store.description} cannot bring its history back:\n${passedOver.map((reason) => `  - ${reason}`).join("\n")}`,
  );
}

/** Whether a newer cut that counts has come since. */
export async function hasNewerCut(
  store: ObjectStore,
  { boundaries }: Claims,
  { name, listed }: RestorableCut,
): Promise<boolean> {
  const cuts = (await listCuts(store)).filter(({ key, clock }) => !listed.has(key) && clock > name.clock);
  return cuts.some(({ epoch, clock }) => boundaries.counts(epoch, clock));
}

async function candidatesOf(
  store: ObjectStore,
  { journals }: Cut,
  boundaries: Boundaries,
): Promise<Map<JournalId, Candidate[]>> {
  const byFolder = new Map(journals.map((journal) => [presentFolder(journal), journal.id]));
  const byKey = new Map(journals.flatMap(({ id, elsewhere }) => elsewhere.map((key) => [key, id] as const)));
  const folders = [...byFolder.keys(), ...[...byKey.keys()].map(folderOf)];
  const found = new Map<JournalId, Candidate[]>(journals.map(({ id }) => [id, []]));
  for (const area of new Set(folders.map((folder) => folder.slice(0, folder.indexOf("/") + 1)))) {
    for await (const { key, size } of store.list(area)) {
      const name = parseFragmentKey(key);
      const id = byKey.get(key) ?? byFolder.get(folderOf(key));
      if (!name || id === undefined) continue;
      const { first, last, tail, epoch } = name;
      const kind = tail ? "tail" : "full";
      const limit = boundaries.limit(epoch, id);
      found.get(id)?.push({ key, first, last, kind, storedBytes: size, epoch, limit });
    }
  }
  return found;
}

function presentFolder(journal: SnapshotJournal): string {
  return journalFolder({ ...journal, home: journal.home ?? journal.collection });
}

function gapsOf({ journals }: Cut, candidates: ReadonlyMap<JournalId, readonly Candidate[]>): string[] {
  return journals.flatMap((journal) => {
    const { id, start, next } = journal;
    const gap = firstGap(candidates.get(id) ?? [], start, next);
    return gap
      ? [`${presentFolder(journal)} lacks the documents at offsets ${gap.first} to ${gap.last}`]
      : [];
  });
}
