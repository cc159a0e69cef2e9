/** Reads what the runtime says its collections hold. */
import { text } from "node:stream/consumers";
import { askRunning, checkWhole } from "../../runtime/control/client.ts";

export interface JournalDocument {
  /** Path of the journal in its collection: `region=north/p=01`. */
  readonly journal: string;
  readonly offset: number;
  /** Commit time, as text of fixed width. */
  readonly at: string;
  readonly removed: boolean;
  readonly document: Readonly<Record<string, unknown>>;
}

/** All of a collection, as `weir read --meta` prints it, from the process that runs. */
export async function readCollection(dataDir: string, collection: string): Promise<JournalDocument[]> {
  const query = new URLSearchParams({ request: JSON.stringify({ collection, meta: true }) });
  const answer = await askRunning(dataDir, `/read?${query}`);
  if (answer === undefined) throw new Error(`Nothing runs on ${dataDir}.`);
  const lines = await text(answer);
  checkWhole(answer);
  return parseLines(lines).map((line) => journalDocument(line, undefined));
}

export function parseLines(lines: string): Record<string, unknown>[] {
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>); // documents are objects
}

/** `journal` where the line does not say it. */
export function journalDocument(
  line: Readonly<Record<string, unknown>>,
  journal: string | undefined,
): JournalDocument {
  const { _meta, ...document } = line;
  if (_meta === undefined) throw new Error(`This is no document of a journal: ${JSON.stringify(line)}`);
  // What the runtime adds to each document.
  const { offset, at, removed, partition } = _meta as {
    offset: number;
    at: string;
    removed?: boolean;
    partition?: string;
  };
  return { journal: journal ?? partition ?? "p=00", offset, at, removed: removed === true, document };
}

/** As a task of several journals reads them: by commit time, then source, then journal, then offset. */
export function merged(
  ...sources: readonly (readonly JournalDocument[])[]
): (JournalDocument & { source: number })[] {
  return sources
    .flatMap((documents, source) => documents.map((document) => ({ ...document, source })))
    .sort(
      (a, b) =>
        compare(a.at, b.at) || a.source - b.source || compare(a.journal, b.journal) || a.offset - b.offset,
    );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
