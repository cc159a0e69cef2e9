import type { Place } from "./derivation/place.ts";

/** A function of the user that runs. */
export interface Work {
  /** Another number for each call. */
  readonly step: number;
  /** Names the function: `The transform of "shop/totals"`. */
  readonly title: string;
  readonly place: Place;
}

/** Indices of the header: 32-bit words. `STEP` is odd while a function runs. */
const STEP = 0;
const OFFSET_LOW = 1;
const OFFSET_HIGH = 2;
/** Bytes of each of the texts. */
const TITLE = 3;
const COLLECTION = 4;
const JOURNAL = 5;
const HEADER_BYTES = 24;
/** Room for the texts. What is longer is cut: it is for a person to read. */
const TEXT_BYTES = 8 * 1024;

const WORDS = 2 ** 32;

/**
 * Which document a thread has given to a function of the user: written by that thread, and read by another one, since a
 * function that never returns leaves its own thread no way to tell. Plain stores rather than `Atomics`: those took 120 ns
 * for each document where these take 15, and of a call that lasts for seconds the other thread sees them all.
 */
export class WorkCell {
  readonly buffer: SharedArrayBuffer;
  readonly #header: Int32Array;
  readonly #texts: Buffer;
  #step = 0;
  /** What the texts are of. */
  #title: string | undefined;
  #journal: string | undefined;

  constructor(buffer = new SharedArrayBuffer(HEADER_BYTES + TEXT_BYTES)) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#texts = Buffer.from(buffer, HEADER_BYTES);
  }

  /** The function gets the document now. */
  enter(title: string, place: Place): void {
    const { journal, offset } = place;
    // The texts change once in many documents: writing them each time would cost more than all the rest.
    if (journal !== this.#journal || title !== this.#title) this.#write(title, place);
    this.#header[OFFSET_LOW] = offset;
    this.#header[OFFSET_HIGH] = Math.floor(offset / WORDS);
    this.#step = (this.#step + 1) | 0;
    this.#header[STEP] = this.#step;
  }

  /** It has returned, or thrown. */
  leave(): void {
    this.#step = (this.#step + 1) | 0;
    this.#header[STEP] = this.#step;
  }

  #write(title: string, { collection, journal }: Place): void {
    this.#title = title;
    this.#journal = journal;
    let at = 0;
    [title, collection, journal].forEach((text, i) => {
      const bytes = this.#texts.write(text, at);
      this.#header[TITLE + i] = bytes;
      at += bytes;
    });
  }

  /** Of another thread. What it tells is whole only of a function that goes on running while it is read. */
  look(): Work | undefined {
    const step = Atomics.load(this.#header, STEP);
    if ((step & 1) === 0) return undefined;
    const word = (index: number) => this.#header[index] ?? 0;
    const offset = word(OFFSET_HIGH) * WORDS + (word(OFFSET_LOW) >>> 0);
    let at = 0;
    const [title = "", collection = "", journal = ""] = [TITLE, COLLECTION, JOURNAL].map((index) => {
      const from = at;
      at += word(index);
      return this.#texts.toString("utf8", from, at);
    });
    return { step, title, place: { collection, journal, offset } };
  }
}
