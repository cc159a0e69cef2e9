import { type Append, type Head, type JournalId, MAX_APPEND_BYTES } from "../head/head.ts";
import { deadLettersOf } from "./names.ts";

/** The one journal of the task's dead letters. */
export async function ensureDeadLetters(head: Head, task: string): Promise<JournalId> {
  const collection = deadLettersOf(task);
  const [state] = await head.ensureJournals([{ collection, logical: "", partition: 0 }]);
  if (!state) throw new Error(`The collection "${collection}" has no journal.`);
  return state.id;
}

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
