/** What one journal has in the store, by offset. Pure: the head keeps it in step with its entries. */
import { folderOf } from "../store/fragment-name.ts";
import type { FragmentRecord, FragmentRef } from "./head.ts";

export class FragmentIndex {
  /** In offset order, without gap or overlap: the archiver cuts them one after the other. */
  readonly #full: FragmentRecord[] = [];
  readonly #tails = new Map<string, FragmentRecord>();
  readonly #intended = new Map<string, FragmentRecord>();
  readonly #folders = new Set<string>();
  readonly #base: number;
  #reached = 0;

  /** `base`: offset from which on there are documents at all. */
  constructor(base: number) {
    this.#base = base;
  }

  /** Offset below which every document is in a published full fragment. */
  get archived(): number {
    const newest = this.#full.at(-1);
    return newest ? newest.last + 1 : this.#base;
  }

  /** Offset below which every document is in the store. */
  get stored(): number {
    let stored = this.archived;
    for (const tail of this.#tailsInOrder()) {
      if (tail.first <= stored && tail.last >= stored) stored = tail.last + 1;
    }
    return stored;
  }

  /** Every object that was ever put for this journal, or may have been, ends below this offset. */
  get reached(): number {
    return this.#reached;
  }

  /** Where those objects are: the part of their keys before the date. */
  get folders(): readonly string[] {
    return [...this.#folders];
  }

  /** The published full fragment that holds this offset. */
  covering(offset: number): FragmentRef | undefined {
    let low = 0;
    let high = this.#full.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const fragment = this.#full[middle] as FragmentRecord; // low <= middle <= high
      if (offset < fragment.first) high = middle - 1;
      else if (offset > fragment.last) low = middle + 1;
      else return { key: fragment.key, first: fragment.first, last: fragment.last, known: fragment.known };
    }
    return undefined;
  }

  intend(fragment: FragmentRecord): void {
    this.#intended.set(fragment.key, fragment);
    this.#note(fragment);
  }

  publish(fragment: FragmentRecord): void {
    this.#intended.delete(fragment.key);
    this.#note(fragment);
    if (fragment.kind === "tail") {
      this.#tails.set(fragment.key, fragment);
      return;
    }
    if (this.#full.some((known) => known.key === fragment.key)) return;
    this.#full.push(fragment);
    this.#full.sort((a, b) => a.first - b.first);
  }

  /** Full ones only from the front, and never the last. */
  forget(keys: readonly string[]): void {
    for (const key of keys) this.#tails.delete(key);
    const forgotten = new Set(keys);
    while (this.#full.length > 1 && forgotten.has(this.#full[0]?.key ?? "")) this.#full.shift();
  }

  intended(): readonly FragmentRecord[] {
    return [...this.#intended.values()];
  }

  published(): readonly FragmentRecord[] {
    return [...this.#full, ...this.#tailsInOrder()];
  }

  #note({ key, last }: FragmentRecord): void {
    this.#folders.add(folderOf(key));
    this.#reached = Math.max(this.#reached, last + 1);
  }

  #tailsInOrder(): FragmentRecord[] {
    return [...this.#tails.values()].sort((a, b) => a.first - b.first);
  }
}
