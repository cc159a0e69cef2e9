/**
 * Objects that look like fragments of this data directory's journals and that its head does not know: of a history
 * that a restore has cut off, or put by a process that was paused while another took over. They are deleted, so that
 * nobody who lists the store counts them; what of one still counts is put anew before.
 */
import type { ArchivedJournal, Head, JournalId } from "../head/head.ts";
import { journalFolder } from "../journal/logical-partition.ts";
import { folderOf, parseFragmentKey } from "../store/fragment-name.ts";
import type { ObjectStore } from "../store/store.ts";
import type { Boundaries } from "./claims.ts";

export interface Stray {
  readonly key: string;
  readonly epoch: number;
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/** Of a journal. `needed`: once the store has every document below it in other objects, the stray may go. */
export interface PendingStray extends Stray {
  readonly needed: number;
}

export class Strays {
  readonly #head: Head;
  readonly #store: ObjectStore;
  /** By folder. */
  readonly #found = new Map<string, Stray[]>();
  /** First parts of collection names that were listed. */
  readonly #listed = new Set<string>();

  constructor(head: Head, store: ObjectStore) {
    this.#head = head;
    this.#store = store;
  }

  /** Lists what has not been listed yet, where these journals are. Forgets tails that the store does not list. */
  async look(journals: readonly ArchivedJournal[]): Promise<void> {
    const folders = new Map<string, ArchivedJournal[]>();
    for (const journal of journals) {
      for (const folder of foldersOf(journal)) {
        folders.set(folder, [...(folders.get(folder) ?? []), journal]);
      }
    }
    const areas = new Set([...folders.keys()].map(areaOf));
    for (const area of areas) {
      if (this.#listed.has(area)) continue;
      await this.#list(area, folders);
      this.#listed.add(area);
    }
  }

  async #list(area: string, folders: ReadonlyMap<string, readonly ArchivedJournal[]>): Promise<void> {
    const tails = new Set<string>();
    const known = new Map<string, ReadonlySet<string>>();
    const found: Stray[] = [];
    for await (const { key } of this.#store.list(area)) {
      const name = parseFragmentKey(key);
      if (!name) continue;
      if (name.tail) tails.add(key);
      const folder = folderOf(key);
      const keys = known.get(folder) ?? (await this.#keysOf(folders.get(folder) ?? []));
      known.set(folder, keys);
      if (!keys.has(key)) found.push({ key, epoch: name.epoch, first: name.first, last: name.last });
    }
    for (const stray of found) {
      const folder = folderOf(stray.key);
      this.#found.set(folder, [...(this.#found.get(folder) ?? []), stray]);
    }
    for (const journal of new Set([...folders.values()].flat())) {
      const lost = (await this.#head.fragments(journal.id)).filter(
        ({ kind, key }) => kind === "tail" && key.startsWith(area) && !tails.has(key),
      );
      // A copy of this data directory may have deleted them. The head has their documents still.
      if (lost.length > 0)
        await this.#head.forgetFragments(
          journal.id,
          lost.map(({ key }) => key),
        );
    }
  }

  async #keysOf(journals: readonly ArchivedJournal[]): Promise<ReadonlySet<string>> {
    const keys = new Set<string>();
    for (const { id } of journals) {
      for (const { key } of await this.#head.fragments(id)) keys.add(key);
      for (const { key } of await this.#head.intendedFragments(id)) keys.add(key);
    }
    return keys;
  }

  /** Those in the journal's folders. */
  of(journal: ArchivedJournal, boundaries: Boundaries): readonly PendingStray[] {
    return foldersOf(journal).flatMap((folder) =>
      (this.#found.get(folder) ?? []).map((stray) => ({
        ...stray,
        needed: Math.min(stray.last + 1, boundaries.limit(stray.epoch, journal.id)),
      })),
    );
  }

  /** A stray with documents of this history that the head does not have: then the head is that of an older copy. */
  beyond(journals: readonly ArchivedJournal[], boundaries: Boundaries): Stray | undefined {
    const ends = new Map<string, { next: number; ids: JournalId[] }>();
    for (const journal of journals) {
      for (const folder of foldersOf(journal)) {
        const { next = 0, ids = [] } = ends.get(folder) ?? {};
        ends.set(folder, { next: Math.max(next, journal.next), ids: [...ids, journal.id] });
      }
    }
    for (const [folder, strays] of this.#found) {
      const end = ends.get(folder);
      if (!end) continue;
      const beyond = strays.find(
        ({ epoch, last }) => last >= end.next && end.ids.some((id) => boundaries.limit(epoch, id) > end.next),
      );
      if (beyond) return beyond;
    }
    return undefined;
  }

  async delete(strays: readonly Stray[]): Promise<void> {
    const keys = new Set(strays.map(({ key }) => key));
    await this.#store.delete([...keys]);
    for (const folder of new Set([...keys].map(folderOf))) {
      const left = (this.#found.get(folder) ?? []).filter(({ key }) => !keys.has(key));
      this.#found.set(folder, left);
    }
  }
}

function foldersOf(journal: ArchivedJournal): string[] {
  return [...new Set([journalFolder(journal), ...journal.folders])];
}

function areaOf(folder: string): string {
  return folder.slice(0, folder.indexOf("/") + 1);
}
