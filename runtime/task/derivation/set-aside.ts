import { HaltError } from "../../../connectors/driver.ts";
import { appendsOf, ensureDeadLetters } from "../../deadletters/appends.ts";
import {
  type DocumentPlace,
  documentId,
  isRowPlace,
  type LetterChange,
  letterLine,
} from "../../deadletters/letter.ts";
import { Suspicion } from "../../deadletters/suspicion.ts";
import { type Append, type Head, type JournalId, MAX_INTERNAL_APPEND_BYTES } from "../../head/head.ts";
import { partitionPath } from "../../journal/logical-partition.ts";
import { formatTime } from "../../store/fragment-time.ts";
import type { DerivationTask, Report } from "../task.ts";
import { ownFrames } from "./own-frames.ts";
import type { DocumentError } from "./place.ts";
import type { ReducedChange } from "./reduced-documents.ts";
import { originalOf, type SourceDocument } from "./source-documents.ts";

const LONGEST_MESSAGE = 10_000;

/** Documents that a task could not work on, until a transaction takes them as dead letters. */
export class SetAside {
  readonly #task: DerivationTask;
  readonly #head: Head;
  readonly #suspicion: Suspicion;
  readonly #partitions = new Map<JournalId, string>();
  #journal: JournalId | undefined;
  #lines: string[] = [];
  #characters = 0;

  constructor(task: DerivationTask, head: Head, report: Report) {
    this.#task = task;
    this.#head = head;
    this.#suspicion = new Suspicion(task.name, report);
  }

  get size(): number {
    return this.#lines.length;
  }

  get characters(): number {
    return this.#characters;
  }

  /** A document was worked on. */
  passed(): void {
    this.#suspicion.passed();
  }

  /**
   * `change` is what the reduced document of its key has taken in. Throws `HaltError` where there is more to keep than
   * a journal takes.
   */
  async add(of: SourceDocument, error: DocumentError, change: ReducedChange | undefined): Promise<void> {
    const place = await this.#placeOf(of);
    const id = of.letter?.id ?? documentId(place.source, place.partition, place.offset);
    const { what, stack } = error.reason;
    const message = what.slice(0, LONGEST_MESSAGE);
    const letter = {
      ...{ id, place, planHash: this.#task.planHash },
      error: { message, stack: ownFrames(stack) },
      ...(change && { change: letterChange(change) }),
    };
    const line = letterLine(letter, originalOf(of));
    if (Buffer.byteLength(line) >= MAX_INTERNAL_APPEND_BYTES) {
      throw new HaltError(
        `${error.message} It cannot be set aside: with the reduced documents before and after it, it takes more than ${MAX_INTERNAL_APPEND_BYTES} bytes.`,
      );
    }
    this.#journal ??= await ensureDeadLetters(this.#head, this.#task.name);
    this.#lines.push(line);
    this.#characters += line.length;
    this.#suspicion.failed(message);
  }

  async #placeOf({ letter, place, source, run }: SourceDocument): Promise<DocumentPlace> {
    if (letter && !isRowPlace(letter.place)) return letter.place;
    const { collection, journal, offset } = place;
    const name = this.#task.plan.sources[source]?.name;
    const partition = await this.#partitionOf(journal);
    const at = formatTime(run.run.at);
    return { collection, ...(name === undefined ? {} : { source: name }), journal, partition, offset, at };
  }

  async #partitionOf(journal: JournalId): Promise<string> {
    if (!this.#partitions.has(journal)) {
      for (const state of await this.#head.journals()) this.#partitions.set(state.id, partitionPath(state));
    }
    const known = this.#partitions.get(journal);
    if (known === undefined) throw new Error(`The head has no journal "${journal}".`);
    return known;
  }

  /** Ends the transaction: what it appends to the dead-letter journal. */
  drain(): Append[] {
    const journal = this.#journal;
    if (journal === undefined || this.#lines.length === 0) return [];
    const appends = appendsOf(journal, this.#lines);
    this.#lines = [];
    this.#characters = 0;
    return appends;
  }
}

function letterChange({ before, after }: ReducedChange): LetterChange {
  return { ...(before && { before }), ...(after && { after }) };
}
