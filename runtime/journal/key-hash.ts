/**
 * Which of a logical partition's journals a key belongs to: MurmurHash3 (x86, 32 bits, seed 0) over the UTF-8 bytes
 * of the key's values as a JSON array in canonical form (RFC 8785), without its highest bit, modulo the number of
 * journals. This must never change: a key's documents would be spread over two journals, and lose their order.
 */
import type { KeyValues } from "../../connectors/driver.ts";

let bytes = Buffer.alloc(1024);

export function partitionOf(key: KeyValues, partitions: number): number {
  // Of strings, numbers and booleans JSON.stringify gives the canonical form.
  const text = JSON.stringify(key);
  if (text.length * 3 > bytes.length) bytes = Buffer.alloc(text.length * 3);
  return (murmur3(bytes, bytes.write(text, "utf8")) & 0x7fffffff) % partitions;
}

/** MurmurHash3_x86_32 of the first `length` bytes, seed 0. */
export function murmur3(data: Buffer, length: number): number {
  let hash = 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scramble(data.readInt32LE(i));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = length - 1; i >= whole; i--) rest = (rest << 8) | (data[i] ?? 0);
  hash ^= scramble(rest) ^ length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
