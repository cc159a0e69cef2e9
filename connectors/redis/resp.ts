/**
 * Commands as Redis' protocol has them: `*<arguments>\r\n`, then `$<bytes>\r\n<argument>\r\n` for each. Written straight into one
 * buffer, which is used again: a transaction has tens of thousands of arguments, and a string or a buffer for each of them would
 * take longer than the server takes to store them.
 */

const SMALLEST = 4 * 1024;
/** A buffer that one large transaction has made larger is not kept. */
const LARGEST_KEPT = 1024 * 1024;
/** Room before the arguments: `*` and the digits of any count, and a line break. */
const HEAD = 16;
/** `$`, the digits of any length, and two line breaks. */
const FRAME = 16;
/** Up to so many characters a loop is faster than a call into Node. */
const SHORT = 48;

const [DOLLAR, ZERO, CR, LF] = [0x24, 0x30, 0x0d, 0x0a];

/** Arguments of a command, in their order. */
export class RespArguments {
  #bytes = Buffer.allocUnsafeSlow(SMALLEST);
  #end = HEAD;
  #count = 0;

  /** `texts` as arguments. */
  static of(...texts: readonly string[]): RespArguments {
    const made = new RespArguments();
    for (const text of texts) made.add(text);
    return made;
  }

  get count(): number {
    return this.#count;
  }

  /** As UTF-8. */
  add(text: string): void {
    const { length } = text;
    if (length > SHORT) {
      this.#addAny(text);
      return;
    }
    this.#reserve(FRAME + length);
    const bytes = this.#bytes;
    let at = writeLength(bytes, this.#end, length);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#addAny(text);
        return;
      }
      bytes[at++] = code;
    }
    this.#endArgument(at);
  }

  append(others: RespArguments): void {
    const size = others.#end - HEAD;
    this.#reserve(size);
    others.#bytes.copy(this.#bytes, this.#end, HEAD, others.#end);
    this.#end += size;
    this.#count += others.#count;
  }

  /** Removes all arguments. What `command` returned is overwritten by what follows. */
  clear(): void {
    if (this.#bytes.length > LARGEST_KEPT) this.#bytes = Buffer.allocUnsafeSlow(SMALLEST);
    this.#end = HEAD;
    this.#count = 0;
  }

  /** The whole command, whose first argument is its name. Bytes of this object: they stand until it is changed. */
  get command(): Buffer {
    const head = `*${this.#count}\r\n`;
    const start = HEAD - head.length;
    this.#bytes.write(head, start, "latin1");
    return this.#bytes.subarray(start, this.#end);
  }

  #addAny(text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(FRAME + length);
    const at = writeLength(this.#bytes, this.#end, length);
    this.#bytes.write(text, at);
    this.#endArgument(at + length);
  }

  #endArgument(at: number): void {
    this.#bytes[at] = CR;
    this.#bytes[at + 1] = LF;
    this.#end = at + 2;
    this.#count++;
  }

  #reserve(size: number): void {
    const needed = this.#end + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** Writes `$<length>\r\n` and returns where it ends. */
function writeLength(bytes: Buffer, at: number, length: number): number {
  bytes[at++] = DOLLAR;
  if (length < 10) {
    bytes[at++] = ZERO + length;
  } else if (length < 100) {
    const tens = (length / 10) | 0;
    bytes[at++] = ZERO + tens;
    bytes[at++] = ZERO + length - tens * 10;
  } else {
    at += bytes.write(String(length), at, "latin1");
  }
  bytes[at++] = CR;
  bytes[at++] = LF;
  return at;
}
