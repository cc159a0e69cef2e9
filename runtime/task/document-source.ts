import type { JsonObject } from "../../plan/plan.ts";
import type { JournalId, Position } from "../head/head.ts";
import type { MergedChunk, MergedReader, SourceRun } from "../journal/merged-reader.ts";
import { isRemoval, RunDocuments, type TakeLine } from "../journal/runs.ts";

/** Gets a document that is the receiver's alone. */
export type Take = (document: JsonObject, place: DocumentPlace) => void;

export interface DocumentPlace {
  readonly journal: JournalId;
  readonly offset: number;
  /** Commit time, µs since 1970 UTC. */
  readonly at: number;
  readonly removed: boolean;
}

/** Documents of one collection's journals, to be taken a transaction at a time: a transaction may end inside a run. */
export class DocumentSource {
  readonly #reader: MergedReader;
  readonly #epoch: number;
  /** Before the runs. */
  #before: Position;
  /** Once all runs are taken. */
  #after: Position;
  /** Next offsets of the journals of which runs were taken. */
  readonly #offsets = new Map<JournalId, number>();
  #runs: readonly SourceRun[] = [];
  /** Index of the next run, and of the next document in it. */
  #run = 0;
  #document = 0;
  #documents: RunDocuments | undefined;
  /** Documents taken, and roughly their bytes. */
  taken = 0;
  takenBytes = 0;
  /** Commit time of the newest run taken from. */
  at = 0;

  constructor(reader: MergedReader, epoch: number) {
    this.#reader = reader;
    this.#epoch = epoch;
    this.#before = reader.positions[0] ?? {};
    this.#after = this.#before;
  }

  /** Of the documents taken so far. */
  get position(): Position {
    if (this.#run >= this.#runs.length) return this.#after;
    const taken = [...this.#offsets].map(([journal, offset]) => [journal, [this.#epoch, offset]] as const);
    return { ...this.#before, ...Object.fromEntries(taken) };
  }

  /** Waits until there are documents; false once the signal aborts. */
  async ready(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (this.#run < this.#runs.length) return true;
      if (!this.#accept(await this.#reader.next(signal))) return false;
    }
    return false;
  }

  /** Whether there are more, as far as the head has told: it is not waited for, so that a quiet flow's document is stored at once. */
  more(): Promise<boolean> {
    return this.#hasRun(() => this.#reader.more());
  }

  /** As `more`, but the head is asked. */
  look(): Promise<boolean> {
    return this.#hasRun(() => this.#reader.poll());
  }

  async #hasRun(read: () => Promise<MergedChunk | undefined>): Promise<boolean> {
    while (this.#run >= this.#runs.length) {
      if (!this.#accept(await read())) return false;
    }
    return true;
  }

  #accept(chunk: MergedChunk | undefined): boolean {
    if (chunk === undefined) return false;
    this.#runs = chunk.runs;
    this.#run = 0;
    this.#before = this.#after;
    this.#after = chunk.positions[0] ?? {};
    this.#offsets.clear();
    return true;
  }

  /** Hands over up to `most` documents of one run, each to `takeLine` if that takes it, or else to `take`. */
  take(most: number, take: Take, takeLine?: TakeLine): void {
    const source = this.#runs[this.#run];
    if (source === undefined) throw new Error("No run to take from: ask `ready` or `more` first.");
    const { journal, run } = source;
    this.#documents ??= new RunDocuments(run);
    const documents = this.#documents;
    const stop = Math.min(documents.length, this.#document + most);
    for (let at = this.#document; at < stop; at++) {
      if (takeLine && documents.offer(takeLine)) continue;
      const document = documents.next();
      take(document, { journal, offset: run.first + at, at: run.at, removed: isRemoval(document) });
    }
    this.taken += stop - this.#document;
    this.takenBytes += run.lines.byteLength * ((stop - this.#document) / documents.length);
    this.at = run.at;
    this.#document = stop;
    this.#offsets.set(journal, run.first + stop);
    if (stop === documents.length) this.#endRun();
  }

  #endRun(): void {
    this.#run++;
    this.#document = 0;
    this.#documents = undefined;
  }
}
