import { type Append, type JournalId, MAX_APPEND_BYTES } from "../head/head.ts";

/** Lines, without their ends, in appends of about a document's limit; a longer line makes one by itself. */
export function appendsOf(journal: JournalId, lines: readonly string[]): Append[] {
  const pieces: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    const size = Buffer.byteLength(line) + 1;
    if (bytes + size > MAX_APPEND_BYTES) {
      pieces.push([]);
      bytes = 0;
    }
    pieces.at(-1)?.push(line);
    bytes += size;
  }
  return pieces.map((piece) => ({
    journal,
    count: piece.length,
    // Bytes of its own: they pass to the head.
    lines: Uint8Array.from(Buffer.from(`${piece.join("\n")}\n`)),
  }));
}
