import { hasBytes, viewOf } from "../../connectors/short-bytes.ts";
import { formatTime } from "./fragment-time.ts";

const ZERO = 0x30;
const NINE = 0x39;
const META = ',"_meta":{';
const OFFSET = '"offset":';
/** Index of the first digit. */
const DIGITS = META.length + OFFSET.length;

/**
 * The bytes that end a line of a fragment, `"offset":N,"at":"…"}}`, counted up in place: no string is made per line. Before them
 * stands `,"_meta":{` and behind them a line feed, so that of most lines all of it is copied at once.
 */
export class MetaSuffix {
  /** Of the longest: an offset of 16 digits. */
  static readonly maxLength = OFFSET.length + 16 + ',"at":"2026-11-23T03:40:39.123456Z"}}'.length;

  readonly bytes: Buffer = Buffer.alloc(META.length + MetaSuffix.maxLength + 1);
  readonly #view = viewOf(this.bytes);
  /** Without what stands before and behind. */
  length = 0;
  readonly #at: string;
  #lastDigit = 0;

  /** `at` in microseconds since 1970. */
  constructor(offset: number, at: number) {
    this.#at = formatTime(at);
    this.#write(String(offset));
  }

  #write(digits: string): void {
    const text = `${META}${OFFSET}${digits},"at":"${this.#at}"}}\n`;
    this.length = this.bytes.write(text, 0, "latin1") - META.length - 1;
    this.#lastDigit = DIGITS + digits.length - 1;
  }

  increment(): void {
    let place = this.#lastDigit;
    while (this.bytes[place] === NINE) this.bytes[place--] = ZERO;
    // All were nines: one digit more. At the place stands the colon.
    if (place < DIGITS) this.#write(`1${"0".repeat(this.#lastDigit - DIGITS + 1)}`);
    else this.bytes[place] = (this.bytes[place] ?? 0) + 1;
  }

  /** Whether the line `text[from…end)` ends in these bytes and something stands before them. `text` goes on to `end`. */
  endsLine(text: DataView, from: number, end: number): boolean {
    const start = end - this.length;
    return start > from && hasBytes(text, start, this.#view, META.length, this.length);
  }

  /** Writes the end of a line, and its line feed, to `text` at `to`; returns where it ends. `from` says how much of it. */
  put(from: "comma" | "meta" | "offset", text: Buffer, to: number): number {
    const start = from === "comma" ? 0 : from === "meta" ? 1 : META.length;
    return to + this.bytes.copy(text, to, start, META.length + this.length + 1);
  }
}
