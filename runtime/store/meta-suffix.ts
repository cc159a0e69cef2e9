import { formatTime } from "./fragment-time.ts";

const ZERO = 0x30;
const NINE = 0x39;
const OFFSET = '"offset":';

/**
 * The bytes that end a line of a fragment, `"offset":N,"at":"…"}}`, counted up in place: no string is made
 * per line.
 */
export class MetaSuffix {
  /** Of the longest: an offset of 16 digits. */
  static readonly maxLength = OFFSET.length + 16 + ',"at":"2026-11-23T03:40:39.123456Z"}}'.length;

  /** Only the first `length` bytes count. */
  readonly bytes: Buffer = Buffer.alloc(MetaSuffix.maxLength);
  length = 0;
  readonly #at: string;
  #lastDigit = 0;

  /** `at` in microseconds since 1970. */
  constructor(offset: number, at: number) {
    this.#at = formatTime(at);
    this.#write(String(offset));
  }

  #write(digits: string): void {
    this.length = this.bytes.write(`${OFFSET}${digits},"at":"${this.#at}"}}`, 0, "latin1");
    this.#lastDigit = OFFSET.length + digits.length - 1;
  }

  increment(): void {
    let place = this.#lastDigit;
    while (this.bytes[place] === NINE) this.bytes[place--] = ZERO;
    // All were nines: one digit more. At the place stands the colon.
    if (place < OFFSET.length) this.#write(`1${"0".repeat(this.#lastDigit - OFFSET.length + 1)}`);
    else this.bytes[place] = (this.bytes[place] ?? 0) + 1;
  }

  /** Whether the line `text[from…end)` ends in these bytes and something stands before them. */
  endsLine(text: Buffer, from: number, end: number): boolean {
    const start = end - this.length;
    return start > from && text.compare(this.bytes, 0, this.length, start, end) === 0;
  }
}
